"""From a whole request to octets in the kernel: call the application, send what it gives.

Rules:

* ``close()`` of the application's iterable is called exactly once, whatever happens.
* What the kernel does not take waits in the connection, not in a thread.  An iterator is asked for
  its next piece when the kernel has the one before (PEP 3333: no block may be delayed); until then
  it is suspended, and it goes on in the thread that began it.
* No exception of an application leaves this module, SystemExit and KeyboardInterrupt included.  If
  nothing was sent the client gets a 500; if something was, the connection breaks, so that half an
  answer never looks whole.
* A process that the application forked ends where it would come back from the application: it
  shares its parent's client, and would be a worker that nobody knows.
"""

import select
import time
from collections.abc import Callable
from contextvars import Context
from threading import get_ident
from typing import Any

try:
    import cython
except ImportError:
    from quaich.sys import cy as cython

from quaich.errors import ApplicationError
from quaich.log.server import Log
from quaich.stats.scoreboard import EXCEPTIONS, LANE_WRITE_ERRORS, REQUESTS, SENT, Slot
from quaich.sys.clock import micros
from quaich.sys.io import abort_on_close, finish_on_close, peer_state
from quaich.worker.connection import Connection, Region
from quaich.worker.failure import Failures
from quaich.worker.intake import start_over
from quaich.worker.outbox import flush, push, push_both, push_end, put_region, vanished
from quaich.worker.record import Recorder, describe
from quaich.worker.refusals import fail
from quaich.worker.routes import KEY as ROUTE
from quaich.worker.routes import Routes
from quaich.wsgi.call import Exchange, Stamp
from quaich.wsgi.files import FileWrapper

if not cython.compiled:
    from quaich.wire.reply import UNTIL_CLOSE

    NEXT = 0
    """Answered; the connection may carry another request."""
    FLUSH = 1
    """The application is done; octets wait for the kernel."""
    SUSPEND = 2
    """The application has more to give when the client has read what waits."""
    CLOSE = 3
    """Answered; the connection ends."""
    ABORT = 4
    """Not answered to the end; the connection ends so that the client can tell."""

    SLOW = 100000
    """Microseconds after which a piece was slow: its client is looked for before the next is
    made."""

Application = Callable[[dict[str, Any], Any], Any]

_END = object()


