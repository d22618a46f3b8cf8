"""What is said of a request: its line in the request log, and whose it is.

What a client sent is taken down before the application is called, which may change the environ;
the line is written when the reply is with the kernel.
"""

from quaich.log.request import RequestLog, escape
from quaich.log.server import Log
from quaich.stats.scoreboard import NOTE, REQUESTS, Scoreboard, Slot
from quaich.sys.clock import micros
from quaich.worker.connection import Connection
from quaich.wsgi.call import Exchange


class Recorder:
    """Writes the request lines of one worker.

    ``statuses`` says which requests are logged: all, those answered 4xx, those answered 5xx.
    """

    def __init__(
        self,
        *,
        slot: Slot,
        scoreboard: Scoreboard,
        log: Log,
        lines: RequestLog,
        statuses: tuple[bool, bool, bool],
    ) -> None:
        self.slot = slot
        self.scoreboard = scoreboard
        self.log = log
        self.lines = lines
        self.log_all, self.log_4xx, self.log_5xx = statuses

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
        user = str(environ.get("REMOTE_USER", ""))
        conn.record = (address, user, 2 * fields, size, head.method, head.uri, head.protocol)

    def finish(self, conn: Connection, exchange: Exchange) -> None:
        """Write the line, if it is wanted."""
        record = conn.record
        conn.record = None
        status = exchange.head.status if exchange.head is not None else 500
        wanted = (
            self.log_all
            or (self.log_4xx and 400 <= status < 500)
            or (self.log_5xx and 500 <= status < 600)
        )
        if record is None or not wanted:
            return
        address, user, fields, size, method, uri, protocol = record
        line = self.lines.line(
            count=self.slot.requests(),
            total=self.scoreboard.total(REQUESTS),
            address=address,
            user=user,
            fields=fields,
            size=size,
            method=method,
            uri=uri,
            sent=exchange.sent,
            microseconds=micros() - conn.began,
            how=conn.how,
            protocol=protocol,
            status=status,
            headers=exchange.head.count if exchange.head is not None else 2,
            headers_size=exchange.head_size,
            core=conn.home,
            has_app=not conn.unserved,
        )
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
