"""The worker's loop: one epoll, any number of threads (leader and followers).

Every thread waits on the same epoll instance.  Whichever is idle takes the next event, reads what
is there, and calls the application in the same thread once a request is whole.  So a slow client
is an entry in a table, no connection stands behind a busy thread while another idles, and a worker
whose threads are all busy does not accept: the kernel gives the connection to another worker.

A connection is parked in ``table`` or owned by the one thread that popped it; ``dict.pop`` is the
only lock.  An event for a descriptor that is not there is stale and ignored; one that has come to
mean a newer connection finds nothing to read, which costs one call.

A worker that leaves while others stay puts connections that are between two requests into the
lounge, from which the others take them; what is in the middle of a request is finished here.  A
worker that is paused finishes what its threads are in and then takes nothing: neither connections
nor what clients send on those it has.
"""

import errno
import os
import time
import traceback
from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
from threading import get_ident

try:
    import cython
except ImportError:
    from quaich.sys import cy as cython

from quaich.errors import ProtocolError
from quaich.log.server import Log
from quaich.stats.scoreboard import DROPPED, LANE_READ_ERRORS, PARKED
from quaich.sys.clock import micros
from quaich.sys.io import (
    Poller,
    abort_on_close,
    asks,
    close_fd,
    half_close,
    peek,
    peer_state,
    receive,
    send,
)
from quaich.wire.reply import CONTINUE as CONTINUE_REPLY
from quaich.wire.reply import OPENING
from quaich.worker.answer import Answerer
from quaich.worker.connection import Connection, Door, Filter
from quaich.worker.failure import raised_by_us
from quaich.worker.gate import Gate
from quaich.worker.handover import Handover
from quaich.worker.intake import Intake, drop_spool
from quaich.worker.outbox import flush
from quaich.worker.record import describe

if not cython.compiled:
    from quaich.worker.answer import ABORT, FLUSH, NEXT, SUSPEND
    from quaich.worker.connection import BODY, HEAD, LINGER, REPLY
    from quaich.worker.intake import CONTINUE, MORE, READY

    READ = 16384
    """Octets asked of the kernel at a time for a head."""

    READ_BODY = 262144
    """And for a body, of which more is sure to come."""

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

LINGER_SECONDS = 3.0
"""How long a refused client may go on sending before its connection is closed on it."""

BODY_RATE = 500
"""Octets a second that a body must bring on average, after the timeout it has anyway; Apache's
RequestReadTimeout asks the same."""

PATIENCE = 2.0
"""Seconds in which a client that has sent nothing yet is not idle."""

PAUSE = 0.5
"""Seconds without accepting after descriptors ran out; nginx waits as long."""

OPENED = ("http", "uwsgi", "auto")
"""The protocols in which a reply begins as in HTTP."""

IDLE_LEAVE = 1.0
"""When a worker leaves and nobody stays: seconds in which an idle keep-alive connection may still
ask, to be told to close, before it is closed."""

HAND_OVER = 10.0
"""When others stay: seconds in which a full lounge is tried again, before it is done like that."""