class Answerer:
    """Runs the application of one worker; used by all its threads.

    ``application`` is the one for every request, or None where ``choose`` finds it by the environ;
    ``most`` is how many requests a connection may carry, 0 for any number; ``idents`` are the
    threads' own numbers; ``recorder`` writes the request log, if there is one; ``dynamic`` is shown
    the environs of uwsgi packets that want code to be loaded; ``closing`` says that every
    connection ends after its next reply; ``on_exception`` is shown what the application raises;
    ``noting`` says that the scoreboard shows what each thread runs, ``timing`` that it counts how
    long requests take; ``routes`` counts by route; ``write_timeouts`` are those of ``write()``
    where HTTP and where a gateway protocol is spoken; ``failing`` says that the first thread
    reports a failure, and must not be interrupted; ``astray`` that this is a process that the
    application forked; ``left`` is how many requests are left until ``on_spent`` is called, once, 0
    for no such number.
    """

    def __init__(
        self,
        *,
        choose: Callable[[dict[str, Any]], Application | None],
        application: Application | None,
        slot: Slot,
        log: Log,
        recorder: Recorder | None,
        write_timeouts: tuple[float, float],
        threads: int,
        noting: bool,
        most: int,
        timing: bool,
        dynamic: Callable[[dict[str, Any]], None],
    ) -> None:
        self.choose = choose
        self.dynamic = dynamic
        self.application = application
        self.slot = slot
        self.log = log
        self.failures = Failures(log)
        self.recorder = recorder
        self.http_timeout, self.gateway_timeout = write_timeouts
        self.threads = threads
        self.idents = [0] * threads
        self.noting = noting
        self.most = most
        self.timing = timing
        self.stamp = Stamp()
        self.stamp_second = 0
        self.closing = False
        self.failing = False
        self.astray = False
        self.on_exception: Callable[[BaseException], None] | None = None
        self.routes: Routes | None = None
        self.left = 0
        self.on_spent: Callable[[], None] = lambda: None

    def answer(self, conn: Connection, thread: int, context: Context | None) -> int:
        """Answer the whole request in ``conn``, since ``conn.began``; one of the outcomes above.

        ``context`` is given when suspended iterators of this thread hold its own context.
        """
        head = conn.head
        environ = conn.environ
        assert head is not None and environ is not None
        second = conn.began // 1000000
        if second != self.stamp_second:
            self.stamp_second = second
            self.stamp.renew(int(time.time()))
        if self.noting:
            self.slot.note(thread, describe(conn))
        self.slot.begin(thread, conn.began)
        conn.home = thread
        if self.threads > 1:
            environ["uwsgi.core"] = thread
        if head.dynamic:
            self.dynamic(environ)
        if self.recorder is not None:
            self.recorder.begin(conn)
        exchange = Exchange.__new__(Exchange)
        exchange.open(
            conn,
            conn.http,
            head.minor,
            head.keep_alive
            and not self.closing
            and (self.most == 0 or conn.served + 1 < self.most),
            head.is_head,
            self.stamp,
        )
        if conn.opened:
            conn.opened = False
            exchange.opened = True
        if conn.door.cgi:
            exchange.cgi = True
            exchange.delimited = conn.fastcgi is not None
        conn.exchange = exchange
        if context is not None:
            conn.context = context
            return context.run(self.call, conn)
        return self.call(conn)

    def call(self, conn: Connection) -> int:
        """Call the application and send its reply as far as the client takes it."""
        exchange = conn.exchange
        environ = conn.environ
        assert exchange is not None and environ is not None
        try:
            application = self.application
            if application is None:
                application = self.choose(environ)
                if application is None:
                    return self._no_application(conn)
            result = application(environ, exchange.start_response)
            if self.astray:
                self.failures.end_astray(None)
            conn.result = result
            kind = type(result)
            if kind is list or kind is tuple or kind is bytes:
                self._whole(conn, exchange, result)
            elif kind is FileWrapper:
                if not self._file(conn, exchange, result):
                    return self.iterate(conn)
            else:
                if result is None:
                    raise ApplicationError(
                        "the application returned None; expected an iterable of bytes"
                    )
                conn.iterator = iter(result)
                return self.iterate(conn)
        except BaseException as error:
            return self._failed(conn, error)
        return self.app_done(conn)

    def resume(self, conn: Connection) -> int:
        """Go on with a suspended iterator."""
        if self.noting:
            self.slot.note(conn.home, describe(conn))
        self.slot.begin(conn.home, micros())
        if conn.context is not None:
            return conn.context.run(self.iterate, conn)
        return self.iterate(conn)

    def iterate(self, conn: Connection) -> int:
        """Send what the application's iterator gives, until it ends or some of it waits."""
        exchange = conn.exchange
        assert exchange is not None
        last = micros()
        try:
            iterator = conn.iterator
            if iterator is None:
                iterator = conn.iterator = iter(conn.result)
            while True:
                # Not a for loop: it would demand that the iterator itself can be iterated over.
                piece = next(iterator, _END)
                if self.astray:
                    self.failures.end_astray(None)
                if piece is _END:
                    break
                exchange.switches += 1
                if type(piece) is not bytes:
                    raise ApplicationError(
                        f"the application's iterable gave {type(piece).__name__}; expected bytes"
                    )
                if piece:
                    if exchange.begun:
                        push(conn, exchange.framed(piece))
                    else:
                        head = exchange.begin(-1)
                        if exchange.framing == UNTIL_CLOSE:
                            self._guard_end(conn)
                        push_both(conn, head, exchange.framed(piece))
                    if conn.gone or exchange.complaint or exchange.framing == 0:
                        break
                if conn.out:
                    conn.app_ended = micros()
                    self.slot.pause(conn.home, conn.app_ended)
                    return SUSPEND
                now = micros()
                if now - last > SLOW and self._left(conn, exchange, not piece):
                    # The kernel took the piece, if there was one, but nobody reads it.
                    conn.gone = True
                    break
                last = now
            conn.iterator = None
            if not conn.gone:
                push(conn, exchange.finish())
        except BaseException as error:
            return self._failed(conn, error)
        return self.app_done(conn)

    def _left(self, conn: Connection, exchange: Exchange, probing: bool) -> bool:
        """Whether the client is gone; ``probing`` that nothing was sent to it that would tell."""
        if exchange.begun or exchange.opened:
            state = peer_state(conn.fd)
            if probing and state == 1 and conn.address and exchange.can_probe():
                push(conn, exchange.probe())
                state = 2 if conn.gone else peer_state(conn.fd)
            return state == 2
        gone = vanished(conn)
        exchange.opened = conn.opened
        conn.opened = False
        return gone

    def _whole(self, conn: Connection, exchange: Exchange, result: Any) -> None:
        """A reply that is all here: one head with its true length, one send."""
        if type(result) is bytes:
            body = result
        elif type(result) is list and len(result) == 1 and type(result[0]) is bytes:
            body = result[0]
            exchange.switches = 1
        else:
            for piece in result:
                if type(piece) is not bytes:
                    raise ApplicationError(
                        f"the application returned a list holding {type(piece).__name__}; "
                        "expected bytes"
                    )
            body = result[0] if len(result) == 1 else b"".join(result)
            exchange.switches = len(result)
        if exchange.begun:
            push(conn, exchange.framed(body) + exchange.finish())
            return
        head = exchange.begin(len(body))
        body = exchange.framed(body)
        exchange.check_promise()
        push_both(conn, head, body)

    def _file(self, conn: Connection, exchange: Exchange, wrapper: FileWrapper) -> bool:
        """Let the kernel send a file; False when it is none and must be read."""
        region = wrapper.region()
        if region is None or exchange.begun or (conn.layer is not None and conn.fastcgi is None):
            return False
        fd, offset, count = region
        push(conn, exchange.begin(count))
        if exchange.framing == 0:
            return True
        if exchange.left < count:
            count = exchange.left
        exchange.left -= count
        exchange.sent += count
        exchange.check_promise()
        if count and not conn.gone:
            conn.how = " via sendfile()"
            put_region(conn, Region(fd, offset, count))
        return True

    def is_home(self, conn: Connection) -> bool:
        """Whether the caller is in the thread that answers on ``conn``."""
        return self.idents[conn.home] == get_ident()

    def write_through(self, conn: Connection, data: bytes) -> None:
        """``write()``: the one call that may wait for a client, as its contract leaves no choice:
        it returns nothing that could be resumed.  It waits ``write_timeouts`` seconds at most for
        the kernel to take something."""
        if conn.exchange is not None and conn.exchange.framing == UNTIL_CLOSE:
            self._guard_end(conn)
        push(conn, data)
        if conn.out:
            poll = select.poll()
            poll.register(conn.fd, select.POLLOUT)
            while conn.out and not conn.gone:
                timeout = self.http_timeout if conn.http else self.gateway_timeout
                if not poll.poll(timeout * 1000):
                    conn.gone = True
                    conn.out.clear()
                else:
                    flush(conn)
        if conn.gone:
            raise ConnectionResetError("write error: the client is gone")

    def _guard_end(self, conn: Connection) -> None:
        """The end of the connection will be the end of the reply: until the reply is whole, let it
        be an error to the client, whoever closes, the kernel for a process that died included.

        On a UNIX socket the loop has seen to that already, by leaving octets of the request unread,
        and with TLS the good end is one that is said.
        """
        if conn.http and conn.address and conn.layer is None and not conn.guarded:
            conn.guarded = True
            abort_on_close(conn.fd)

    def app_done(self, conn: Connection) -> int:
        """The application has given all; its file is closed only when it is sent."""
        exchange = conn.exchange
        assert exchange is not None
        exchange.over = True
        if not conn.out or not conn.how:
            self._close_result(conn)
        conn.app_ended = micros()
        self.slot.end(conn.home, conn.app_ended, exchange.sent + exchange.head_size)
        if self.timing and conn.app_ended >= conn.began:
            self.slot.took(conn.app_ended - conn.began)
            if self.routes is not None:
                self._route(conn, self.routes)
        if self.left:
            self.left -= 1
            if self.left == 0:
                self.on_spent()
        if conn.fastcgi is not None:
            push_end(conn)
        if conn.out:
            return FLUSH
        return self.complete(conn, True)

    def _route(self, conn: Connection, routes: Routes) -> None:
        environ = conn.environ
        assert environ is not None
        route = environ.get(ROUTE)
        if route is not None:
            took = conn.app_ended - conn.began
            try:
                routes.took(route, took, environ.get("HTTP_X_REQUEST_START"), time.time())
            except Exception as error:
                # The reply is made: what the application named is no reason to break it.
                self.failures.raised(conn, error, "the application's quaich.route raised")

    def complete(self, conn: Connection, at_home: bool) -> int:
        """Everything is with the kernel: close, log, and say what becomes of the connection.

        ``at_home`` says that this is the thread that answered.
        """
        exchange = conn.exchange
        assert exchange is not None
        if conn.result is not None:
            self._close_result(conn)
        if conn.gone and not conn.broken:
            self.slot.fault(conn.home, LANE_WRITE_ERRORS)
        if exchange.complaint:
            self.failures.complain(conn, exchange.complaint)
        if exchange.head is not None and exchange.head.removed is not None:
            self.failures.report_removed(conn, exchange.head.removed)
        if self.recorder is not None:
            self.recorder.finish(conn, exchange, at_home)
        conn.exchange = None
        conn.context = None
        conn.how = ""
        conn.unserved = False
        conn.broken = False
        start_over(conn)
        if conn.gone or exchange.broken():
            return ABORT
        if conn.guarded:
            conn.guarded = False
            finish_on_close(conn.fd)
        return CLOSE if exchange.close else NEXT

    def abandon(self, conn: Connection) -> None:
        """The client is gone or too slow: end what the application began for it."""
        conn.gone = True
        if conn.out is not None:
            conn.out.clear()
        exchange = conn.exchange
        if exchange is not None:
            exchange.over = True
            if conn.iterator is not None:
                # Suspended: no thread has ended it, so none has counted it.
                self.slot.add(REQUESTS, 1)
                self.slot.add(SENT, exchange.sent + exchange.head_size)
            self._close_result(conn)
            self.complete(conn, False)

    def _close_result(self, conn: Connection) -> None:
        result = conn.result
        conn.result = None
        conn.iterator = None
        kind = type(result)
        if kind is list or kind is tuple or kind is bytes or result is None:
            return
        try:
            close = getattr(result, "close", None)
            if close is not None:
                close()
                if self.astray:
                    self.failures.end_astray(None)
        except BaseException as error:
            if self.astray:
                self.failures.end_astray(error)
            self.failures.raised(conn, error, "close() of the application's iterable raised")

    def _failed(self, conn: Connection, error: BaseException) -> int:
        if self.astray:
            self.failures.end_astray(error)
        first = conn.home == 0
        if first:
            self.failing = True
        outcome = self._report_failure(conn, error)
        if first:
            self.failing = False
        return outcome

    def _report_failure(self, conn: Connection, error: BaseException) -> int:
        exchange = conn.exchange
        assert exchange is not None
        if not (conn.gone and issubclass(type(error), OSError)):
            self.slot.add(EXCEPTIONS, 1)
            self.failures.raised(conn, error, "the application raised")
            if self.on_exception is not None:
                self.on_exception(error)
        if exchange.begun:
            conn.broken = not conn.gone
            conn.gone = True
            if conn.out is not None:
                conn.out.clear()
        else:
            fail(conn, self.signature())
        self._close_result(conn)
        return self.app_done(conn)

    def signature(self) -> bytes:
        """The Server and Date fields, for a reply that no application has made."""
        self.stamp.renew(int(time.time()))
        return self.stamp.server + self.stamp.date

    def _no_application(self, conn: Connection) -> int:
        self.log.error("no python application found, check your startup logs for errors")
        conn.unserved = True
        fail(conn, self.signature())
        return self.app_done(conn)
