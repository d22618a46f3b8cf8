"""Clients of SCGI and FastCGI: build requests as fronts do, and read replies to their end."""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tests.support import http
from tests.support.net import Address, connect, exchange
from tests.support.uwsgi import variables

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, DATA = 1, 2, 3, 4, 5, 6, 8
GET_VALUES, GET_VALUES_RESULT, UNKNOWN_TYPE = 9, 10, 11
KEEP = 1

Pairs = Mapping[str, str] | Iterable[tuple[str, str]]


def listed(pairs: Pairs) -> list[tuple[bytes, bytes]]:
    items = pairs.items() if isinstance(pairs, Mapping) else pairs
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in items]


def scgi(pairs: Pairs, body: bytes = b"") -> bytes:
    """A request; CONTENT_LENGTH and SCGI are put before the variables that are given."""
    first = [(b"CONTENT_LENGTH", b"%d" % len(body)), (b"SCGI", b"1")]
    block = b"".join(name + b"\0" + value + b"\0" for name, value in [*first, *listed(pairs)])
    return b"%d:%b,%b" % (len(block), block, body)


def scgi_get(
    address: Address, target: str = "/", method: str = "GET", body: bytes = b"", **more: str
) -> http.Response:
    wanted = variables(target, method, **more)
    del wanted["CONTENT_LENGTH"]
    return cgi(exchange(address, scgi(wanted, body)), method)


def cgi(raw: bytes, method: str = "GET") -> http.Response:
    """A CGI reply, read as the HTTP reply that a front would make of it."""
    assert raw.startswith(b"Status: "), raw[:200]
    return http.parse(b"HTTP/1.1 " + raw.removeprefix(b"Status: "), method)


def record(kind: int, number: int, content: bytes = b"", padding: int = 0) -> bytes:
    return (
        struct.pack(">BBHHBB", 1, kind, number, len(content), padding, 0)
        + content
        + b"\xaa" * padding
    )


def pairs(wanted: Pairs) -> bytes:
    """Names and values with their lengths, short ones in one octet."""

    def size(text: bytes) -> bytes:
        return bytes((len(text),)) if len(text) < 128 else struct.pack(">I", len(text) | 1 << 31)

    return b"".join(size(name) + size(value) + name + value for name, value in listed(wanted))


def begin(number: int = 1, role: int = 1, flags: int = 0) -> bytes:
    return record(BEGIN, number, struct.pack(">HB5x", role, flags))


def request(
    wanted: Pairs, body: bytes = b"", number: int = 1, flags: int = 0, piece: int = 65535
) -> bytes:
    """A whole request, its streams cut into records of ``piece`` octets."""
    parts = [begin(number, flags=flags)]
    for kind, stream in ((PARAMS, pairs(wanted)), (STDIN, body)):
        parts += [
            record(kind, number, stream[start : start + piece], start % 8)
            for start in range(0, len(stream), piece)
        ]
        parts.append(record(kind, number))
    return b"".join(parts)


@dataclass
class Reply:
    """What came for one request; ``status`` is the protocol's, None when it did not end."""

    output: bytes = b""
    status: int | None = None
    records: list[tuple[int, int, bytes]] = field(default_factory=list)


class FastCGI:
    """One connection."""

    def __init__(self, address: Address, timeout: float = 10.0) -> None:
        self.socket = connect(address, timeout)
        self.left = b""

    def __enter__(self) -> "FastCGI":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def _more(self) -> bool:
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            return False
        self.left += data
        return bool(data)

    def record(self) -> tuple[int, int, bytes] | None:
        """The next record: type, request and content; None at the end of the connection."""
        while len(self.left) < 8:
            if not self._more():
                return None
        version, kind, number, length, padding = struct.unpack(">BBHHBx", self.left[:8])
        assert version == 1, self.left[:80]
        while len(self.left) < 8 + length + padding:
            if not self._more():
                return None
        content = self.left[8 : 8 + length]
        self.left = self.left[8 + length + padding :]
        return kind, number, content

    def reply(self, number: int = 1) -> Reply:
        """Read until the request ends, or the connection does."""
        reply = Reply()
        ended = False
        while True:
            found = self.record()
            if found is None:
                return reply
            reply.records.append(found)
            kind, whose, content = found
            if whose != number:
                continue
            if kind == STDOUT:
                assert not ended
                reply.output += content
                ended = not content
            elif kind == END:
                reply.status = content[4]
                return reply

    def ask(
        self,
        target: str = "/",
        method: str = "GET",
        body: bytes = b"",
        flags: int = KEEP,
        piece: int = 65535,
        **more: str,
    ) -> http.Response:
        length = len(body) if body else None
        wanted = variables(target, method, length, **more)
        self.send(request(wanted, body, flags=flags, piece=piece))
        reply = self.reply()
        assert reply.status == 0, reply
        return cgi(reply.output, method)

    def at_end(self) -> bool:
        """Whether the server has closed the connection, with nothing more said."""
        self.socket.settimeout(10)
        try:
            return self.left == b"" and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
