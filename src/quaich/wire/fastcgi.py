"""FastCGI 1.0, the responder's side of one connection: records in, records out.

A record is eight octets (version, type, request id, content length, padding length) with content
and padding behind them.  A request is BEGIN_REQUEST, its variables in PARAMS records, its body in
STDIN records, each stream ended by an empty record; the reply is STDOUT records and END_REQUEST.

Rules:

* Streams may be cut into records, and records into reads, anywhere; the outcome is the same.
* One request at a time: another that begins meanwhile is told CANT_MPX_CONN, and one for another
  role UNKNOWN_ROLE.  What belongs to such a request is read over.
* What cannot be is refused with a ProtocolError, after which the connection can only be closed: an
  unknown version, a record for a request that has not begun, variables or a body whose lengths do
  not add up.  A body longer or shorter than its CONTENT_LENGTH never reaches an application.
* A reply that was not finished gets no END_REQUEST, so that the front can tell.
"""

from quaich.errors import ProtocolError
from quaich.wire.gateway import complete, keep
from quaich.wire.http1 import Head

BEGIN_REQUEST = 1
ABORT_REQUEST = 2
END_REQUEST = 3
PARAMS = 4
STDIN = 5
STDOUT = 6
DATA = 8
GET_VALUES = 9
GET_VALUES_RESULT = 10
UNKNOWN_TYPE = 11

RESPONDER = 1
KEEP_CONN = 1

REQUEST_COMPLETE = 0
CANT_MPX_CONN = 1
UNKNOWN_ROLE = 3

MOST = 65535
"""Octets of content in one record, whose length is 16 bits."""

MAX_RECORDS = 4096
"""Records of one request before its body; nginx needs three."""

MAX_CONTROL = 1024
"""Octets of content in a record that belongs to no stream; a GET_VALUES for everything has 49."""

MAX_REFUSED = 16
"""Requests of one connection that were refused while it is read on."""

_VALUES = {b"FCGI_MAX_CONNS": b"65535", b"FCGI_MAX_REQS": b"65535", b"FCGI_MPXS_CONNS": b"0"}
"""A connection that waits costs a table entry, so the number is the largest that fronts can read;
how many requests run is for the workers' threads to say."""


