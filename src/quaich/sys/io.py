"""Non-blocking socket calls shaped for the request path.

Why not the ``socket`` module: "the kernel would block" is an everyday answer here, not an
exception, and compiled code can ask the kernel without argument parsing or object creation.  The
functions named ``c_...`` are that seam: they live in the ``.pxd`` beside this file and exist only
where it is compiled.  Every function takes raw non-blocking descriptors.

* ``None`` (or -1 where a count is due) means: would block, ask the poller.
* Anything else that is wrong is raised as OSError.
"""

import fcntl
import os
import select
import socket
import struct
import sys
import termios
from typing import Any

try:
    import cython
except ImportError:
    from quaich.sys import cy as cython

from quaich.sys.process import let_go

_READING: int = select.EPOLLIN | select.EPOLLRDHUP
_WRITING: int = select.EPOLLOUT


def receive(fd: int, size: int) -> bytes | None:
    """Up to ``size`` octets; ``b""`` at the end of the stream; None when nothing is here yet."""
    if cython.compiled:
        return c_receive(fd, size, 0)  # type: ignore[name-defined, no-any-return]
    else:
        try:
            return os.read(fd, size)
        except (BlockingIOError, InterruptedError):
            return None


def receive_into(fd: int, memory: Any, offset: int, size: int) -> int:
    """Up to so many octets, put into a writable buffer, from ``offset`` on; 0 at the end of the
    stream, -1 when nothing is here yet."""
    if cython.compiled:
        return c_receive_into(fd, memory, offset, size)  # type: ignore[name-defined, no-any-return]
    else:
        if not (0 <= size <= len(memory) - offset and offset >= 0):
            raise ValueError(f"{size} octets at {offset} are not in it")
        with memoryview(memory) as whole, whole[offset : offset + size] as part:
            try:
                return os.readv(fd, (part,))
            except (BlockingIOError, InterruptedError):
                return -1


def peek(fd: int, size: int) -> bytes | None:
    """The same, and it stays in the kernel."""
    if cython.compiled:
        return c_receive(fd, size, MSG_PEEK)  # type: ignore[name-defined, no-any-return]
    else:
        whole = socket.socket(fileno=fd)
        try:
            return whole.recv(size, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except (BlockingIOError, InterruptedError):
            return None
        finally:
            whole.detach()


def send(fd: int, data: bytes, offset: int) -> int:
    """Send ``data[offset:]``; how many octets the kernel took, or -1 when it takes none now."""
    if cython.compiled:
        return c_send(fd, data, offset)  # type: ignore[name-defined, no-any-return]
    else:
        try:
            return os.write(fd, memoryview(data)[offset:] if offset else data)
        except (BlockingIOError, InterruptedError):
            return -1


def send_both(fd: int, first: bytes, second: bytes) -> int:
    """Send two pieces as one; how many octets of both the kernel took, or -1."""
    if cython.compiled:
        return c_send_both(fd, first, second)  # type: ignore[name-defined, no-any-return]
    else:
        try:
            return os.writev(fd, (first, second))
        except (BlockingIOError, InterruptedError):
            return -1


def send_file(fd: int, file: int, offset: int, count: int) -> int:
    """Send ``count`` octets of an open file from ``offset``; 0 means that the file has ended."""
    try:
        return os.sendfile(fd, file, offset, count)
    except (BlockingIOError, InterruptedError):
        return -1


def close_fd(fd: int) -> None:
    """Close a descriptor."""
    if cython.compiled:
        c_close(fd)  # type: ignore[name-defined]
    else:
        os.close(fd)


def asks(fd: int) -> bool:
    """Whether something that was sent waits in the kernel."""
    try:
        whole = socket.socket(fileno=fd)
    except OSError:
        return False
    try:
        return bool(whole.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    except OSError:
        return False
    finally:
        whole.detach()


def peer_state(fd: int) -> int:
    """0 while the peer may send; 1 when it has said that it sends no more; 2 when it is gone."""
    if cython.compiled:
        return c_peer_state(fd)  # type: ignore[name-defined, no-any-return]
    else:
        poll = select.poll()
        poll.register(fd, select.POLLRDHUP)
        events = 0
        for _, seen in poll.poll(0):
            events |= seen
        if events & (select.POLLHUP | select.POLLERR | select.POLLNVAL):
            return 2
        return 1 if events & select.POLLRDHUP else 0


def unsent(fd: int) -> int:
    """Octets that the kernel holds for the peer; 0 where it cannot say."""
    held = bytearray(4)
    try:
        fcntl.ioctl(fd, termios.TIOCOUTQ, held)
    except OSError:
        return 0
    return int.from_bytes(held, sys.byteorder)


def half_close(fd: int) -> None:
    """Say that nothing more will be sent."""
    whole = socket.socket(fileno=fd)
    try:
        whole.shutdown(socket.SHUT_WR)
    except OSError:
        # Already closed by the peer, who then needs no notice.
        pass
    finally:
        whole.detach()


def abort_on_close(fd: int) -> None:
    """Let the close that follows be an error to the peer."""
    try:
        whole = socket.socket(fileno=fd)
    except OSError:
        # Closed already: there is nothing left to abort.
        return
    try:
        whole.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    finally:
        whole.detach()


def finish_on_close(fd: int) -> None:
    """Take that back: let the close be a good end."""
    whole = socket.socket(fileno=fd)
    try:
        whole.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))
    finally:
        whole.detach()


