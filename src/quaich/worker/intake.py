"""From octets to a whole request: head, then body, kept with the connection until both are here.

No socket, no clock: the loop feeds what it received.  An application is called only for a request
that is complete, so a client that is slow or vanishes in the middle never costs a thread, and a cut
body is never mistaken for a short one.  A body up to ``memory`` octets is kept in memory, a longer
one in memory or in a temporary file (``spool``).
"""

from io import BytesIO
from typing import Any

try:
    import cython
except ImportError:
    from quaich.sys import cy as cython

from quaich.errors import ProtocolError
from quaich.net.trust import Trust
from quaich.wire.chunked import ChunkedDecoder
from quaich.wire.fastcgi import Responder
from quaich.wire.forwarded import FIELDS, client, scheme
from quaich.wire.gateway import find_path
from quaich.wire.http1 import (
    Head,
    check_line,
    check_method,
    find_end,
    parse_again,
    parse_head,
    skip_empty_lines,
)
from quaich.wire.scgi import netstring_size, parse_request
from quaich.wire.uwsgi import packet_size, parse_packet
from quaich.worker.connection import Connection, Door
from quaich.worker.spool import Spools
from quaich.wsgi.environ import url_scheme

if not cython.compiled:
    from quaich.worker.connection import BODY, HEAD, REPLY

    MORE = 0
    """The request is not complete."""
    READY = 1
    """A whole request is in the connection."""
    CONTINUE = 2
    """Not complete, and the client waits to be told to send the body."""

    TEMPLATES = 64
    """Heads that are remembered, by the descriptor; 3 KiB each where a client repeats itself."""

    LONGEST_TEMPLATE = 4096
    """Octets of a head that is remembered."""


class Template:
    """A head as it was received, and, once the same fields came again, what they became.

    A client repeats its fields from request to request, so a connection's next head is compared
    with its last before it is parsed: the same octets are the same head, and the same fields after
    another request line are the same fields.  ``environ`` is what parsing left, untouched by any
    application; ``forwarded`` that a front speaks of the client's connection in it.
    """

    def __init__(self, door: Door, octets: bytes, fields: bytes) -> None:
        self.door = door
        self.octets = octets
        self.fields = fields
        self.head: Head | None = None
        self.environ: dict[str, Any] | None = None
        self.forwarded = False
        self.address = ""
        self.port = ""


