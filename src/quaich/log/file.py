"""Where the log goes: a file that is appended to, or the address of a UDP receiver.

Opening follows symbolic links, since ``/dev/stdout`` is one.  What cannot be opened is an OSError,
or for an address a QuaichError.
"""

import os
import re
import socket

from quaich.errors import QuaichError
from quaich.values import dataclass

_ADDRESS = re.compile(r"([^/]*):([0-9]{1,5})")


@dataclass(frozen=True)
class Target:
    """A log: where it goes, and for a file its mode and owner."""

    name: str
    mode: int | None = None
    owner: tuple[int, int] | None = None

    @property
    def udp(self) -> bool:
        """Whether it is an address, ``host:port``."""
        return _ADDRESS.fullmatch(self.name) is not None

    def open(self, truncate: bool = False) -> int:
        """A descriptor to write whole lines to; it is closed on exec."""
        match = _ADDRESS.fullmatch(self.name)
        if match is not None:
            return _connect(self.name, match[1], int(match[2]))
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOCTTY
        fd = os.open(self.name, flags | (os.O_TRUNC if truncate else 0), 0o640)
        try:
            if self.owner is not None:
                os.fchown(fd, *self.owner)
            if self.mode is not None:
                os.fchmod(fd, self.mode)
        except BaseException:
            os.close(fd)
            raise
        return fd


def _connect(name: str, host: str, port: int) -> int:
    if port > 65535:
        raise QuaichError(f"{name}: the port is {port}; expected a number from 1 to 65535")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or "127.0.0.1", port, type=socket.SOCK_DGRAM
        )[0]
        with socket.socket(family, kind, protocol) as sock:
            sock.connect(address)
            return sock.detach()
    except (OSError, OverflowError) as error:
        raise QuaichError(f"{name}: the log cannot be sent there: {error}") from None


def redirect(fd: int) -> None:
    """Make it stdout and stderr, and so what every process writes to; ``fd`` is closed."""
    os.dup2(fd, 1)
    os.dup2(fd, 2)
    os.close(fd)