class Acceptor:
    """A listening socket; ``accept`` gives descriptors that are non-blocking and not inherited."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._socket = socket.socket(fileno=os.dup(fd))
        self.inet = self._socket.family in (socket.AF_INET, socket.AF_INET6)

    def accept(self) -> tuple[int, str, int] | None:
        """A new connection's descriptor and its peer's address and port ("" and 0 on UNIX)."""
        if cython.compiled:
            return c_accept(self.fd)  # type: ignore[name-defined, no-any-return]
        else:
            try:
                connection, address = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return None
            connection.setblocking(False)
            if self.inet:
                return connection.detach(), address[0], address[1]
            return connection.detach(), "", 0

    def port(self) -> str:
        """The port it listens on, or "" on UNIX."""
        return str(self._socket.getsockname()[1]) if self.inet else ""

    def close(self) -> None:
        """Give up this process's hold on the socket's duplicate; the listener itself lives on."""
        self._socket.close()

    def shut(self) -> None:
        """Hold the listening socket no more."""
        self._socket.close()
        let_go(self.fd)


class Poller:
    """One epoll instance.

    A connection that waits for input whose peer has said that it sends no more, or is gone, is
    reported as ``~fd``, which no descriptor is; what can be read may still be a whole request.
    ``one_shot`` is for several threads waiting on it: a connection is reported once, to one of
    them, and must be armed again.  With one thread it stays armed.
    """

    def __init__(self, one_shot: bool) -> None:
        self._epoll = select.epoll()
        self.fd = self._epoll.fileno()
        self.one_shot = select.EPOLLONESHOT if one_shot else 0
        # One event at a time: a thread must not sit on events while its fellows are idle.
        self.batch = 1 if one_shot else 64

    def wait(self, timeout: int) -> list[int]:
        """Descriptors with events, after at most ``timeout`` milliseconds (-1: no bound)."""
        if cython.compiled:
            return c_wait(self.fd, timeout, self.batch)  # type: ignore[name-defined, no-any-return]
        else:
            seconds = timeout / 1000 if timeout >= 0 else -1
            found = self._epoll.poll(seconds, self.batch)
            return [~fd if events & select.EPOLLRDHUP else fd for fd, events in found]

    def add_listener(self, fd: int) -> None:
        """Report connections; of the workers that share a listener, the kernel wakes one."""
        self._epoll.register(fd, select.EPOLLIN | select.EPOLLEXCLUSIVE)

    def add_signal(self, fd: int) -> None:
        """Report that ``fd`` can be read, to every thread, until it is read."""
        self._epoll.register(fd, select.EPOLLIN)

    def add(self, fd: int, writing: bool) -> None:
        """Watch a connection, for input or for room to write."""
        self._control(1, fd, writing)

    def modify(self, fd: int, writing: bool) -> None:
        """Change what a watched connection waits for, and arm it again."""
        self._control(3, fd, writing)

    def _control(self, operation: int, fd: int, writing: bool) -> None:
        # Not while writing: a peer that only reads would be reported again and again.
        mask = (_WRITING if writing else _READING) | self.one_shot
        if cython.compiled:
            c_control(self.fd, operation, fd, mask)  # type: ignore[name-defined]
        elif operation == 1:
            self._epoll.register(fd, mask)
        else:
            self._epoll.modify(fd, mask)

    def remove(self, fd: int) -> None:
        """Stop watching; closing a descriptor does this by itself."""
        self._epoll.unregister(fd)

    def close(self) -> None:
        """Close the epoll instance."""
        self._epoll.close()