class Responder:
    """One connection.  ``feed`` reads; the other methods write.

    ``request`` is the id of the request that is read or answered, 0 between two; ``keep`` whether
    the front wants to use the connection again after it; ``ready`` that its variables are all here,
    ``done`` that its body is, too, or, with ``aborted``, that the front has given it up.  ``say``
    is to be sent before anything else, and with ``over`` the connection is closed then.
    """

    def __init__(self, head_limit: int) -> None:
        self.head_limit = head_limit
        self.request = 0
        self.before = 0
        self.keep = True
        self.ready = False
        self.done = False
        self.aborted = False
        self.over = False
        self.ended = False
        self.say = b""
        self.params: list[bytes] = []
        self.size = 0
        self.records = 0
        self.expected = -1
        self.limit = 0
        self.received = 0
        self.left = 0
        self.skip = 0
        self.held = b""
        self.refused: set[int] = set()

    @property
    def idle(self) -> bool:
        """Whether nothing of a request is here but, at most, what ``held`` holds."""
        return self.request == 0 and self.skip == 0

    def reset(self) -> None:
        """The request is over; another may begin."""
        self.before = self.request
        self.request = 0
        self.ready = self.done = self.aborted = self.ended = False
        self.params = []
        self.size = self.records = self.received = self.left = 0
        self.expected = -1

    def feed(self, data: bytes, start: int, pieces: list[bytes]) -> int:
        """Read ``data`` on from ``start``, and put what is of the body into ``pieces``.

        Stops where the variables end, and where the request does; the offset behind that, or of
        the end of ``data``.  Raises ProtocolError with 400, 413 or 431.
        """
        held = len(self.held)
        if held == 0:
            return self._read(data, start, pieces)
        data = self.held + data[start:]
        self.held = b""
        return self._read(data, 0, pieces) + start - held

    def _read(self, data: bytes, start: int, pieces: list[bytes]) -> int:
        p = data
        n = len(data)
        i = start
        while i < n and not self.over:
            if self.left > 0:
                size = min(self.left, n - i)
                if self.ready:
                    pieces.append(p[i : i + size])
                else:
                    self.params.append(p[i : i + size])
                self.left -= size
                i += size
                if self.left > 0 or i == n:
                    break
            if self.skip > 0:
                size = min(self.skip, n - i)
                self.skip -= size
                i += size
                if self.skip > 0 or i == n:
                    break
            if p[i] != 1:
                raise _version(p[i])
            if n - i < 8:
                self.held = p[i:n]
                break
            kind = p[i + 1]
            number = 256 * p[i + 2] + p[i + 3]
            length = 256 * p[i + 4] + p[i + 5]
            padding = p[i + 6]
            if kind == 5 and self.ready and number == self.request:
                i += 8
                self.skip = padding
                if length == 0:
                    self._end_of_body()
                    return i
                self._more_body(length)
                self.left = length
            elif kind == 4 and number == self.request and number != 0 and not self.ready:
                i += 8
                self.skip = padding
                self._count()
                if length == 0:
                    self.ready = True
                    if padding == 0 and n - i >= 8 and self._is_last(p[i : i + 6]):
                        # A request without a body, as nginx sends it in one piece.
                        self.skip = p[i + 6]
                        self.done = True
                        i += 8
                    return i
                self.size += length
                if self.size > self.head_limit:
                    raise ProtocolError(
                        431, f"variables of more than {self.head_limit} octets (buffer-size)"
                    )
                self.left = length
            elif self._is_ignored(kind, number):
                i += 8
                self.skip = length + padding
            else:
                if length > MAX_CONTROL:
                    raise ProtocolError(400, f"a FastCGI record of type {kind} with much content")
                if n - i < 8 + length:
                    self.held = p[i:n]
                    break
                self.skip = padding
                self._control(kind, number, p[i + 8 : i + 8 + length])
                i += 8 + length
                if self.aborted:
                    return i
        return n

    def _is_last(self, header: bytes) -> bool:
        return header == _header(STDIN, self.request, 0)[:6]

    def _count(self) -> None:
        self.records += 1
        if self.records > MAX_RECORDS:
            raise ProtocolError(400, f"a request of more than {MAX_RECORDS} FastCGI records")

    def _is_ignored(self, kind: int, number: int) -> bool:
        """Whether a record belongs to a request that was refused, or is answered already."""
        if number == 0 or number == self.request:
            return False
        if kind != 2 and kind != 4 and kind != 5 and kind != 8:
            return False
        return number in self.refused or number == self.before

    def _control(self, kind: int, number: int, content: bytes) -> None:
        if number == 0:
            if kind == GET_VALUES:
                self.say += _values(content)
            elif kind > GET_VALUES:
                self.say += _header(UNKNOWN_TYPE, 0, 8) + bytes((kind, 0, 0, 0, 0, 0, 0, 0))
            else:
                raise ProtocolError(400, f"a FastCGI record of type {kind} for no request")
            if self.request and not self.ready:
                self._count()
        elif kind == BEGIN_REQUEST:
            self._begin(number, content)
        elif kind == ABORT_REQUEST and number == self.request:
            self.say += self.end()
            self.over = not self.keep
            if self.ready:
                self.done = self.aborted = True
            else:
                self.reset()
        else:
            raise ProtocolError(400, f"a FastCGI record of type {kind} that has no place here")

    def _begin(self, number: int, content: bytes) -> None:
        if len(content) != 8:
            raise ProtocolError(400, "a FastCGI request whose beginning has not 8 octets")
        if number == self.request:
            raise ProtocolError(400, "a FastCGI request that begins twice")
        role = 256 * content[0] + content[1]
        if self.request:
            self._refuse(number, CANT_MPX_CONN)
        elif role != RESPONDER:
            self._refuse(number, UNKNOWN_ROLE)
            self.over = not content[2] & KEEP_CONN
        else:
            self.refused.discard(number)
            self.request = number
            self.keep = content[2] & KEEP_CONN == 1

    def _refuse(self, number: int, status: int) -> None:
        self.say += _end_request(number, status)
        self.refused.add(number)
        if len(self.refused) > MAX_REFUSED:
            raise ProtocolError(400, f"more than {MAX_REFUSED} FastCGI requests that were refused")

    def variables(self, environ: dict[str, object]) -> Head:
        """The variables, once they are all here; raises ProtocolError (400)."""
        params = self.params
        head = Head()
        head.keep_alive = self.keep
        head.size = self.size
        if not params:
            raise ProtocolError(400, "a FastCGI request without variables")
        _pairs(params[0] if len(params) == 1 else b"".join(params), head, environ)
        self.params = []
        complete(head, environ)
        return head

    def expect(self, length: int, limit: int) -> None:
        """What the body has to be: its length or -1, and the most it may have, or 0."""
        self.expected = length
        self.limit = limit
        if self.done:
            self._end_of_body()

    def _more_body(self, length: int) -> None:
        self.received += length
        if self.expected >= 0 and self.received > self.expected:
            raise ProtocolError(400, "a body longer than its CONTENT_LENGTH")
        if self.limit and self.received > self.limit:
            raise ProtocolError(413, f"a body of more than {self.limit} octets (limit-post)")

    def _end_of_body(self) -> None:
        if self.expected >= 0 and self.received != self.expected:
            raise ProtocolError(400, "a body shorter than its CONTENT_LENGTH")
        self.done = True

    def encode(self, data: bytes) -> bytes:
        """``data`` as records of STDOUT."""
        n = len(data)
        if n <= MOST:
            return _header(STDOUT, self.request, n) + data
        parts = []
        for i in range(0, n, MOST):
            piece = data[i : i + MOST]
            parts.append(_header(STDOUT, self.request, len(piece)))
            parts.append(piece)
        return b"".join(parts)

    def frame(self, size: int) -> bytes:
        """What stands before ``size`` octets of STDOUT, no more than MOST, that follow elsewise."""
        return _header(STDOUT, self.request, size)

    def end(self) -> bytes:
        """What ends a reply: the end of STDOUT, and of the request."""
        self.ended = True
        return _header(STDOUT, self.request, 0) + _end_request(self.request, REQUEST_COMPLETE)

    def last(self, page: bytes) -> bytes:
        """``page`` as the last that is said on this connection."""
        if self.request:
            page = self.encode(page) + self.end()
        return self.say + page

    def farewell(self) -> bytes:
        """Nothing: the end of a connection says nothing of a request."""
        return b""


