"""Whether a worker takes anything up: it accepts, pauses, leaves or stops.

The part of the engine that knows no request.  Whoever changes what the worker does holds the lock,
then wakes every thread, which looks at what has changed before it waits again (``unusual``).  The
threads of a paused worker wait in a place of their own, where connections cannot wake them.
"""

import os
import threading
import time

from quaich.log.server import Log
from quaich.sys.io import Poller
from quaich.worker.answer import Answerer
from quaich.worker.connection import Connection, Door
from quaich.worker.handover import Handover
from quaich.worker.strays import let_go_of


class Gate:
    """``doors`` are those to accept at; ``handover`` is None where no other worker could ever take
    a connection over.

    It is made before the workers are forked, with all that is the same in each; ``open`` makes what
    is a worker's own.
    """

    def __init__(
        self,
        doors: list[Door],
        handover: Handover | None,
        answerer: Answerer,
        log: Log,
        threads: int,
    ) -> None:
        self.doors = {door.fd: door for door in doors}
        self.handover = handover
        self.lounge = handover.fd if handover is not None else -1
        self.answerer = answerer
        self.log = log
        self.threads = threads
        self.signals = -1
        self.table: dict[int, Connection] = {}
        self.next_sweep = 0.0
        self.halted = False
        self.lifeline = -1
        self.accepting = False
        # Whether a thread has to look at the four below before it waits.
        self.unusual = False
        self.leaving = False
        self.leave_began = 0.0
        self.handing = False
        self.paused = False
        self.pause_began = 0.0
        self.lock = threading.RLock()

    def open(self, signals: int) -> None:
        """Make what this process waits in; ``signals`` can be read when a signal has come."""
        self.signals = signals
        self.next_sweep = time.monotonic() + 1.0
        self.poller = Poller(self.threads > 1)
        self.wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC | os.EFD_SEMAPHORE)
        self.poller.add_signal(self.wake)
        # Where threads wait that are paused: until the bell, which can be read until it is reset.
        self.bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.quiet = Poller(False)
        self.quiet.add_signal(self.bell)
        self.poller.add_signal(signals)
        self.quiet.add_signal(signals)

    def start_accepting(self) -> None:
        """Let connections in."""
        with self.lock:
            if not self.accepting and not self.leaving and not self.paused:
                for fd in self._entrances():
                    self.poller.add_listener(fd)
                self.accepting = True

    def stop_accepting(self) -> None:
        """Leave connections to other workers, or in the kernel's queue."""
        with self.lock:
            if self.accepting:
                for fd in self._entrances():
                    self.poller.remove(fd)
                self.accepting = False

    def _entrances(self) -> list[int]:
        return [*self.doors, self.lounge] if self.lounge >= 0 else [*self.doors]

    def forsake(self) -> None:
        """In a process that the application forked: hold nobody whom this worker is to close.

        A client that is between two requests would go on asking there, where nobody reads.
        """
        doors = self.doors.values() if self.handover is None else self.handover.doors
        for door in doors:
            door.acceptor.shut()
        let_go_of([*self.table])

    def leave(self) -> None:
        """Stop accepting, answer what is here, then let every thread return from ``run``."""
        with self.lock:
            if self.leaving:
                return
            self.stop_accepting()
            self.leave_began = time.monotonic()
            self.handing = self.has_heirs()
            self.answerer.closing = self.answerer.closing or not self.handing
            self.leaving = self.unusual = True
            # Not before: who wakes from the pause hands over, and takes up nothing here.
            if self.paused:
                self._end_pause()
        os.eventfd_write(self.wake, self.threads)

    def has_heirs(self) -> bool:
        """Whether others go on where this worker stops: not when the master is gone, or ends."""
        return self.handover is not None and self.lifeline >= 0 and self.handover.has_heirs()

    def pause(self) -> None:
        """Take nothing, once what the threads are in is answered."""
        with self.lock:
            if self.paused or self.leaving or self.halted:
                return
            self.stop_accepting()
            self.pause_began = time.monotonic()
            try:
                os.eventfd_read(self.bell)
            except BlockingIOError:
                pass
            self.paused = self.unusual = True
        os.eventfd_write(self.wake, self.threads)

    def resume(self) -> None:
        """End a pause; nobody's time has run out meanwhile."""
        with self.lock:
            if self.paused:
                self._end_pause()
                self.start_accepting()

    def _end_pause(self) -> None:
        length = time.monotonic() - self.pause_began
        for conn in list(self.table.values()):
            conn.deadline += length
            if conn.body_began:
                conn.body_began += length
                conn.heard += length
        self.next_sweep += length
        self.paused = False
        self.unusual = self.halted or self.leaving
        os.eventfd_write(self.bell, 1)

    def watch_lifeline(self, fd: int) -> None:
        """Leave when ``fd`` ends: the master is gone."""
        self.lifeline = fd
        self.poller.add_signal(fd)
        self.quiet.add_signal(fd)

    def orphaned(self, fd: int) -> None:
        """The lifeline has ended; every thread that waits is told so at once."""
        with self.lock:
            if fd != self.lifeline:
                return
            self.lifeline = -1
            self.poller.remove(fd)
            self.quiet.remove(fd)
        self.log.warning("the master is gone; this worker finishes what it holds and leaves")
        self.leave()

    def halt(self) -> None:
        """Let every thread return from ``run`` after what it does now; who is parked goes to the
        lounge if others stay, and is lost if not."""
        with self.lock:
            self.stop_accepting()
            self.halted = self.unusual = True
        os.eventfd_write(self.wake, self.threads)
        os.eventfd_write(self.bell, 1)

    def shut(self) -> None:
        """Close what is the gate's; the listeners themselves belong to the master."""
        if self.handover is not None:
            self.handover.close()
        self.poller.close()
        self.quiet.close()
        os.close(self.wake)
        os.close(self.bell)
