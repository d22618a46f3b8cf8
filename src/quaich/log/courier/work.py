"""The courier at work: takes lines, routes and encodes them, and hands them to the sinks.

It never waits for a sink: what one does not take waits in its store, and what does not fit there is
dropped, counted and told.  At the end it takes what is there to be read, and gives the sinks a
moment.
"""

import contextlib
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Sequence

from quaich.log.courier import letter as letters
from quaich.log.courier.bell import Bell
from quaich.log.courier.encode import Encode
from quaich.log.courier.letter import SERVER, WARNING, Letter
from quaich.log.courier.outlets import LATER, SENT, Outlet
from quaich.log.courier.routing import Routing
from quaich.log.courier.store import Store

FAREWELL = 3.0
"""Seconds for the sinks to take what is left at the end."""

_TURN = 1.0
_BATCH = 256
_READ = 65536


class Queue:
    """A sink with its encoders and what waits for it."""

    def __init__(self, name: str, outlet: Outlet, encoders: Sequence[Encode]) -> None:
        self.name = name
        self.outlet = outlet
        self.encoders = encoders
        self.store = Store()

    def put(self, letter: Letter, now: float) -> None:
        """Take a line: at once, if nothing waits before it."""
        if self.encoders:
            line = letter.line
            for encode in self.encoders:
                line = encode(line, now)
            letter = Letter(letter.kind, line, letter.severity, letter.worker, letter.pid)
        if self.store.put(letter) and len(self.store.letters) == 1:
            self.flush(now)

    def flush(self, now: float) -> None:
        """Send what can be sent."""
        for _ in range(len(self.store.letters)):
            first = self.store.first()
            if first is None:
                return
            outcome = self.outlet.send(first.line, first, now)
            if outcome == LATER:
                return
            if outcome == SENT:
                self.store.done()
            else:
                self.store.lose()


class Source:
    """A pipe that lines come from without a head; ``worker`` is whose it is, 0 for many."""

    def __init__(self, fd: int, worker: int = 0, pid: int = 0) -> None:
        self.fd = fd
        self.worker = worker
        self.pid = pid
        self._rest = b""

    def lines(self, data: bytes) -> list[Letter]:
        """The whole lines there are now; the end of the data ends the last."""
        whole, _, rest = (self._rest + data).rpartition(b"\n")
        if not data:
            whole, rest = (whole + b"\n" if whole else b"") + rest, b""
        elif len(rest) > letters.MOST:
            whole, rest = (whole + b"\n" if whole else b"") + rest, b""
        self._rest = rest
        found = []
        # A traceback is one thing to whoever reads it: its lines stay together.
        for line in whole.split(b"\n") if whole else ():
            prefix = b"worker=%d " % self.worker if self.worker else b""
            text = letters.cut(prefix + line + b"\n")
            found.append(Letter(SERVER, text, letters.severity_of(line), self.worker, self.pid))
        return found


