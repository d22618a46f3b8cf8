"""Servers behind nginx that do exactly what a test says, speaking uwsgi or HTTP, on a thread each.

A behaviour is given a request and returns the bytes of the reply, or None to close without one.
"""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Request:
    """What arrived: the uwsgi variables, or the fields of an HTTP head, and the body."""

    variables: dict[str, str]
    body: bytes
    sock: socket.socket

    @property
    def path(self) -> str:
        return self.variables.get("PATH_INFO", "")

    @property
    def method(self) -> str:
        return self.variables.get("REQUEST_METHOD", "")


Behaviour = Callable[[Request], bytes | None]


@dataclass
class Backend:
    """One server; ``requests`` are those it got, ``address`` is as nginx writes it."""

    address: str
    behaviour: Behaviour
    protocol: str = "uwsgi"
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.address.startswith("unix:"):
            self.sock = socket.socket(socket.AF_UNIX)
            path = Path(self.address.removeprefix("unix:"))
            path.unlink(missing_ok=True)
            self.sock.bind(str(path))
        else:
            host, _, port = self.address.rpartition(":")
            self.sock = socket.socket()
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.sock.bind((host, int(port)))
        self.sock.listen(64)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        self.thread.join(10)
        if self.address.startswith("unix:"):
            Path(self.address.removeprefix("unix:")).unlink(missing_ok=True)

    def paths(self) -> list[str]:
        return [each.path for each in self.requests]

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.sock.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(10)
                read = _uwsgi if self.protocol == "uwsgi" else _http
                request = read(connection)
                if request is None:
                    continue
                self.requests.append(request)
                reply = self.behaviour(request)
                if reply is not None:
                    connection.sendall(reply)


def _exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise ConnectionError("cut")
        data += piece
    return data


def _uwsgi(sock: socket.socket) -> Request | None:
    _, size, _ = struct.unpack("<BHB", _exactly(sock, 4))
    block = _exactly(sock, size)
    words = []
    while block:
        (length,) = struct.unpack_from("<H", block)
        words.append(block[2 : 2 + length].decode("latin-1"))
        block = block[2 + length :]
    variables = dict(zip(words[::2], words[1::2], strict=True))
    length = int(variables.get("CONTENT_LENGTH") or 0)
    return Request(variables, _exactly(sock, length), sock)


def _http(sock: socket.socket) -> Request | None:
    head = b""
    while b"\r\n\r\n" not in head:
        piece = sock.recv(65536)
        if not piece:
            return None
        head += piece
    head, _, body = head.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    variables = {"REQUEST_METHOD": first.split()[0], "PATH_INFO": first.split()[1]}
    for each in lines:
        name, _, value = each.partition(":")
        variables[f"HTTP_{name.upper().replace('-', '_')}"] = value.strip()
    length = int(variables.get("HTTP_CONTENT_LENGTH", 0))
    return Request(variables, body + _exactly(sock, length - len(body)), sock)
