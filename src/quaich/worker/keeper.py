"""Who holds the connections that nobody works on: parked, looked after, and let go.

A connection is parked in ``table`` or owned by the one thread that popped it; ``dict.pop`` is the
only lock.  An event for a descriptor that is not there is stale and ignored; one that has come to
mean a newer connection finds nothing to read, which costs one call.

A worker that leaves while others stay puts connections that are between two requests into the
lounge, from which the others take them; what is in the middle of a request is finished here.

It reads nothing and calls no application.
"""

import time
from collections import deque

try:
    import cython
except ImportError:
    from quaich.sys import cy as cython

from quaich.errors import ProtocolError
from quaich.log.server import Log
from quaich.stats.scoreboard import DROPPED, LANE_READ_ERRORS, PARKED
from quaich.sys.io import (
    Poller,
    abort_on_close,
    asks,
    close_fd,
    half_close,
    receive,
    send,
    unsent,
)
from quaich.worker.answer import Answerer
from quaich.worker.connection import Connection, Door
from quaich.worker.gate import Gate
from quaich.worker.handover import Handover
from quaich.worker.intake import drop_spool
from quaich.worker.record import Shelf
from quaich.worker.refusals import advice, refuse
from quaich.worker.scarcity import PACE

if not cython.compiled:
    from quaich.worker.connection import BODY, HEAD, LINGER, REPLY

LINGER_SECONDS = 3.0
"""How long a refused client may go on sending before its connection is closed on it."""

IDLE_LEAVE = 1.0
"""When a worker leaves and nobody stays: seconds in which an idle keep-alive connection may still
ask, to be told to close, before it is closed."""

HAND_OVER = 10.0
"""When others stay: seconds in which a full lounge is tried again, before it is done like that."""


class Lane:
    """What belongs to one thread: its turn list, and the connections whose iterators only it may
    resume, which wait in an epoll of their own that holds the shared one.  ``conn`` is what it took
    up last; whether who connects is still there it looks for ``suspects`` of them, and at one from
    ``look_at`` on.  ``shelf`` is where its lines of the request log wait."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.backlog: deque[Connection] = deque()
        self.suspended = 0
        self.poller: Poller | None = None
        self.conn: Connection | None = None
        self.suspects = 0
        self.look_at = 0.0
        self.shelf: Shelf | None = None


class Keeper(Gate):
    """Keeps the connections of one worker.

    Timeouts are in seconds: ``http_timeout`` for a whole head, for a body's first octets, and
    without progress in a reply; ``gateway_timeout`` the same where a gateway protocol is spoken.
    """

    def __init__(
        self,
        doors: list[Door],
        handover: Handover | None,
        answerer: Answerer,
        log: Log,
        threads: int,
        http_timeout: float,
        gateway_timeout: float,
    ) -> None:
        super().__init__(doors, handover, answerer, log, threads)
        self.http_timeout = http_timeout
        self.gateway_timeout = gateway_timeout
        self.lanes = [Lane(index) for index in range(threads)]
        self.now = 0.0
        self.doors_shut = False
        self.dropped = 0
        self.shown = 0

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

    def _put_back(self, conn: Connection) -> None:
        if conn.suspended and self.threads > 1:
            # Its lane watches it still, and no other may.
            self.table[conn.fd] = conn
        else:
            self._park(conn, conn.writing)

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

    def _stall(self, conn: Connection) -> float:
        return self.http_timeout if conn.http else self.gateway_timeout

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

    def hand_over(self) -> None:
        """Give away at once whom others can serve."""
        if self.has_heirs():
            now = time.monotonic()
            if not self.leaving:
                self.leave_began = now
            self._hand_over(now)

    def _watch_reading(self, conn: Connection) -> None:
        """Give a client more time that reads of what the kernel holds for it: there is room for the
        next piece only when a good part of that has left.  As much as it reads, at the pace that an
        upload has to keep: who takes an octet a minute has stopped reading."""
        waits = unsent(conn.fd)
        if waits < conn.queued:
            earned = (conn.queued - waits) / PACE
            conn.deadline = min(conn.deadline + earned, self.now + self._stall(conn))
        conn.queued = waits

    def _sweep(self, now: float) -> None:
        """Once a second: act on deadlines that have passed."""
        self._show()
        for conn in list(self.table.values()):
            if conn.state == REPLY:
                self._watch_reading(conn)
            due = conn.deadline
            if self.leaving and not self.handing and conn.state == HEAD and not conn.buffer:
                due = min(due, self.leave_began + IDLE_LEAVE)
                if due < now and asks(conn.fd):
                    continue
            if due < now and self._claim(conn):
                self._expire(conn)

    def _expire(self, conn: Connection) -> None:
        state = conn.state
        # Empty lines, as some clients send behind a body, are not the beginning of a request: a 408
        # would be taken for the answer to the next one.
        if state == BODY or (state == HEAD and conn.http and conn.buffer.strip(b"\r\n")):
            what = "body" if state == BODY else "head"
            if state == BODY and not conn.http and conn.fastcgi is None and not conn.body_size:
                self.log.warning(f"nothing came of an announced request body: {advice(conn)}")
            self._refuse(conn, ProtocolError(408, f"the request {what} took too long"))
        elif state == REPLY:
            self.log.warning(
                f"client too slow: {conn.address or '-'} took nothing for {self._stall(conn):g} s"
            )
            self._reset(conn)
        else:
            self._part(conn)

    def _show(self) -> None:
        """Let the scoreboard say how many connections are parked."""
        self.shown = len(self.table)
        self.answerer.slot.set(PARKED, self.shown)

    def _refuse(self, conn: Connection, error: ProtocolError) -> int:
        """Say what is wrong, then close; never read on after a framing error."""
        if not conn.http or (error.status >= 500 and error.status != 501 and error.status != 505):
            self.log.warning(f"refused {conn.door.name} {conn.address or '-'}: {error.reason}")
        self.dropped += 1
        self.answerer.slot.add(DROPPED, 1)
        try:
            send(conn.fd, refuse(conn, error, self.answerer.signature()), 0)
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
        except OSError as error:
            self.log.error(f"close failed: {error.strerror}")
        try:
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

    def close(self) -> None:
        """Close what the loop holds."""
        while self.table:
            _, conn = self.table.popitem()
            self._drop(conn)
        self.shut()
