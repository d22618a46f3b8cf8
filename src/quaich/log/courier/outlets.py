"""The performers of the sinks: each takes one line after the other, and never waits.

``send`` says what became of a line: it is away, it has to be tried again, or it never will be.
Where something is missing (a receiver, a directory) opening it again is tried with growing pauses.
"""

import contextlib
import errno
import os
import select
import signal
import socket
import stat
import subprocess
from collections.abc import Callable
from typing import Any

from quaich.errors import QuaichError
from quaich.log import rotation
from quaich.log.courier import protocols
from quaich.log.courier.letter import Letter
from quaich.log.file import Target

SENT = 0
LATER = 1
LOST = 2

_LONGEST_PAUSE = 10.0
_MISSING = (errno.ENOENT, errno.ECONNREFUSED, errno.ENOTCONN, errno.ECONNRESET, errno.EPIPE)

Form = Callable[[bytes, Letter, float], bytes]


class Outlet:
    """One sink at work.

    ``fd`` is what has to be writable before a line is tried again, ``retry`` when it is, where
    there is nothing to wait for.
    """

    def __init__(self) -> None:
        self.fd = -1
        self.retry = 0.0
        self._failures = 0

    def open(self) -> None:
        """Open it for the first time; a failure that cannot mend itself is an OSError."""

    def send(self, data: bytes, letter: Letter, now: float) -> int:
        """Try one line."""
        raise NotImplementedError

    def reopen(self, rotate: bool) -> None:
        """The operator asks for it; only files care."""

    def turn(self, now: float) -> None:
        """Once a second."""

    def close(self) -> None:
        """No more lines come."""

    def _waits(self, now: float) -> bool:
        # A clock that was set back is not waited for.
        return now < self.retry <= now + _LONGEST_PAUSE

    def _pause(self, now: float) -> int:
        self.retry = now + min(rotation.pause(self._failures), _LONGEST_PAUSE)
        self._failures += 1
        return LATER


class Stream(Outlet):
    """A descriptor that others may write to as well: a terminal, a pipe, a file."""

    def __init__(self, fd: int) -> None:
        super().__init__()
        self._fd = fd
        self._rest = b""
        # Its file status flags are shared with others, so it cannot be made non-blocking.
        self._poller = select.poll()
        self._is_file = stat.S_ISREG(os.fstat(fd).st_mode)
        if not self._is_file:
            self._poller.register(fd, select.POLLOUT)

    def send(self, data: bytes, letter: Letter, now: float) -> int:
        """Write a line, and what is left of it at the next call."""
        rest = self._rest or data
        try:
            while rest:
                if not self._is_file:
                    found = self._poller.poll(0)
                    if not found:
                        self._rest, self.fd = rest, self._fd
                        return LATER
                    if found[0][1] & (select.POLLERR | select.POLLNVAL):
                        return LOST
                # What is writable takes that much without waiting.
                rest = rest[os.write(self._fd, rest[: select.PIPE_BUF]) :]
        except OSError:
            self._rest = b""
            return LOST
        self._rest, self.fd = b"", -1
        return SENT