class Lane:
    """What belongs to one thread: its turn list, and the connections whose iterators only it may
    resume, which wait in an epoll of their own that holds the shared one.  ``conn`` is what it took
    up last; whether who connects is still there it looks for ``suspects`` of them, and at one from
    ``look_at`` on."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.backlog: deque[Connection] = deque()
        self.suspended = 0
        self.poller: Poller | None = None
        self.conn: Connection | None = None
        self.suspects = 0
        self.look_at = 0.0


class Engine(Gate):
    """The loop of one worker.

    Timeouts are in seconds: ``http_timeout`` for a whole head, for a body's first octets, and
    without progress in a reply; ``gateway_timeout`` the same where a gateway protocol is spoken;
    ``idle_timeout`` between two requests, 0 for one request a connection.  ``on_signal`` acts on
    the signals that have come.
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
        super().__init__(doors, handover, answerer, log, threads)
        self.intake = intake
        self.http_timeout = http_timeout
        self.gateway_timeout = gateway_timeout
        self.idle_timeout = idle_timeout
        answerer.closing = idle_timeout <= 0
        self.on_signal = on_signal
        self.lanes = [Lane(index) for index in range(threads)]
        self.clock = 0
        self.now = 0.0
        self.turns = 0
        self.resume_at = 0.0
        self.doors_shut = False
        self.starved_logged = -1e9
        self.dropped = 0
        self.shown = 0
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
                if not isinstance(error, KeyboardInterrupt) and raised_by_us(error):
                    raise
                self.log.error(f"raised between two requests: {type(error).__name__}")
                self.log.block(traceback.format_exc())
                if isinstance(error, SystemExit):
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
        while self.paused and not self.halted:
            for fd in self.quiet.wait(-1):
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
        except Exception:
            self.log.error(f"a defect in quaich ended the connection of {conn.address or '-'}")
            self.log.block(traceback.format_exc())
            self._reset(conn)

    def _wait(self, lane: Lane) -> list[int]:
        if lane.backlog:
            timeout = 0
        elif self.leaving:
            timeout = 50
        elif self.table or self.resume_at:
            timeout = 1000
        else:
            timeout = -1
            if self.shown:
                self._show()
        if lane.suspended == 0 or lane.poller is None:
            return self.poller.wait(timeout)
        ready = lane.poller.wait(timeout)
        if self.poller.fd in ready:
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
        other workers.
        """
        more = min(self.turns, NEWCOMERS)
        self.turns = 0
        conn = self._accepted(door)
        if conn is not None:
            while more > 0:
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

    def _vanished(self, conn: Connection) -> bool:
        """Whether nobody waits for the answer to the request in ``conn``.

        Who has said that it sends no more may still read: HTTP allows that, and to the kernel a
        TCP peer that closed looks the same.  So it is sent what every reply begins with; if it has
        closed, its kernel answers with a reset, at once where it is this machine's.
        """
        state = peer_state(conn.fd)
        if state == 1 and conn.address and conn.door.protocol in OPENED and conn.layer is None:
            try:
                sent = send(conn.fd, OPENING, 0)
            except OSError:
                return True
            if sent > 0:
                conn.opened = True
                state = peer_state(conn.fd)
        return state == 2

    def _accepted(self, door: Door) -> Connection | None:
        try:
            acceptor = door.acceptor
            accepted = acceptor.accept()
        except OSError as error:
            self._starved(error)
            return None
        if accepted is None:
            return None
        fd, address, port = accepted
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
            self._starved(error)
            return False
        if conn is None:
            return False
        if conn.buffer:
            lane.backlog.append(conn)
        else:
            self._guarded(conn, lane)
        return True

    def _claim(self, conn: Connection) -> bool:
        """Take a connection that was seen parked.

        Another thread may have closed it since, and its descriptor be another connection's.
        """
        if self.table.get(conn.fd) is not conn:
            return False
        found = self.table.pop(conn.fd, None)
        if found is not None and found is not conn:
            self._put_back(found)
        return found is conn

    def _hand_over(self, now: float) -> None:
        """Put every connection that is between two requests into the lounge, if there is room."""
        handover = self.handover
        if handover is None or not self.has_heirs() or now - self.leave_began > HAND_OVER:
            self.handing = False
            self.leave_began = now
            self.answerer.closing = True
            return
        for conn in list(self.table.values()):
            if conn.state != HEAD or not self._claim(conn):
                continue
            # Looked at again, now that no other thread can have it.
            if conn.state != HEAD or not handover.fits(conn):
                late = now - self.leave_began > IDLE_LEAVE
                if late and handover.stays(conn) and not asks(conn.fd):
                    self._part(conn)
                else:
                    self._put_back(conn)
            elif handover.offer(conn, now):
                # Taken out before it is closed: it lives on elsewhere, and would be reported here.
                self._close(conn)
            else:
                self._put_back(conn)
                return

    def _put_back(self, conn: Connection) -> None:
        if conn.suspended and self.threads > 1:
            # Its lane watches it still, and no other may.
            self.table[conn.fd] = conn
        else:
            self._park(conn, conn.writing)

    def hand_over(self) -> None:
        """Give away at once whom others can serve."""
        if self.has_heirs():
            now = time.monotonic()
            if not self.leaving:
                self.leave_began = now
            self._hand_over(now)

    def _starved(self, error: OSError) -> None:
        """Out of descriptors or memory: wait a moment, and let idle clients make room."""
        if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
            # Another thread may have let go of the socket meanwhile.
            if error.errno != errno.EPERM and not self.doors_shut:
                self.log.error(f"accept failed: {error.strerror}")
            return
        self.stop_accepting()
        self.resume_at = self.now + PAUSE
        if self.now - self.starved_logged > 10:
            self.starved_logged = self.now
            self.log.error(
                f"accept failed: {error.strerror}; accepting pauses for {PAUSE} s at a time and "
                "idle connections are closed (raise the limit of open files)"
            )
        idle = [
            conn
            for conn in list(self.table.values())
            if conn.state == HEAD and not conn.buffer and (conn.served or self._is_old(conn))
        ]
        idle.sort(key=_deadline)
        for conn in idle[: max(1, len(idle) // 8)]:
            if self._claim(conn):
                self._part(conn)

    def _is_old(self, conn: Connection) -> bool:
        """Whether a client has had the time to send its first request."""
        return conn.deadline - self.now < self._stall(conn) - PATIENCE

    def _event(self, conn: Connection, lane: Lane) -> None:
        """The kernel has news of a connection that this thread now owns."""
        if conn.state == REPLY:
            self._continue_reply(conn, lane)
            return
        try:
            if conn.served == 0 and (not conn.http or conn.address == ""):
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

    def _receive(self, conn: Connection) -> bytes | None:
        if conn.state == HEAD:
            return receive(conn.fd, READ)
        if (
            conn.state == BODY
            and conn.decoder is None
            and conn.missing < READ_BODY
            and conn.filter is None
        ):
            # No more than the body: what follows it can wait in the kernel.
            return receive(conn.fd, conn.missing)
        return receive(conn.fd, READ_BODY)

    def _sparing(self, conn: Connection, lane: Lane) -> bool:
        """Read, and leave the end of a request in the kernel until its reply is whole; False where
        that cannot be done, and nothing is read.

        The end of such a connection can be the end of the reply.  With octets unread it is a reset
        to the peer instead: so a reply looks cut that an exception cuts, also on a UNIX socket,
        where nothing else can say so, or that the death of this process cuts.
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
        peeked = len(data) if missing <= 1 else 0
        step = self._feed(conn, data)
        if step == -1:
            # Refused; what was not read is thrown away with what may follow.
            return True
        head = conn.head
        if step == READY and head is not None and not (conn.http and head.keep_alive):
            conn.unread = peeked
        elif peeked:
            receive(conn.fd, peeked)
        self._go(conn, lane, step)
        return True

    def _filtered(self, conn: Connection, data: bytes) -> bytes | None:
        """What is here for the protocol; None when there is nothing, and the connection is parked
        or has ended."""
        assert conn.filter is not None
        try:
            clear = conn.filter.read(conn, data)
        except ProtocolError as error:
            if conn.layer is None:
                self.log.warning(f"refused {conn.door.name} {conn.address or '-'}: {error.reason}")
            self._refuse(conn, error)
            return None
        reader = conn.filter
        if reader is not None and reader.answer and not self._say(conn, reader):
            self._drop(conn)
            return None
        if clear is None:
            self._say_farewell(conn)
            self._drop(conn)
            return None
        if not clear:
            self._park(conn, False)
            return None
        return clear

    def _say(self, conn: Connection, reader: Filter) -> bool:
        """Send what a filter answers; so little that it fits, or the client does not read."""
        data = reader.answer
        reader.answer = b""
        try:
            return send(conn.fd, data, 0) == len(data)
        except OSError:
            return False

    def _feed(self, conn: Connection, data: bytes) -> int:
        try:
            step = self.intake.feed(conn, data)
        except ProtocolError as error:
            return self._refuse(conn, error)
        if conn.state == BODY:
            self._body_deadline(conn)
        return step if conn.fastcgi is None else self._speak(conn, step)

    def _next(self, conn: Connection) -> int:
        try:
            step = self.intake.next(conn)
        except ProtocolError as error:
            return self._refuse(conn, error)
        if conn.state == BODY:
            self._body_deadline(conn)
        return step if conn.fastcgi is None else self._speak(conn, step)

    def _speak(self, conn: Connection, step: int) -> int:
        """Send what the protocol itself has to say, before any reply."""
        responder = conn.fastcgi
        assert responder is not None
        data = responder.say
        if data:
            responder.say = b""
            try:
                # So little fits, or the client does not read at all.
                taken = send(conn.fd, data, 0) == len(data)
            except OSError:
                taken = False
            if not taken:
                self._drop(conn)
                return -1
        if responder.over:
            self._linger(conn)
            return -1
        return step

    def _body_deadline(self, conn: Connection) -> None:
        timeout = self.http_timeout if conn.http else self.gateway_timeout
        if conn.body_began == 0.0:
            conn.body_began = self.now
        conn.deadline = conn.body_began + timeout + conn.body_size / BODY_RATE

    def _go(self, conn: Connection, lane: Lane, step: int) -> None:
        """Answer as many requests as are here, within a turn."""
        turns = 0
        lane.conn = conn
        while step == READY:
            conn.body_began = 0.0
            if conn.hung and self._vanished(conn):
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

    def _continue_reply(self, conn: Connection, lane: Lane) -> None:
        """There is room for what waits to be sent."""
        waited = conn.out_size
        if not flush(conn):
            if conn.out_size < waited or conn.how:
                conn.deadline = self.now + self._stall(conn)
            self._put_back(conn)
            return
        if not conn.suspended:
            self._outcome_or_next(conn, lane, self.answerer.complete(conn))
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

    def _stall(self, conn: Connection) -> float:
        return self.http_timeout if conn.http else self.gateway_timeout

    def _suspend(self, conn: Connection, lane: Lane) -> None:
        """Park a connection whose iterator only this thread may resume."""
        lane.suspended += 1
        conn.suspended = True
        if self.threads == 1:
            self._park(conn, True)
            return
        if conn.watched:
            self.poller.remove(conn.fd)
            conn.watched = False
        if lane.poller is None:
            lane.poller = Poller(False)
            lane.poller.add_signal(self.poller.fd)
        self.table[conn.fd] = conn
        lane.poller.add(conn.fd, True)

    def _unsuspend(self, conn: Connection) -> None:
        lane = self.lanes[conn.home]
        conn.suspended = False
        lane.suspended -= 1
        if lane.poller is not None:
            lane.poller.remove(conn.fd)

    def _park(self, conn: Connection, writing: bool) -> None:
        """Give the connection up until the kernel has news of it."""
        # Into the table first: with several threads the event may come before the next line.
        fd = conn.fd
        watched = conn.watched
        if watched and conn.writing == writing and self.threads == 1:
            self.table[fd] = conn
            return
        conn.watched = True
        conn.writing = writing
        self.table[fd] = conn
        try:
            if watched:
                self.poller.modify(fd, writing)
            else:
                self.poller.add(fd, writing)
        except OSError as error:
            if self.table.pop(fd, None) is conn:
                conn.watched = False
                self.log.error(f"a connection cannot be watched: {error.strerror}")
                self._drop(conn)

    def _refuse(self, conn: Connection, error: ProtocolError) -> int:
        """Say what is wrong, then close; never read on after a framing error."""
        if not conn.http or (error.status >= 500 and error.status != 501 and error.status != 505):
            self.log.warning(f"refused {conn.door.name} {conn.address or '-'}: {error.reason}")
        self.dropped += 1
        self.answerer.slot.add(DROPPED, 1)
        is_head = conn.head is not None and conn.head.is_head
        page = conn.refusal(error.status, error.reason, is_head)
        if conn.layer is not None:
            page = conn.layer.last(page)
        try:
            send(conn.fd, page, 0)
        except OSError:
            self._drop(conn)
            return -1
        if error.status == 408:
            self._unread(conn)
        self._linger(conn)
        return -1

    def _linger(self, conn: Connection) -> None:
        conn.buffer = b""
        conn.state = LINGER
        conn.unread = 0
        conn.deadline = self.now + LINGER_SECONDS
        drop_spool(conn)
        self._say_farewell(conn)
        half_close(conn.fd)
        self._park(conn, False)

    def _part(self, conn: Connection) -> None:
        """Close in good order."""
        self._say_farewell(conn)
        self._close(conn)

    def _say_farewell(self, conn: Connection) -> None:
        if conn.layer is not None:
            try:
                send(conn.fd, conn.layer.farewell(), 0)
            except OSError:
                pass  # gone already

    def _close(self, conn: Connection) -> None:
        try:
            if conn.unread:
                receive(conn.fd, conn.unread)
            if conn.watched:
                # A child that the application forked may hold a copy of the descriptor; then
                # closing alone would leave it in the epoll, reporting for ever.
                self.poller.remove(conn.fd)
            close_fd(conn.fd)
        except OSError as error:
            self.log.error(f"close failed: {error.strerror}")

    def _drop(self, conn: Connection) -> None:
        """The client is gone, or out of time: end everything that was begun for it."""
        if conn.state == BODY or (conn.state == HEAD and conn.buffer):
            self._unread(conn)
        if conn.suspended:
            self._unsuspend(conn)
        if conn.exchange is not None:
            self.answerer.abandon(conn)
        drop_spool(conn)
        self._close(conn)

    def _unread(self, conn: Connection) -> None:
        """A request was not sent to its end."""
        self.answerer.slot.fault(max(conn.home, 0), LANE_READ_ERRORS)

    def _reset(self, conn: Connection) -> None:
        """Close so that the peer sees an error, even where the end of the reply is the close."""
        conn.unread = 0
        abort_on_close(conn.fd)
        self._drop(conn)

    def _show(self) -> None:
        """Let the scoreboard say how many connections are parked."""
        self.shown = len(self.table)
        self.answerer.slot.set(PARKED, self.shown)

    def _sweep(self, now: float) -> None:
        """Once a second: act on deadlines that have passed, and on a pause that is over."""
        self._show()
        if self.resume_at and self.now >= self.resume_at:
            self.resume_at = 0.0
            self.start_accepting()
        for conn in list(self.table.values()):
            due = conn.deadline
            if self.leaving and not self.handing and conn.state == HEAD and not conn.buffer:
                due = min(due, self.leave_began + IDLE_LEAVE)
                if due < now and asks(conn.fd):
                    continue
            if due < now and self._claim(conn):
                self._expire(conn)

    def _expire(self, conn: Connection) -> None:
        state = conn.state
        if state == BODY or (state == HEAD and conn.buffer and conn.http):
            what = "body" if state == BODY else "head"
            self._refuse(conn, ProtocolError(408, f"the request {what} took too long"))
        elif state == REPLY:
            self.log.warning(
                f"client too slow: {conn.address or '-'} took nothing for {self._stall(conn):g} s"
            )
            self._reset(conn)
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

    def close(self) -> None:
        """Close what the loop holds."""
        for conn in list(self.table.values()):
            if self._claim(conn):
                self._drop(conn)
        self.shut()


def _deadline(conn: Connection) -> float:
    return conn.deadline
