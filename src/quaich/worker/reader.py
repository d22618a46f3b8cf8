"""From octets on a connection to a request, or to what is refused: the reading half of the loop.

It asks the kernel, has the connection's filter decode what it encrypts or announces, and feeds the
intake; what the protocol itself has to say on the way is sent.  It calls no application.
"""

try:
    import cython
except ImportError:
    from quaich.sys import cy as cython

from quaich.errors import ProtocolError
from quaich.log.server import Log
from quaich.sys.io import receive, receive_into, send
from quaich.worker.answer import Answerer
from quaich.worker.connection import Connection, Door, Filter
from quaich.worker.handover import Handover
from quaich.worker.intake import Intake
from quaich.worker.scarcity import PACE
from quaich.worker.spool import Room
from quaich.worker.usher import Usher

if not cython.compiled:
    from quaich.worker.connection import BODY, HEAD

    READ = 16384
    """Octets asked of the kernel at a time for a head."""

    READ_BODY = 262144
    """And for a body, of which more is sure to come."""

    READ_LARGE = 524288
    """And for one that has a room: what others can wait for, some 50 microseconds."""


class Reader(Usher):
    """Reads for one worker; ``intake`` makes requests of what it reads."""

    def __init__(
        self,
        doors: list[Door],
        handover: Handover | None,
        answerer: Answerer,
        log: Log,
        threads: int,
        http_timeout: float,
        gateway_timeout: float,
        intake: Intake,
    ) -> None:
        super().__init__(doors, handover, answerer, log, threads, http_timeout, gateway_timeout)
        self.intake = intake

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

    def _fills(self, conn: Connection) -> bool:
        """Receive a body straight to its room, all but its last octet; False where it has none, or
        only that is missing, and nothing is received."""
        room = conn.spool
        most = min(READ_LARGE, conn.missing - 1)
        if most <= 0 or conn.filter is not None or type(room) is not Room:
            return False
        try:
            got = receive_into(conn.fd, room.memory, room.at, most)
        except OSError:
            got = 0
        if got == 0:
            self._drop(conn)
            return True
        if got > 0:
            room.at += got
            conn.missing -= got
            conn.body_size += got
            self._body_deadline(conn)
        self._park(conn, False)
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
        if not conn.http and conn.body_size == 0:
            # One that was announced and is not passed on never comes, and a front that waits as
            # long as this server would tell nobody why.
            timeout /= 2
        if conn.body_began == 0.0:
            conn.body_began = self.now
        conn.heard = self.now
        conn.deadline = conn.body_began + timeout + conn.body_size / PACE
