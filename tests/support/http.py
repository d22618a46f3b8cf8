"""An HTTP client that sends exact bytes and believes nothing.

It reads a response only as far as its framing says and raises ``Broken`` on anything that a
careful client would not accept, so that a test sees a cut or over-long response as what it is.
"""

import contextlib
import socket
import time
from dataclasses import dataclass, field
from types import TracebackType

from tests.support.net import Address, connect


class Broken(AssertionError):
    """The response is not well framed, or was cut."""


@dataclass
class Response:
    status: int
    reason: str
    version: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def get(self, name: str) -> str | None:
        """The one value of a header; several are an error here."""
        values = self.all(name)
        if len(values) > 1:
            raise Broken(f"{name} {len(values)} times: {values}")
        return values[0] if values else None


class Client:
    """One connection.  Use ``send`` for exact bytes and ``receive`` for the next response."""

    def __init__(self, address: Address, timeout: float = 10.0) -> None:
        self.timeout = timeout
        self.sock = connect(address, timeout)
        self.buffer = b""

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def end(self) -> None:
        """Say that nothing more will be sent; the answer can still be read."""
        self.sock.shutdown(socket.SHUT_WR)

    def request(
        self,
        target: str = "/",
        method: str = "GET",
        headers: tuple[tuple[str, str], ...] = (("Host", "localhost"),),
        body: bytes = b"",
    ) -> Response:
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        return self.receive(method)

    def _more(self, deadline: float) -> bool:
        left = deadline - time.monotonic()
        if left <= 0:
            raise Broken(f"no complete response in {self.timeout} s; so far {self.buffer!r}")
        self.sock.settimeout(left)
        try:
            data = self.sock.recv(65536)
        except ConnectionResetError:
            return False
        except TimeoutError:
            raise Broken(
                f"no complete response in {self.timeout} s; so far {self.buffer[:500]!r}"
            ) from None
        self.buffer += data
        return bool(data)

    def _until(self, mark: bytes, deadline: float) -> bytes:
        while mark not in self.buffer:
            if not self._more(deadline):
                raise Broken(f"closed before {mark!r}; got {self.buffer[:500]!r}")
        text, self.buffer = self.buffer.split(mark, 1)
        return text

    def _exactly(self, count: int, deadline: float) -> bytes:
        while len(self.buffer) < count:
            if not self._more(deadline):
                raise Broken(f"closed after {len(self.buffer)} of {count} bytes of the body")
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def receive(self, method: str = "GET") -> Response:
        """The next response, interim ones (1xx) included, read no further than its framing."""
        deadline = time.monotonic() + self.timeout
        head = self._until(b"\r\n\r\n", deadline).decode("latin-1")
        line, *fields = head.split("\r\n")
        version, _, rest = line.partition(" ")
        code, _, reason = rest.partition(" ")
        if not (version in ("HTTP/1.1", "HTTP/1.0") and len(code) == 3 and code.isdigit()):
            raise Broken(f"not a status line: {line!r}")
        response = Response(int(code), reason, version)
        for each in fields:
            name, colon, value = each.partition(":")
            if not colon or not name or name != name.strip():
                raise Broken(f"not a header line: {each!r}")
            response.headers.append((name, value.strip(" \t")))
        response.body = self._body(response, method, deadline)
        return response

    def _body(self, response: Response, method: str, deadline: float) -> bytes:
        length, coding = response.get("Content-Length"), response.get("Transfer-Encoding")
        if length is not None and coding is not None:
            raise Broken("both Content-Length and Transfer-Encoding")
        if method == "HEAD" or response.status < 200 or response.status in (204, 304):
            return b""
        if coding is not None:
            if coding != "chunked":
                raise Broken(f"Transfer-Encoding: {coding}")
            return self._chunked(deadline)
        if length is not None:
            if not (length.isascii() and length.isdigit()):
                raise Broken(f"Content-Length: {length}")
            return self._exactly(int(length), deadline)
        while self._more(deadline):
            pass
        body, self.buffer = self.buffer, b""
        return body

    def _chunked(self, deadline: float) -> bytes:
        pieces = []
        while True:
            size = int(self._until(b"\r\n", deadline).decode("ascii"), 16)
            if size == 0:
                if self._until(b"\r\n", deadline):
                    raise Broken("trailers")
                return b"".join(pieces)
            pieces.append(self._exactly(size, deadline))
            if self._exactly(2, deadline) != b"\r\n":
                raise Broken("a chunk is longer than its size")

    def closed(self, timeout: float = 10.0) -> bool:
        """Whether the server closes within the time, having sent nothing more."""
        deadline = time.monotonic() + timeout
        with contextlib.suppress(Broken):
            return not self.buffer and not self._more(deadline)
        return False


def get(
    address: Address,
    target: str = "/",
    method: str = "GET",
    headers: tuple[tuple[str, str], ...] = (("Host", "localhost"),),
    body: bytes = b"",
    timeout: float = 10.0,
) -> Response:
    """One request on its own connection."""
    with Client(address, timeout) as client:
        return client.request(target, method, (*headers, ("Connection", "close")), body)


def parse(raw: bytes, method: str = "GET") -> Response:
    """A whole reply already in hand, framed by the close of its connection if by nothing else."""
    left, right = socket.socketpair()
    with left, right:
        client = Client.__new__(Client)
        client.sock, client.timeout, client.buffer = left, 1.0, raw
        right.shutdown(socket.SHUT_WR)
        response = client.receive(method)
        if client.buffer:
            raise Broken(f"bytes after the response: {client.buffer[:200]!r}")
        return response
