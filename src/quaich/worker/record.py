"""What is said of a request: its line in the request log, and whose it is.

What a client sent is taken down before the application is called, which may change the environ;
the line is written when the reply is with the kernel.
"""

import time
from collections.abc import Sequence
from typing import Protocol

from quaich.log.request import Answered, Need, escape, kept
from quaich.log.selection import Selection
from quaich.stats.scoreboard import NOTE, REQUESTS, Slot
from quaich.sys.clock import micros
from quaich.worker.connection import Connection
from quaich.wsgi.call import Exchange

SET_NAME = "quaich.set_logvar"
"""The key of the function by which an application sets a variable of the log's format."""


class Lines(Protocol):
    """Who writes a request down."""

    def line(self, answered: Answered) -> bytes:
        """The line for a request."""


class Output(Protocol):
    """Where lines go."""

    def write(self, data: bytes) -> None:
        """One whole line."""


class Recorder:
    """Writes the request lines of one worker to ``log``.

    ``needs`` are the variables of a request that ``lines`` wants, ``open`` whether it has some that
    the application sets; ``forwarded`` takes X-Forwarded-For for the address.
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
    ) -> None:
        self.slot = slot
        self.log = log
        self.lines = lines
        self.selection = selection
        self.all = selection.all
        self.needs = tuple(needs)
        self.open = open
        self.forwarded = forwarded

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
        r = Answered(address, user, head.method, head.uri, head.protocol)
        r.fields = 2 * fields
        r.size = size
        r.began = time.time()
        if self.needs:
            r.values = kept(environ, self.needs)
        if self.open:
            environ[SET_NAME] = r.set
        conn.record = r

    def finish(self, conn: Connection, exchange: Exchange) -> None:
        """Write the line, if it is wanted."""
        r = conn.record
        conn.record = None
        if r is None:
            return
        head = exchange.head
        r.status = head.status if head is not None else 500
        r.headers = head.count if head is not None else 2
        r.headers_size = exchange.head_size
        r.sent = exchange.sent
        r.how = conn.how
        r.micros = micros() - conn.began
        r.failed = conn.gone
        if not self.all and not self.selection.picks(r):
            return
        r.app_micros = conn.app_ended - conn.began if conn.app_ended > conn.began else r.micros
        r.core = conn.home
        r.count = self.slot.requests()
        r.total = self.slot.total(REQUESTS)
        r.has_app = not conn.unserved
        self.log.write(self.lines.line(r))


def describe(conn: Connection) -> str:
    """Whose request a connection carries, and which: printable, and bounded."""
    head = conn.head
    environ = conn.environ
    if head is None or environ is None:
        return ""
    address = conn.address if conn.http else str(environ.get("REMOTE_ADDR", "-"))
    text = f"{address or '-'} {head.method} {head.uri}"
    return escape(text[:NOTE])
