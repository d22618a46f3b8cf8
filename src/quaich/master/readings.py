"""Reading the configuration again, for a reload: by a child that the master does not wait for.

A configuration may come from a program or over the network, so that reading it can take any time,
or never end.  It has as long as a generation has to become ready; a server that ends does not wait
for it.
"""

import os
import signal
from collections.abc import Callable
from typing import Protocol

from quaich.config.effective import Config
from quaich.errors import QuaichError
from quaich.master.side import BaseSide

_CHUNK = 65536


class Reading(Protocol):
    """A child that reads, and that SIGTERM ends; what it writes until it ends is the answer."""

    pid: int
    fd: int

    def finish(self, data: bytes, end: str) -> Config:
        """The configuration, by what was written and how the child ended; raises QuaichError."""


class Readings(BaseSide):
    """One reading at a time; ``done`` is told of which generation it was, and what came of it."""

    def __init__(
        self, begin: Callable[[], Reading], done: Callable[[int, Config | QuaichError], None]
    ) -> None:
        self._begin = begin
        self._done = done
        self._reading: Reading | None = None
        self._number = 0
        self._fd = -1
        self._data = b""
        self._until: float | None = None
        self._patience = 0.0
        self._killed: set[int] = set()

    def begin(self, number: int, patience: float, now: float) -> None:
        """Read for this generation, for so many seconds at most (0: any time)."""
        self._reading = self._begin()
        self._number, self._data = number, b""
        self._patience = patience
        self._until = now + patience if patience else None
        self._fd = self._reading.fd
        os.set_blocking(self._fd, False)
        self.house.watch(self._fd, self._take)

    def due(self) -> float | None:
        """The end of its time."""
        return self._until

    def turn(self, now: float) -> None:
        """Give it up when its time is over."""
        if self._until is not None and now >= self._until:
            self.close()
            text = f"still reading the configuration after startup-timeout={self._patience:g}s"
            self._done(self._number, QuaichError(text))

    def died(self, pid: int, how: str) -> bool:
        """It has written all it had to write."""
        if pid in self._killed:
            self._killed.remove(pid)
            return True
        reading = self._reading
        if reading is None or pid != reading.pid:
            return False
        self._take()
        self._let_go()
        found: Config | QuaichError
        try:
            found = reading.finish(self._data, how)
        except QuaichError as error:
            found = error
        self._done(self._number, found)
        return True

    def close(self) -> None:
        """Nobody waits for it any more."""
        if self._reading is not None:
            os.kill(self._reading.pid, signal.SIGTERM)
            self._killed.add(self._reading.pid)
            self._let_go()

    def _take(self) -> None:
        """What is there by now: more than fits into the pipe would keep it from its end."""
        try:
            while self._fd >= 0:
                data = os.read(self._fd, _CHUNK)
                self._data += data
                if not data:
                    self._shut()
        except BlockingIOError:
            pass

    def _shut(self) -> None:
        if self._fd >= 0:
            self.house.unwatch(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _let_go(self) -> None:
        self._shut()
        self._reading, self._until = None, None
