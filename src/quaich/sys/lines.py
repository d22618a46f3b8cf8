"""Writing to a log without waiting for its reader, and without failing.

What cannot be written now is dropped: neither a full disk nor a pipe whose reader hangs may hold up
a request.
"""

import os
import select
import stat
import threading
from collections.abc import Iterable
from io import TextIOBase

_ATOMIC = 4096
"""PIPE_BUF: a pipe that can be written to takes as much at once; more could have to wait."""


def is_file(fd: int) -> bool:
    """Whether writing never waits for a reader."""
    try:
        return stat.S_ISREG(os.fstat(fd).st_mode)
    except OSError:
        return False


def write(fd: int, data: bytes) -> int:
    """Write ``data`` as far as that can be done now; how much was written, the rest is dropped.

    Each piece is whole lines, as long as a line is not longer than a piece, so that other writers'
    lines come between ours and never into them.
    """
    poller = select.poll()
    poller.register(fd, select.POLLOUT)
    start = 0
    try:
        while start < len(data):
            end = len(data)
            if end - start > _ATOMIC:
                end = data.rfind(b"\n", start, start + _ATOMIC) + 1 or start + _ATOMIC
            if not poller.poll(0):
                break
            written = os.write(fd, data[start:end])
            start += written
            if start < end:
                break
    except OSError:
        pass  # nobody reads, or a full disk
    return start


class ErrorStream(TextIOBase):
    """``wsgi.errors``: whole lines to a log, which no request can close for the next one.

    Each thread's lines are put together apart, so that they do not mix.
    """

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, fd: int = 2) -> None:
        self._fd = fd
        self._local = threading.local()

    def fileno(self) -> int:
        """The descriptor, for a child process to write to."""
        return self._fd

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, text: str) -> int:
        """Write what is whole lines by now; the rest waits for its end, or for ``flush``."""
        if not isinstance(text, str):
            raise TypeError(f"wsgi.errors: write() expects a str, got {type(text).__name__}")
        whole, end, rest = (self._rest() + text).rpartition("\n")
        self._local.rest = rest
        if end:
            self._put(whole + end)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:  # type: ignore[override]
        """Write one after the other."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Write what waits for the end of its line."""
        rest = self._rest()
        if rest:
            self._local.rest = ""
            self._put(rest)

    def close(self) -> None:
        """Only flush: the stream is the server's, and other requests go on writing to it."""
        self.flush()

    def _rest(self) -> str:
        return getattr(self._local, "rest", "")

    def _put(self, text: str) -> None:
        data = text.encode("utf-8", "backslashreplace")
        # Asked each time: what the descriptor leads to may have been changed.
        if not is_file(self._fd):
            write(self._fd, data)
            return
        try:
            os.write(self._fd, data)
        except OSError:
            pass  # a full disk: there is nobody to tell