class File(Outlet):
    """A file of its own, kept as logto's is."""

    def __init__(self, target: Target, most: int, backup: str | None, now: Callable[[], float]):
        super().__init__()
        self._target = target
        self._most = most
        self._backup = backup
        self._now = now
        self._fd = -1

    def open(self) -> None:
        """Open it, for the first time or again."""
        fd = self._target.open()
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = fd

    def send(self, data: bytes, letter: Letter, now: float) -> int:
        """Append a line; one that does not fit on the disk is lost."""
        if self._fd < 0:
            if self._waits(now):
                return LATER
            try:
                self.open()
            except (OSError, QuaichError):
                return self._pause(now)
            self._failures = 0
        try:
            return SENT if os.write(self._fd, data) == len(data) else LOST
        except OSError:
            return LOST

    def reopen(self, rotate: bool) -> None:
        """Set it aside if so asked, and open it again; where that fails it stays as it is."""
        path = os.path.realpath(self._target.name)
        with contextlib.suppress(OSError, QuaichError):
            ours = os.fstat(self._fd)
            # A device is nobody's to rename.
            if rotate and stat.S_ISREG(ours.st_mode) and os.path.samestat(os.lstat(path), ours):
                aside = rotation.backup(path, self._backup, int(self._now()), os.path.lexists)
                os.rename(path, aside)
            self.open()

    def turn(self, now: float) -> None:
        """Rotate a file that has grown too large; look for one that was removed."""
        if self._fd < 0:
            return
        info = os.fstat(self._fd)
        if info.st_nlink == 0:
            os.close(self._fd)
            self._fd, self.retry = -1, 0.0
        elif self._most and info.st_size > self._most:
            self.reopen(rotate=True)

    def close(self) -> None:
        """Close it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class Datagram(Outlet):
    """A socket that takes datagrams; each line is one, in the form that ``form`` gives it."""

    def __init__(self, where: str, form: Form, most: int = 0, large: bool = False) -> None:
        super().__init__()
        self._where = where
        self._form = form
        self._most = most
        self._large = large
        self._socket: socket.socket | None = None
        self._address = _address(where) if not where.startswith(("/", "@")) else None

    def send(self, data: bytes, letter: Letter, now: float) -> int:
        """Send one datagram."""
        if self._socket is None:
            if self._waits(now):
                return LATER
            try:
                self._connect()
            except OSError:
                return self._pause(now)
        assert self._socket is not None
        datagram = self._form(data, letter, now)
        if self._most:
            datagram = datagram[: self._most]
        try:
            self._socket.send(datagram, socket.MSG_NOSIGNAL)
        except BlockingIOError:
            self.fd = self._socket.fileno()
            return LATER
        except OSError as error:
            if error.errno == errno.EMSGSIZE:
                return self._send_large(datagram)
            return self._gone(error, now)
        self.fd, self._failures = -1, 0
        return SENT

    def _gone(self, error: OSError, now: float) -> int:
        self.close()
        # UDP tells of a receiver that is not there at the datagram after: nothing can be kept.
        if self._address is not None or error.errno not in _MISSING:
            return LOST
        return self._pause(now)

    def _send_large(self, datagram: bytes) -> int:
        """The journal takes what is too large for a datagram as a sealed file."""
        if not self._large or self._socket is None:
            return LOST
        import fcntl

        fd = os.memfd_create("quaich-journal", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.write(fd, datagram)
            seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
            socket.send_fds(self._socket, [b""], [fd])
            return SENT
        except OSError:
            return LOST
        finally:
            os.close(fd)

    def _connect(self) -> None:
        family, address = self._address or (
            socket.AF_UNIX,
            self._where.replace("@", "\0", 1) if self._where[0] == "@" else self._where,
        )
        sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.connect(address)
        except BaseException:
            sock.close()
            raise
        self._socket = sock

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket, self.fd = None, -1


class Program(Outlet):
    """A program that reads lines; it is started again when it has ended."""

    def __init__(self, command: str) -> None:
        super().__init__()
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = b""

    def send(self, data: bytes, letter: Letter, now: float) -> int:
        """Write a line to its stdin."""
        if self._process is None:
            if self._waits(now):
                return LATER
            try:
                self._start()
            except OSError:
                return self._pause(now)
        assert self._process is not None
        assert self._process.stdin is not None
        rest = self._rest or data
        fd = self._process.stdin.fileno()
        try:
            while rest:
                rest = rest[os.write(fd, rest) :]
        except BlockingIOError:
            self._rest, self.fd = rest, fd
            return LATER
        except OSError:
            self._end()
            return self._pause(now)
        self._rest, self.fd, self._failures = b"", -1, 0
        return SENT

    def _start(self) -> None:
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", self._command],
            stdin=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, ()),
        )
        assert self._process.stdin is not None
        os.set_blocking(self._process.stdin.fileno(), False)

    def _end(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        # A line of which it has a part is begun again by the next.
        self._rest, self.fd = b"", -1
        self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(0.1)
        self._process = None

    def close(self) -> None:
        """It reads to the end of its input."""
        if self._process is not None:
            self._end()


class Redis(Outlet):
    """Redis or Valkey, by its own protocol: one command for each line."""

    def __init__(self, where: str, command: str, prefix: str) -> None:
        super().__init__()
        self._address = _address(where)
        self._words = [word.encode() for word in command.split()]
        self._prefix = prefix.encode()
        self._socket: socket.socket | None = None
        self._rest = b""

    def send(self, data: bytes, letter: Letter, now: float) -> int:
        """Send the command; its reply is read and thrown away."""
        if self._socket is None and not self._connect(now):
            return LATER
        assert self._socket is not None
        rest = self._rest or protocols.resp(*self._words, self._prefix + protocols.one_line(data))
        try:
            with contextlib.suppress(BlockingIOError):
                if self._socket.recv(65536) == b"":
                    raise ConnectionResetError
            while rest:
                rest = rest[self._socket.send(rest, socket.MSG_NOSIGNAL) :]
        except (BlockingIOError, InterruptedError):
            self._rest, self.fd = rest, self._socket.fileno()
            return LATER
        except OSError as error:
            if error.errno in (errno.ENOTCONN, errno.EINPROGRESS, errno.EALREADY):
                self.fd = self._socket.fileno()
                return LATER
            self.close()
            return self._pause(now)
        self._rest, self.fd, self._failures = b"", -1, 0
        return SENT

    def _connect(self, now: float) -> bool:
        if self._waits(now):
            return False
        family, address = self._address
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setblocking(False)
        found = sock.connect_ex(address)
        if found not in (0, errno.EINPROGRESS, errno.EAGAIN):
            sock.close()
            self._pause(now)
            return False
        self._socket = sock
        return True

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket, self._rest, self.fd = None, b"", -1


def _address(where: str, port: int = 0) -> tuple[int, Any]:
    """The address of ``host:port``; a ``QuaichError`` where there is none."""
    if where.startswith("/"):
        return socket.AF_UNIX, where
    host, colon, text = where.rpartition(":")
    if not colon:
        host, text = where, str(port or "")
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host.strip("[]") or "127.0.0.1", text or None, type=socket.SOCK_DGRAM
        )[0]
    except (OSError, OverflowError) as error:
        raise QuaichError(f"{where}: {error}") from None
    return family, address