class Intake:
    """Limits in octets: ``head_limit`` for a head or packet (``buffer-size``), ``body_limit`` for
    a body (``limit-post``, 0 for none), ``memory`` before a body goes to disk (``post-buffering``);
    ``trust`` are the proxies that are believed, None for uWSGI's rules.
    """

    def __init__(
        self, head_limit: int, body_limit: int, memory: int, trust: Trust | None = None
    ) -> None:
        self.head_limit = head_limit
        self.body_limit = body_limit
        self.memory = memory
        self.trust = trust
        self.templates: list[Template | None] = [None] * TEMPLATES
        self.spools = Spools()

    def feed(self, conn: Connection, data: bytes) -> int:
        """Take what arrived; MORE, READY or CONTINUE.  Raises ProtocolError, after which the
        connection can only be refused and closed."""
        if conn.state == BODY:
            used = self._gather(conn, data, 0)
            if used < 0:
                return MORE
            conn.buffer = data[used:]
            return self._complete(conn)
        conn.buffer = conn.buffer + data if conn.buffer else data
        return self.next(conn)

    def next(self, conn: Connection) -> int:
        """The next request from what is already here."""
        buffer = conn.buffer
        door = conn.door
        size = len(buffer)
        if size == 0:
            return MORE
        if door.auto and conn.served == 0:
            conn.http = buffer[0] != 0
        environ: dict[str, Any]
        head: Head | None
        if conn.http:
            if buffer[0] == 13 or not self._known(conn, buffer):
                start = skip_empty_lines(buffer, 0) if buffer[0] == 13 else 0
                end = find_end(buffer, start, conn.seen)
                if end < 0 or end - start > self.head_limit:
                    self._incomplete(conn, start, end)
                    return MORE
                self._read(conn, buffer, start, end)
            assert conn.head is not None and conn.environ is not None
            head = conn.head
            environ = conn.environ
            end = conn.seen
            if conn.variables is not None:
                environ.update(conn.variables)
            if self.trust is not None:
                self._forwarded(conn, environ)
        elif door.cgi:
            environ = {}
            head = self._cgi(conn, environ)
            if head is None:
                return MORE
            end = conn.seen
            buffer = conn.buffer
            find_path(environ)
            self._variables(conn, environ)
            conn.head = head
            conn.environ = environ
        else:
            end = packet_size(buffer, 0)
            if end - 4 > self.head_limit:
                raise ProtocolError(
                    431, f"a uwsgi packet of {end - 4} octets; buffer-size is {self.head_limit}"
                )
            if end == 0 or end > size:
                return MORE
            environ = {}
            head = parse_packet(buffer, 0, end, environ)
            self._variables(conn, environ)
            conn.head = head
            conn.environ = environ
        conn.buffer = buffer[end:] if end < size else b""
        conn.seen = 0
        if head.chunked:
            conn.decoder = ChunkedDecoder(self.body_limit)
        elif conn.fastcgi is not None and self._streams(conn.fastcgi, head):
            conn.decoder = conn.fastcgi
        elif head.content_length <= 0:
            environ["wsgi.input"] = BytesIO()
            conn.state = REPLY
            return READY
        else:
            limit = self.body_limit
            if limit and head.content_length > limit:
                raise ProtocolError(413, f"a body of more than {limit} octets (limit-post)")
            conn.missing = head.content_length
        conn.state = BODY
        conn.body = []
        conn.body_size = 0
        rest = conn.buffer
        if rest:
            conn.buffer = b""
            used = self._gather(conn, rest, 0)
            if used >= 0:
                conn.buffer = rest[used:]
                return self._complete(conn)
        elif head.expect_continue:
            return CONTINUE
        return MORE

    def _variables(self, conn: Connection, environ: dict[str, Any]) -> None:
        """Make the variables that a front sent an environ."""
        if self.trust is not None:
            self._forwarded(conn, environ)
        complete_environ(environ, conn.door.environ)

    def _forwarded(self, conn: Connection, environ: dict[str, Any]) -> None:
        """Believe what a trusted proxy says of the client, and keep what others say from the
        application."""
        trust = self.trust
        assert trust is not None
        if not trust.holds(conn.address):
            for name in FIELDS:
                environ.pop(name, None)
            return
        hop = None
        # A gateway says itself who spoke to it; the fields count if that is a proxy again.
        if conn.http or trust.holds(str(environ.get("REMOTE_ADDR", "?"))):
            hop = client(environ, trust.holds)
        said = scheme(environ, hop) if conn.http else ""
        if said:
            environ["wsgi.url_scheme"] = said
        if hop is not None:
            environ["REMOTE_ADDR"] = hop.address
            environ.pop("REMOTE_PORT", None)
            if hop.port:
                environ["REMOTE_PORT"] = hop.port

    def _cgi(self, conn: Connection, environ: dict[str, Any]) -> Head | None:
        """The head of an SCGI or FastCGI request, which ends at ``conn.seen``; None while it is
        not here."""
        buffer = conn.buffer
        responder = conn.fastcgi
        if responder is None:
            size = netstring_size(buffer, 0)
            if size - 8 > self.head_limit:
                raise ProtocolError(
                    431, f"an SCGI request of {size} octets; buffer-size is {self.head_limit}"
                )
            if size == 0 or size > len(buffer):
                return None
            conn.seen = size
            return parse_request(buffer, 0, size, environ)
        conn.seen = responder.feed(buffer, conn.seen, [])
        if responder.ready:
            return responder.variables(environ)
        if responder.request == 0:
            # Between two requests, what has arrived of the next is all in the buffer.
            conn.buffer = responder.held
            responder.held = b""
            conn.seen = 0
        return None

    def _streams(self, responder: Responder, head: Head) -> bool:
        """Whether more of a FastCGI request is to come."""
        limit = self.body_limit
        if limit and head.content_length > limit:
            raise ProtocolError(413, f"a body of more than {limit} octets (limit-post)")
        responder.expect(head.content_length, limit)
        return not responder.done

    def _known(self, conn: Connection, buffer: bytes) -> bool:
        """Take a head whose fields this connection sent before; False when it must be read."""
        template = self.templates[conn.fd & TEMPLATES - 1]
        if template is None or template.door is not conn.door:
            return False
        like = template.head
        if like is None or template.environ is None:
            return False
        if buffer.startswith(template.octets):
            environ = template.environ.copy()
            conn.head = like
            conn.seen = len(template.octets)
        else:
            at = buffer.find(b"\n") + 1
            if at == 0 or not buffer.startswith(template.fields, at):
                return False
            end = at + len(template.fields)
            if end > self.head_limit:
                return False
            environ = template.environ.copy()
            head = parse_again(buffer, end, environ, like)
            if head is None:
                return False
            conn.head = head
            conn.seen = end
        if template.port is not conn.port or template.address is not conn.address:
            environ["REMOTE_ADDR"] = conn.address
            environ["REMOTE_PORT"] = conn.port
        if template.forwarded and conn.trusted and self.trust is None:
            _set_scheme(environ)
        conn.environ = environ
        return True

    def _read(self, conn: Connection, buffer: bytes, start: int, end: int) -> None:
        """Read a head, and remember it."""
        environ: dict[str, Any] = conn.door.environ.copy()
        environ["REMOTE_ADDR"] = conn.address
        environ["REMOTE_PORT"] = conn.port
        environ["wsgi.input"] = None
        head = parse_head(buffer, start, end, environ)
        forwarded = "HTTP_X_FORWARDED_PROTO" in environ or "HTTP_X_FORWARDED_SSL" in environ
        if head.minor == 1 and not head.absolute and end - start <= LONGEST_TEMPLATE:
            place = conn.fd & TEMPLATES - 1
            template = self.templates[place]
            fields = buffer[buffer.find(b"\n", start) + 1 : end]
            # A copy of the variables is made for who comes again, not for who comes once.
            again = template is not None and template.fields == fields
            template = Template(conn.door, buffer[start:end], fields)
            if again:
                template.head = head
                template.environ = environ.copy()
                template.address = conn.address
                template.port = conn.port
                template.forwarded = forwarded
            self.templates[place] = template
        if forwarded and conn.trusted and self.trust is None:
            _set_scheme(environ)
        if head.minor == 0:
            conn.door.old = True
        conn.head = head
        conn.environ = environ
        conn.seen = end

    def _incomplete(self, conn: Connection, start: int, end: int) -> None:
        """A head that is not all here, or too long: remember, or refuse it.

        Of a head that is too long, what is wrong within the limit counts first, as it would if it
        had come octet by octet.
        """
        buffer = conn.buffer
        limit = self.head_limit
        too_long = len(buffer) - start > limit
        if too_long:
            buffer = buffer[start : start + limit]
            start = 0
            end = find_end(buffer, 0, 0)
        if end == -2:
            parse_head(buffer, start, len(buffer), {})
        line = buffer.find(b"\n", start) + 1
        if line > 0 and (too_long or line > conn.seen):
            check_line(buffer, start, line)
        if too_long:
            if line == 0:
                check_method(buffer, 0, limit)
                raise ProtocolError(414, f"a request line of more than {limit} octets")
            raise ProtocolError(431, f"a request head of more than {limit} octets (buffer-size)")
        conn.seen = len(buffer)

    def _gather(self, conn: Connection, data: bytes, start: int) -> int:
        """Keep body octets; the offset after the body's last one, or -1 when more must come."""
        size = len(data)
        if conn.decoder is not None:
            pieces: list[bytes] = []
            end = conn.decoder.feed(data, start, pieces)
            for piece in pieces:
                self._keep(conn, piece)
            return end if conn.decoder.done else -1
        end = start + conn.missing
        if end > size:
            end = size
        conn.missing -= end - start
        self._keep(conn, data if start == 0 and end == size else data[start:end])
        return end if conn.missing == 0 else -1

    def _keep(self, conn: Connection, piece: bytes) -> None:
        conn.body_size += len(piece)
        if conn.spool is None:
            assert conn.body is not None
            conn.body.append(piece)
            if conn.body_size <= self.memory:
                return
            piece = b"".join(conn.body)
            conn.body = []
        try:
            if conn.spool is None:
                # The length is not known before the end where a decoder is to find that.
                length = 0 if conn.decoder is not None else conn.body_size + conn.missing
                conn.spool = self.spools.open(length)
            conn.spool.write(piece)
        except OSError as error:
            raise _no_room(error) from error

    def _complete(self, conn: Connection) -> int:
        environ = conn.environ
        assert environ is not None
        if conn.decoder is not None:
            conn.decoder = None
            if conn.fastcgi is None or conn.body_size:
                # Decoded, the body has a length and no transfer coding (RFC 9112, section 7.1.3).
                environ["CONTENT_LENGTH"] = str(conn.body_size)
            if conn.fastcgi is not None and conn.fastcgi.aborted:
                return self._aborted(conn)
        if conn.spool is not None:
            try:
                conn.spool.seek(0)
            except OSError as error:
                raise _no_room(error) from error
            environ["wsgi.input"] = conn.spool
        else:
            body = conn.body
            assert body is not None
            environ["wsgi.input"] = BytesIO(body[0] if len(body) == 1 else b"".join(body))
        conn.body = None
        conn.state = REPLY
        return READY

    def _aborted(self, conn: Connection) -> int:
        """The front has given the request up: go on as if it had been answered."""
        conn.body = None
        conn.body_began = 0.0
        start_over(conn)
        return self.next(conn)