def _header(kind: int, number: int, length: int) -> bytes:
    return bytes((1, kind, number >> 8, number & 255, length >> 8, length & 255, 0, 0))


def _end_request(number: int, status: int) -> bytes:
    return _header(END_REQUEST, number, 8) + bytes((0, 0, 0, 0, status, 0, 0, 0))


def _version(octet: int) -> ProtocolError:
    if 65 <= octet <= 90 or octet == 22:
        return ProtocolError(
            400, "this is not FastCGI; HTTP clients need http-socket, or protocol = http"
        )
    return ProtocolError(400, f"version {octet} of FastCGI is not spoken; only 1 is")


def _values(content: bytes) -> bytes:
    """The record that answers GET_VALUES: of the names in it, those that have a value."""
    i = 0
    known = {}
    while i < len(content):
        i, start, middle = _pair(content, i, len(content))
        name = content[start:middle]
        if name in _VALUES:
            known[name] = _VALUES[name]
    pairs = b"".join(bytes((len(name), len(value))) + name + value for name, value in known.items())
    return _header(GET_VALUES_RESULT, 0, len(pairs)) + pairs


def _pairs(data: bytes, head: Head, environ: dict[str, object]) -> None:
    n = len(data)
    i = 0
    while i < n:
        i, start, middle = _pair(data, i, n)
        if middle == start:
            raise ProtocolError(400, "a FastCGI variable without a name")
        keep(head, environ, data, start, middle, middle, i)


def _pair(data: bytes, start: int, end: int) -> tuple[int, int, int]:
    """Where the name and value at ``start`` end, where the name begins, and where the value."""
    p = data
    i = start
    name = p[i]
    i += 1
    if name > 127:
        if i + 3 > end:
            raise ProtocolError(400, "FastCGI variables that end inside a length")
        name = ((name & 127) << 24) + (p[i] << 16) + (p[i + 1] << 8) + p[i + 2]
        i += 3
    if i >= end:
        raise ProtocolError(400, "FastCGI variables that end inside a length")
    value = p[i]
    i += 1
    if value > 127:
        if i + 3 > end:
            raise ProtocolError(400, "FastCGI variables that end inside a length")
        value = ((value & 127) << 24) + (p[i] << 16) + (p[i + 1] << 8) + p[i + 2]
        i += 3
    if name + value > end - i:
        raise ProtocolError(400, "a FastCGI variable over the end of the others")
    return i + name + value, i, i + name
