"""Where the log goes: a file that is appended to, or the address of a UDP receiver.

Opening follows symbolic links, since ``/dev/stdout`` is one, but root follows only its own; what a
link leads to keeps its owner and mode.  What cannot be opened is an OSError, or for an address a
QuaichError.
"""

import errno
import os
import socket
import stat

from quaich.errors import QuaichError
from quaich.patterns import pattern
from quaich.values import dataclass

_ANOTHERS = "it is a link of another user's, which root does not follow"
_ADDRESS = pattern(r"([^/]*):([0-9]{1,5})")


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
        if not _trusted(self.name):
            flags |= os.O_NOFOLLOW
        try:
            fd = os.open(self.name, flags | (os.O_TRUNC if truncate else 0), 0o640)
        except OSError as error:
            if error.errno == errno.ELOOP and flags & os.O_NOFOLLOW:
                raise OSError(errno.ELOOP, _ANOTHERS) from None
            raise
        try:
            if _is_named(fd, self.name):
                if self.owner is not None:
                    os.fchown(fd, *self.owner)
                if self.mode is not None:
                    os.fchmod(fd, self.mode)
        except BaseException:
            os.close(fd)
            raise
        return fd


def _trusted(name: str) -> bool:
    """Whether a name may be a link: for root only one of its own, such as /dev/stdout.

    Where the application may write to the directory of the log, it could have root write anywhere.
    """
    if os.geteuid() != 0:
        return True
    try:
        info = os.lstat(name)
    except FileNotFoundError:
        return False
    return stat.S_ISLNK(info.st_mode) and info.st_uid == 0


def _is_named(fd: int, name: str) -> bool:
    """Whether it is the file of that name, and of no other: what a link leads to is not ours, and a
    device is everybody's."""
    info = os.fstat(fd)
    return (
        stat.S_ISREG(info.st_mode) and info.st_nlink < 2 and os.path.samestat(info, os.lstat(name))
    )


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
