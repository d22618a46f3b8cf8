"""The worker's loop: one epoll, any number of threads (leader and followers).

Every thread waits on the same epoll instance.  Whichever is idle takes the next event, reads what
is there, and calls the application in the same thread once a request is whole.  So a slow client
is an entry in a table, no connection stands behind a busy thread while another idles, and a worker
whose threads are all busy does not accept: the kernel gives the connection to another worker.

Connections that nobody works on are kept (``keeper``), and what arrives on them is read
(``reader``).  A worker that is paused finishes what its threads are in and then takes nothing:
neither connections nor what clients send on those it has.
"""

import os
import time
from collections.abc import Callable
from contextvars import Context, copy_context
from threading import get_ident

try:
    import cython
except ImportError:
    from quaich.sys import cy as cython

from quaich.log.server import Log
from quaich.sys.clock import micros
from quaich.sys.io import peek, peer_state, receive, send
from quaich.wire.reply import CONTINUE as CONTINUE_REPLY
from quaich.worker.answer import Answerer
from quaich.worker.connection import Connection, Door
from quaich.worker.failure import raised_by_us, shown
from quaich.worker.handover import Handover
from quaich.worker.intake import Intake
from quaich.worker.keeper import IDLE_LEAVE, Lane
from quaich.worker.outbox import flush, vanished
from quaich.worker.reader import Reader
from quaich.worker.record import describe

if not cython.compiled:
    from quaich.worker.answer import ABORT, FLUSH, NEXT, SUSPEND
    from quaich.worker.connection import BODY, HEAD, LINGER, REPLY
    from quaich.worker.intake import CONTINUE, MORE, READY
    from quaich.worker.reader import READ, READ_BODY

    PIPELINED = 16
    """Requests of one connection answered in a row before others get their turn."""

    LATE = 10000
    """Microseconds that a request may hold its thread before those who wait meanwhile are suspected
    to have left; and how often one who connects is looked for in any case."""

    NEWCOMERS = 16
    """Connections accepted at once, at most, beside the one that is served."""

    IDLE = 1000
    """Microseconds without work after which it does not count how many were served before."""

SUSPECTS = 128
"""How many are looked for then, one after the other: about as many as a listen queue holds."""


