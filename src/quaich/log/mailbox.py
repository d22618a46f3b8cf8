"""Where processes leave lines for the courier: a socket that all of them inherit.

Leaving a line never waits: what does not fit is dropped and counted, and the count is told with the
next line that fits.
"""

import os
import socket
import time
from collections.abc import Callable

from quaich.log.courier import letter as letters
from quaich.log.courier.letter import OUTPUT, REQUEST, SERVER, WARNING

_TELL = 1.0


class Mailbox:
    """The writing end ``fd``, which does not block; ``worker`` is who writes, 0 for the others."""

    def __init__(self, fd: int, worker: int = 0) -> None:
        self.fd = fd
        self.worker = worker
        self.dropped = 0
        self.on_lost: Callable[[int], None] = _nothing
        self._told = 0
        self._told_at = 0.0
        self._heads: dict[tuple[bytes, int], bytes] = {}
        self._pid = 0

    def put(self, kind: bytes, severity: int, line: bytes) -> bool:
        """Leave a line with its end; False when it was dropped."""
        if self.dropped != self._told and time.monotonic() >= self._told_at + _TELL:
            self._tell()
        if self._send(kind, severity, line):
            return True
        self.dropped += 1
        self.on_lost(1)
        return False

    def lend(self, pipe: int) -> None:
        """Have the courier read a pipe, line by line, as this worker's."""
        head = self._head(OUTPUT, letters.INFO)
        try:
            with socket.socket(fileno=os.dup(self.fd)) as sock:
                socket.send_fds(sock, [head], [pipe])
        except OSError:
            self.dropped += 1

    def _send(self, kind: bytes, severity: int, line: bytes) -> bool:
        try:
            os.write(self.fd, self._head(kind, severity) + letters.cut(line))
        except OSError:
            return False
        return True

    def _head(self, kind: bytes, severity: int) -> bytes:
        pid = os.getpid()
        if pid != self._pid:
            self._pid = pid
            self._heads.clear()
        head = self._heads.get((kind, severity))
        if head is None:
            head = letters.head(kind, severity, self.worker, pid)
            self._heads[kind, severity] = head
        return head

    def _tell(self) -> None:
        self._told_at = time.monotonic()
        lost = self.dropped - self._told
        text = f"warning: log sink=courier dropped={lost} pid={os.getpid()}\n"
        if self._send(SERVER, WARNING, text.encode()):
            self._told = self.dropped


def _nothing(lines: int) -> None:
    pass


class Requests:
    """Request lines, to the courier."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    @property
    def on_lost(self) -> Callable[[int], None]:
        """Who hears of lines that were dropped."""
        return self._mailbox.on_lost

    @on_lost.setter
    def on_lost(self, told: Callable[[int], None]) -> None:
        self._mailbox.on_lost = told

    def of_worker(self, number: int) -> "Requests":
        """The same for a worker."""
        return Requests(Mailbox(self._mailbox.fd, number))

    def write(self, data: bytes) -> None:
        """One line."""
        self._mailbox.put(REQUEST, letters.INFO, data)