def _no_room(error: OSError) -> ProtocolError:
    return ProtocolError(503, f"no room to keep a request body: {error.strerror}")


def _set_scheme(environ: dict[str, Any]) -> None:
    scheme = url_scheme(environ)
    if scheme == "https":
        environ["wsgi.url_scheme"] = scheme


def drop_spool(conn: Connection) -> None:
    """Let go of a body that is on disk."""
    spool = conn.spool
    if spool is not None:
        conn.spool = None
        try:
            spool.close()
        except OSError:
            pass  # closing writes what is buffered; on a full disk it cannot, and need not


def start_over(conn: Connection) -> None:
    """Forget an answered request; the connection is ready for its next one."""
    drop_spool(conn)
    conn.state = HEAD
    conn.head = None
    conn.environ = None
    conn.served += 1
    if conn.fastcgi is not None:
        conn.fastcgi.reset()


def complete_environ(environ: dict[str, Any], fixed: dict[str, Any]) -> None:
    """Put the server's own keys over a packet's, and PEP 3333's required ones where it has none.

    nginx sends no SCRIPT_NAME; PEP 3333 lets a server leave it out then, as uWSGI does, but
    ``wsgiref.validate`` and many an application expect the empty one.
    """
    port = environ.get("SERVER_PORT")
    name = environ.get("SERVER_NAME")
    script = environ.get("SCRIPT_NAME")
    environ.update(fixed)
    if port is not None:
        environ["SERVER_PORT"] = port
    if name is not None:
        environ["SERVER_NAME"] = name
    if script is not None:
        environ["SCRIPT_NAME"] = script
    environ.setdefault("REQUEST_METHOD", "GET")
    environ.setdefault("PATH_INFO", "")
    environ.setdefault("QUERY_STRING", "")
    environ.setdefault("SERVER_PROTOCOL", "HTTP/1.1")
    environ["wsgi.url_scheme"] = url_scheme(environ)