class Engine(Reader):
    """The loop of one worker.

    ``idle_timeout`` is for the time between two requests, in seconds, 0 for one request a
    connection; the other timeouts are the keeper's.  ``on_signal`` acts on the signals that have
    come.
    """

    def __init__(
        self,
        *,
        doors: list[Door],
        intake: Intake,
        answerer: Answerer,
        log: Log,
        threads: int,
        http_timeout: float,
        gateway_timeout: float,
        idle_timeout: float,
        on_signal: Callable[[], None],
        handover: Handover | None = None,
    ) -> None:
        super().__init__(
            doors, handover, answerer, log, threads, http_timeout, gateway_timeout, intake
        )
        self.idle_timeout = idle_timeout
        answerer.closing = idle_timeout <= 0
        self.on_signal = on_signal
        self.clock = 0
        self.turns = 0
        self.clean: Context = copy_context()

    def open(self, signals: int) -> None:
        """Make what this process waits in, and remember the context that requests begin with."""
        super().open(signals)
        self.clock = micros()
        self.now = self.clock / 1000000
        self.clean = copy_context()

    def run(self, lane: Lane) -> None:
        """One thread's loop; returns when the worker has left.

        What a signal handler of the application's raises between two requests ends up here: it
        costs a line in the log, and SystemExit the worker, after what it has begun.
        """
        self.answerer.idents[lane.index] = get_ident()
        while True:
            try:
                self._run(lane)
                return
            except BaseException as error:
                kind = type(error)
                if not issubclass(kind, KeyboardInterrupt) and raised_by_us(error):
                    raise
                self.log.error(f"raised between two requests: {kind.__name__}")
                self.log.block(shown(error))
                if issubclass(kind, SystemExit):
                    self.leave()

    def _run(self, lane: Lane) -> None:
        table = self.table
        while True:
            if self.unusual and self._unusual(lane):
                return
            ready = self._wait(lane)
            before = self.clock
            self.clock = micros()
            now = self.now = self.clock / 1000000
            if self.clock - before > IDLE:
                self.turns = 0
            for fd in ready:
                hung = fd < 0
                if hung:
                    fd = ~fd
                conn = table.pop(fd, None)
                if conn is not None:
                    if hung:
                        conn.hung = True
                    self.turns += 1
                    self._guarded(conn, lane)
                else:
                    door = self.doors.get(fd)
                    if door is not None:
                        self._accept(door, lane)
                    else:
                        self._other(fd, lane)
            if lane.backlog:
                self._turn(lane)
            if now >= self.next_sweep:
                # Against the time it was planned for: what arrived while every thread was busy
                # may still be in the kernel, and is read before its connection is judged.
                planned = self.next_sweep
                self.next_sweep = now + 1.0
                self._sweep(planned)

    def _unusual(self, lane: Lane) -> bool:
        """What is to be done before the next wait; whether the thread is to return instead."""
        if lane.shelf is not None:
            lane.shelf.clear()
        while self.paused and not self.halted:
            for fd in self.quiet.wait(self._longest(lane)):
                if fd != self.bell:
                    self._other(fd, lane)
        if self.halted or (self.leaving and not lane.backlog and self._left(lane)):
            # This thread may have been woken in the place of another.
            os.eventfd_write(self.wake, 1)
            return True
        return False

    def _guarded(self, conn: Connection, lane: Lane) -> None:
        """A defect of ours costs one connection and a traceback in the log, never a thread."""
        try:
            self._event(conn, lane)
        except Exception as error:
            self.log.error(f"a defect in quaich ended the connection of {conn.address or '-'}")
            self.log.block(shown(error))
            self._reset(conn)

    def _longest(self, lane: Lane) -> int:
        """Milliseconds that a thread sleeps at most, -1 for any time.

        Handlers of signals are the main thread's to run.  One that comes on its way to sleep is not
        run yet, and another thread may read what would have told of it.
        """
        return 1000 if lane.index == 0 and self.threads > 1 else -1

    def _wait(self, lane: Lane) -> list[int]:
        if lane.backlog:
            timeout = 0
        elif self.leaving:
            timeout = 50
        elif self.resume_at:
            timeout = max(int((self.resume_at - self.now) * 1000) + 1, 1)
        elif self.table:
            timeout = 1000
        else:
            timeout = self._longest(lane)
            if self.shown:
                self._show()
        poller = self.poller if lane.suspended == 0 or lane.poller is None else lane.poller
        shelf = lane.shelf
        if shelf is not None and shelf.full:
            # Lines are gathered while there is something else to do, and written before sleep.
            ready = poller.wait(0)
            if not ready:
                shelf.clear()
                ready = poller.wait(timeout)
        else:
            ready = poller.wait(timeout)
        if poller is not self.poller and self.poller.fd in ready:
            ready.remove(self.poller.fd)
            ready += self.poller.wait(0)
        return ready

    def _other(self, fd: int, lane: Lane) -> None:
        if fd == self.lounge:
            self._adopt(lane)
        elif fd == self.signals:
            self.on_signal()
        elif fd == self.wake:
            try:
                os.eventfd_read(self.wake)
            except BlockingIOError:
                pass
        elif fd == self.lifeline:
            self.orphaned(fd)

    def _turn(self, lane: Lane) -> None:
        """Connections that have more whole requests here, each for another few."""
        for _ in range(len(lane.backlog)):
            conn = lane.backlog.popleft()
            if lane.suspects or self.now >= lane.look_at:
                self._look(conn, lane)
            self._go(conn, lane, self._next(conn))

    def _accept(self, door: Door, lane: Lane) -> None:
        """Take a new connection, and where many are served as many as had a turn since the last.

        The listener has one place in the queue among all who ask again, so a new client would wait
        longer the more there are.  But who serves few, or long requests, leaves the others to the
        other workers, and to the kernel, where they outlive a request that kills.
        """
        if not self.accepting:
            # Another thread has stopped it since the kernel told of somebody.
            return
        more = min(self.turns, NEWCOMERS)
        self.turns = 0
        conn = self._accepted(door)
        if conn is not None:
            while more > 0 and self.accepting:
                another = self._accepted(door)
                if another is None:
                    break
                self._park(another, False)
                more -= 1
            if lane.suspects or self.now >= lane.look_at:
                self._look(conn, lane)
            # Tried at once: with deferred accept the request is already here.
            self._guarded(conn, lane)

    def _look(self, conn: Connection, lane: Lane) -> None:
        """Note whether the client of a connection that may have waited is still there."""
        if peer_state(conn.fd):
            conn.hung = True
            lane.suspects = SUSPECTS
        else:
            lane.look_at = self.now + LATE / 1000000
            if lane.suspects:
                lane.suspects -= 1

    def _accepted(self, door: Door) -> Connection | None:
        again = False
        while True:
            try:
                acceptor = door.acceptor
                accepted = acceptor.accept()
                break
            except OSError as error:
                if not self._starved(error, again):
                    return None
                again = True
        if accepted is None:
            return None
        fd, address, port = accepted
        if fd + self.above >= self.scarce_from:
            fd = self._spare(fd)
        conn = Connection.__new__(Connection)
        conn.open(fd, door, address, str(port), self.answerer)
        conn.deadline = self.now + (self.http_timeout if door.http else self.gateway_timeout)
        if door.opening is not None:
            conn.filter = door.opening(conn)
        return conn

    def _shut_doors(self) -> None:
        """The server ends: take whoever waits in the kernel's queue, then let go of the sockets.

        Closing the last hold on a listening socket resets the connections in its queue, so each
        worker empties it first, without serving anybody meanwhile.  Who comes later is refused at
        once, and a front can turn to another server.
        """
        with self.lock:
            doors = [] if self.doors_shut else [*self.doors.values()]
            self.doors_shut = True
        for door in doors:
            while True:
                conn = self._accepted(door)
                if conn is None:
                    break
                self._park(conn, False)
            door.acceptor.shut()

    def _adopt(self, lane: Lane) -> bool:
        """Go on with a connection of a worker that leaves; False when none waits."""
        assert self.handover is not None
        try:
            conn = self.handover.take(self.now)
        except OSError as error:
            self._starved(error, True)
            return False
        if conn is None:
            return False
        if conn.buffer:
            lane.backlog.append(conn)
        else:
            self._guarded(conn, lane)
        return True

    def _event(self, conn: Connection, lane: Lane) -> None:
        """The kernel has news of a connection that this thread now owns."""
        if conn.state == REPLY:
            self._continue_reply(conn, lane)
            return
        if conn.state == BODY and conn.spool is not None and self._fills(conn):
            return
        try:
            if (conn.served == 0 or conn.door.old) and (not conn.http or conn.address == ""):
                if conn.layer is None and conn.filter is None and self._sparing(conn, lane):
                    return
            data = self._receive(conn)
        except OSError:
            self._drop(conn)
            return
        if data is None:
            self._park(conn, False)
        elif not data or conn.state == LINGER:
            if data:
                self._park(conn, False)
            else:
                self._drop(conn)
        else:
            if conn.filter is not None:
                data = self._filtered(conn, data)
                if data is None:
                    return
            if conn.state == HEAD and not conn.buffer and conn.served:
                conn.deadline = self.now + self.http_timeout
            step = self._feed(conn, data)
            if step == MORE and conn.state == BODY and len(data) == READ and conn.filter is None:
                # The head brought as much as one reading takes; the rest is likely to be here.
                try:
                    data = self._receive(conn)
                except OSError:
                    data = None  # it will be said again at the next reading
                if data:
                    step = self._feed(conn, data)
            self._go(conn, lane, step)

    def _sparing(self, conn: Connection, lane: Lane) -> bool:
        """Read, and leave the end of a request in the kernel until its reply is whole; False where
        that cannot be done, and nothing is read.

        The end of such a connection can be the end of the reply.  With octets unread it is a reset
        to the peer instead: so a reply looks cut that an exception cuts, also on a UNIX socket,
        where nothing else can say so, or that the death of this process cuts.  HTTP/1.1 has other
        ends; so of the later requests of a connection this is done only where somebody has spoken
        HTTP/1.0, as a front does that shares its connections between both.
        """
        missing = conn.missing
        if conn.state == HEAD:
            data = peek(conn.fd, READ)
        elif conn.state == BODY and conn.decoder is None and missing > 0:
            data = receive(conn.fd, min(READ_BODY, missing - 1)) if missing > 1 else None
            if missing == 1:
                data = peek(conn.fd, 1)
        else:
            return False
        if not data:
            if data is None:
                self._park(conn, False)
            else:
                self._drop(conn)
            return True
        if conn.served and conn.state == HEAD and not conn.buffer:
            conn.deadline = self.now + self.http_timeout
        peeked = len(data) if missing <= 1 else 0
        step = self._feed(conn, data)
        if step == -1:
            # Refused; what was not read is thrown away with what may follow.
            return True
        head = conn.head
        if step == READY and head is not None and not (head.keep_alive and head.minor):
            conn.unread = peeked
        elif peeked:
            receive(conn.fd, peeked)
        self._go(conn, lane, step)
        return True

    def _go(self, conn: Connection, lane: Lane, step: int) -> None:
        """Answer as many requests as are here, within a turn."""
        turns = 0
        lane.conn = conn
        while step == READY:
            conn.body_began = 0.0
            if conn.hung and vanished(conn):
                if self.answerer.recorder is not None:
                    self.log.info(f"skipped {describe(conn)}: the client is gone")
                self._drop(conn)
                return
            context = self.clean.copy() if lane.suspended else None
            # What was done since the clock was read is no more than this request's own reading.
            conn.began = self.clock
            outcome = self.answerer.answer(conn, lane.index, context)
            self.clock = conn.app_ended
            self.now = self.clock / 1000000
            if self.clock - conn.began > LATE:
                lane.suspects = SUSPECTS
            if outcome != NEXT:
                self._outcome(conn, lane, outcome)
                return
            if conn.unread:
                self._forget(conn)
            if not conn.buffer:
                conn.deadline = self.now + self.idle_timeout
                self._park(conn, False)
                return
            turns += 1
            if turns >= PIPELINED:
                lane.backlog.append(conn)
                return
            conn.deadline = self.now + self.http_timeout
            step = self._next(conn)
        if step == CONTINUE:
            try:
                layer = conn.layer
                send(conn.fd, layer.encode(CONTINUE_REPLY) if layer else CONTINUE_REPLY, 0)
            except OSError:
                self._drop(conn)
                return
        if step >= 0:
            self._park(conn, False)

    def _forget(self, conn: Connection) -> None:
        """Take what was left of a request out of the kernel: the connection goes on."""
        receive(conn.fd, conn.unread)
        conn.unread = 0

    def _continue_reply(self, conn: Connection, lane: Lane) -> None:
        """There is room for what waits to be sent."""
        waited = conn.out_size
        if not flush(conn):
            if conn.out_size < waited or conn.how:
                conn.deadline = self.now + self._stall(conn)
            self._put_back(conn)
            return
        if not conn.suspended:
            self._outcome_or_next(conn, lane, self.answerer.complete(conn, False))
        elif conn.gone:
            self._drop(conn)
        else:
            self._unsuspend(conn)
            lane.conn = conn
            outcome = self.answerer.resume(conn)
            self.clock = conn.app_ended
            self.now = self.clock / 1000000
            self._outcome_or_next(conn, lane, outcome)

    def _outcome_or_next(self, conn: Connection, lane: Lane, outcome: int) -> None:
        if outcome != NEXT:
            self._outcome(conn, lane, outcome)
            return
        if conn.unread:
            self._forget(conn)
        conn.deadline = self.now + self.idle_timeout
        if conn.buffer:
            self._go(conn, lane, self._next(conn))
        else:
            self._park(conn, False)

    def _outcome(self, conn: Connection, lane: Lane, outcome: int) -> None:
        if outcome == FLUSH:
            conn.deadline = self.now + self._stall(conn)
            self._park(conn, True)
        elif outcome == SUSPEND:
            conn.deadline = self.now + self._stall(conn)
            self._suspend(conn, lane)
        elif outcome == ABORT:
            self._reset(conn)
        elif conn.buffer:
            self._linger(conn)
        else:
            self._part(conn)

    def _left(self, lane: Lane) -> bool:
        """Whether nothing is parked any more; idle connections get a last short chance."""
        now = time.monotonic()
        if self.handing:
            self._hand_over(now)
        elif self.handover is not None:
            # Nobody else reads it any more.
            self.now = now
            while self._adopt(lane):
                pass
            self._shut_doors()
            if lane.backlog:
                return False
        if not self.table:
            return True
        if now >= self.next_sweep or now - self.leave_began > IDLE_LEAVE:
            self.now = now
            self._sweep(now)
        return not self.table