class Courier:
    """The process.

    The last of ``queues`` is the place of lines that have no other; ``counters`` is shown the lines
    sent and dropped of each sink by its index, ``bell`` every line.
    """

    def __init__(
        self,
        queues: Sequence[Queue],
        routings: dict[bytes, Routing],
        inlet: socket.socket,
        pipe: int,
        counters: Callable[[int, int, int], None],
        bell: Bell | None = None,
    ) -> None:
        self._queues = queues
        self._routings = routings
        self._inlet = inlet
        self._sources = {pipe: Source(pipe)}
        self._counters = counters
        self._bell = bell
        self._poller = select.poll()
        self._ended = 0.0
        self._turned = 0.0

    def run(self, wakeup: int) -> None:
        """Until there is nothing more to come; ``wakeup`` is where signals are told."""
        self._inlet.setblocking(False)
        for fd in (self._inlet.fileno(), *self._sources, wakeup):
            os.set_blocking(fd, False)
            self._poller.register(fd, select.POLLIN)
        while not self._done():
            waiting = [queue.outlet.fd for queue in self._queues if queue.outlet.fd >= 0]
            poller = self._poller
            if waiting:
                poller = select.poll()
                for fd in (self._inlet.fileno(), *self._sources, wakeup):
                    poller.register(fd, select.POLLIN)
                for fd in waiting:
                    poller.register(fd, select.POLLOUT)
            found = poller.poll(100 if self._ended else self._timeout())
            now = time.time()
            for fd, _ in found:
                if fd == wakeup:
                    with contextlib.suppress(BlockingIOError):
                        self._heed(os.read(wakeup, 4096))
            self._take_letters(now)
            for source in list(self._sources.values()):
                self._take_lines(source, now)
            for queue in self._queues:
                queue.flush(now)
            self._turn(now)
        for queue in self._queues:
            queue.outlet.close()
        self._count()

    def _timeout(self) -> int:
        return 200 if any(queue.store.letters for queue in self._queues) else 1000

    def _done(self) -> bool:
        """Whether it is the end, and everything is away or its time is over."""
        if not self._ended:
            return False
        if time.monotonic() > self._ended + FAREWELL:
            return True
        return not any(queue.store.letters for queue in self._queues)

    def _heed(self, numbers: bytes) -> None:
        for number in numbers:
            if number == signal.SIGTERM:
                self._ended = self._ended or time.monotonic()
            elif number in (signal.SIGHUP, signal.SIGUSR1):
                for queue in self._queues:
                    queue.outlet.reopen(rotate=number == signal.SIGUSR1)

    def _take_letters(self, now: float) -> None:
        # All that is there at the end, and in between no more than leaves time for the sinks.
        count = 0
        while count < _BATCH or self._ended:
            count += 1
            try:
                message, fds, _, _ = socket.recv_fds(
                    self._inlet, letters.MOST + 64, 1, socket.MSG_CMSG_CLOEXEC
                )
            except (BlockingIOError, ConnectionError):
                return
            if not message and not fds:
                # Nobody is left who could write.
                self._ended = self._ended or time.monotonic()
                return
            letter = letters.unpack(message)
            if letter is not None and letter.kind == letters.OUTPUT:
                if fds and all(each.pid != letter.pid for each in self._sources.values()):
                    self._read_from(Source(fds.pop(), letter.worker, letter.pid))
            elif letter is not None:
                self.deliver(letter, now)
            for fd in fds:
                os.close(fd)

    def _read_from(self, source: Source) -> None:
        os.set_blocking(source.fd, False)
        self._sources[source.fd] = source
        self._poller.register(source.fd, select.POLLIN)

    def _take_lines(self, source: Source, now: float) -> None:
        for _ in range(16):
            try:
                data = os.read(source.fd, _READ)
            except BlockingIOError:
                return
            for letter in source.lines(data):
                self.deliver(letter, now)
            if not data:
                self._poller.unregister(source.fd)
                del self._sources[source.fd]
                os.close(source.fd)
                return

    def deliver(self, letter: Letter, now: float) -> None:
        """Put a line before the sinks that it is for."""
        if self._bell is not None:
            self._bell.hear(letter.line, now)
        for index in self._routings[letter.kind].of(letter.line):
            self._queues[index].put(letter, now)

    def _turn(self, now: float) -> None:
        if now - self._turned < _TURN and now >= self._turned:
            return
        self._turned = now
        for index, queue in enumerate(self._queues):
            queue.outlet.turn(now)
            lost = queue.store.to_tell(now)
            if lost:
                self._tell(index, f"warning: log sink={queue.name} dropped={lost}\n", now)
        self._count()

    def _tell(self, about: int, text: str, now: float) -> None:
        """Say what was lost, but not to the sink that has lost it."""
        letter = Letter(SERVER, text.encode(), WARNING, 0, os.getpid())
        found = [each for each in self._routings[SERVER].of(letter.line) if each != about]
        for index in found or [len(self._queues) - 1]:
            if index != about:
                self._queues[index].put(letter, now)

    def _count(self) -> None:
        for index, queue in enumerate(self._queues):
            self._counters(index, queue.store.sent, queue.store.dropped)
