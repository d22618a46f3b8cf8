"""What is said of a request: its line in the request log, and whose it is.

What a client sent is taken down before the application is called, which may change the environ;
the line is made when the reply is with the kernel.  A write costs more than all the rest of it, so
a worker that is busy with quick requests gathers its lines on a shelf and writes them together:
when it has nothing else to do, when the shelf is full, or when the oldest is OLDEST.  A worker of
which a request has taken LONG lately writes each line at once, behind what it has gathered: what it
is in next might keep the others waiting.
"""

import time
from collections.abc import Sequence
from typing import Protocol

try:
    import cython
except ImportError:
    from quaich.sys import cy as cython

from quaich.log.request import Answered, Need, RequestLog, escape, kept
from quaich.log.selection import Selection
from quaich.stats.scoreboard import NOTE, REQUESTS, Slot
from quaich.sys.clock import micros
from quaich.worker.connection import Connection
from quaich.wsgi.call import Exchange

if not cython.compiled:
    OLDEST = 100000
    """Microseconds after which a line is written, though others come."""

    LONG = 10000
    """Microseconds that a quick request does not take."""

    QUICK = 1000
    """Quick requests in a row after which lines are gathered."""

SET_NAME = "quaich.set_logvar"
"""The key of the function by which an application sets a variable of the log's format."""


class Lines(Protocol):
    """Who writes a request down."""

    def line(self, answered: Answered) -> bytes:
        """The line for a request."""


class Output(Protocol):
    """Where lines go."""

    def write(self, data: bytes) -> None:
        """Whole lines."""


class Shelf:
    """The lines of one thread that wait to be written together.

    They lie in memory that outlives the process: what a worker is killed on, the master writes.
    """

    def __init__(self, slot: Slot, thread: int, log: Output) -> None:
        self.slot = slot
        self.thread = thread
        self.log = log
        self.full = False
        self.since = 0

    def put(self, line: bytes, now: int) -> None:
        """Add a line."""
        if not self.slot.shelve(self.thread, line):
            self.clear()
            if not self.slot.shelve(self.thread, line):
                self.log.write(line)
                return
        if not self.full:
            self.full = True
            self.since = now
        elif now - self.since > OLDEST:
            self.clear()

    def clear(self) -> None:
        """Write what is there."""
        if self.full:
            self.full = False
            self.log.write(self.slot.shelved(self.thread))
            self.slot.unshelve(self.thread)


class Recorder:
    """Writes the request lines of one worker to ``log``.

    ``needs`` are the variables of a request that ``lines`` wants, ``open`` whether it has some that
    the application sets; ``forwarded`` takes X-Forwarded-For for the address.  ``gathering`` says
    that lines may be gathered, on ``shelves``, one for each thread.
    """

    def __init__(
        self,
        *,
        slot: Slot,
        log: Output,
        lines: Lines,
        selection: Selection,
        needs: Sequence[Need] = (),
        open: bool = False,
        forwarded: bool = False,
        gathering: bool = False,
    ) -> None:
        self.slot = slot
        self.log = log
        self.lines = lines
        self.selection = selection
        self.plain = lines if isinstance(lines, RequestLog) else None
        self.all = selection.all
        self.needs = tuple(needs)
        self.open = open
        self.forwarded = forwarded
        self.shelves: list[Shelf] | None = None
        if gathering:
            self.shelves = [Shelf(slot, thread, log) for thread in range(slot.threads)]
        self.slow = QUICK
        self.second = 0
        self.offset = 0.0

    def begin(self, conn: Connection) -> None:
        """Take down what the line needs of the request."""
        head = conn.head
        environ = conn.environ
        assert head is not None and environ is not None
        address = str(environ.get("REMOTE_ADDR", ""))
        fields = head.fields
        size = head.size
        if conn.http:
            fields += 4
            size += conn.door.size + len(address)
        if self.forwarded:
            address = str(environ.get("HTTP_X_FORWARDED_FOR", "")) or address
        user = str(environ.get("REMOTE_USER", ""))
        r = Answered.__new__(Answered)
        r.open(address, user, head.method, head.uri, head.protocol)
        r.fields = 2 * fields
        r.size = size
        second = conn.began // 1000000
        if second != self.second:
            # The clock of the calendar, which may be set, is asked once a second.
            self.second = second
            self.offset = time.time() - micros() / 1000000
        r.began = conn.began / 1000000 + self.offset
        if self.needs:
            r.values = kept(environ, self.needs)
        if self.open:
            environ[SET_NAME] = r.set
        conn.record = r

    def finish(self, conn: Connection, exchange: Exchange, at_home: bool) -> None:
        """Write the line, if it is wanted; ``at_home``: in the thread that answered."""
        r = conn.record
        conn.record = None
        if r is None:
            return
        head = exchange.head
        r.status = head.status if head is not None else 500
        r.headers = head.count if head is not None else 2
        r.headers_size = exchange.head_size
        r.sent = exchange.sent
        r.switches = exchange.switches if not conn.how else 0
        r.how = conn.how
        now = micros()
        r.micros = now - conn.began
        if r.micros > LONG:
            self.slow = QUICK
        r.failed = conn.gone
        if not self.all and not self.selection.picks(r):
            return
        r.app_micros = conn.app_ended - conn.began if conn.app_ended > conn.began else r.micros
        r.core = conn.home
        r.count = self.slot.requests()
        r.total = self.slot.total(REQUESTS)
        r.has_app = not conn.unserved
        # Said apart where it is compiled to a call of C's.
        line = self.plain.line(r) if self.plain is not None else self.lines.line(r)
        slow = self.slow
        if slow:
            self.slow -= 1
        if self.shelves is not None and at_home:
            shelf = self.shelves[conn.home]
            if not slow:
                shelf.put(line, now)
                return
            # What was gathered before is older than this, and would wait for an idle moment.
            shelf.clear()
        self.log.write(line)


def describe(conn: Connection) -> str:
    """Whose request a connection carries, and which: printable, and bounded."""
    head = conn.head
    environ = conn.environ
    if head is None or environ is None:
        return ""
    address = conn.address if conn.http else str(environ.get("REMOTE_ADDR", "-"))
    text = f"{address or '-'} {head.method} {head.uri}"
    return escape(text[:NOTE])
