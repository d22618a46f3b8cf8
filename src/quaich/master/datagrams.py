"""Datagrams to one place: sent or lost, never waited for."""

import socket
from collections.abc import Sequence


class Datagrams:
    """Where datagrams go; the name of a host is looked up once, at the start."""

    def __init__(self, target: str) -> None:
        self.target = target
        self._address: tuple[str, int] | str = target
        family = int(socket.AF_UNIX)
        if not target.startswith("/"):
            host, _, port = target.rpartition(":")
            found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_DGRAM)
            family, _, _, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
            self._address = (str(address[0]), int(address[1]))
        self._sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)

    def send(self, datagrams: Sequence[bytes]) -> str:
        """Send; why that cannot be, or nothing."""
        try:
            for each in datagrams:
                self._sock.sendto(each, self._address)
        except BlockingIOError:
            return ""
        except OSError as error:
            return f"{self.target}: {(error.strerror or str(error)).lower()}"
        return ""

    def close(self) -> None:
        """Release the socket."""
        self._sock.close()
