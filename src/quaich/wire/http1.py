"""HTTP/1.1 and HTTP/1.0 request heads (RFC 9112): octets in, CGI variables and framing facts out.

Rules:

* A head is read once, when its last octet is here; ``find_end`` says when, and calls the reader
  early for a head that is already wrong, so that the outcome is the same however it was split.
* What is ambiguous is refused: a bare CR or LF, a folded line, space before a colon, two lengths,
  a length with chunked, two hosts, a control octet.  After a refusal the connection closes.
* Names follow RFC 3875.  A field name with an underscore could pose as its hyphenated twin and is
  dropped and counted; ``Proxy`` never becomes ``HTTP_PROXY``.
* The path is decoded once, then its dot segments are removed, as nginx does: no encoded ``..``
  reaches an application.

It does not read bodies (``chunked``), keep time or know sockets.
"""

try:
    import cython
except ImportError:
    from quaich.sys import cy as cython

from quaich.errors import ProtocolError
from quaich.wire.grammar import TARGET, TOKEN, VALUE
from quaich.wire.target import authority, check_host, decode_path

if not cython.compiled:
    MAX_FIELDS = 256
    """Header fields in one head; Apache allows 100, nginx bounds only their octets."""

    MAX_METHOD = 32
    """Octets of a method; the longest registered one has 17 (UPDATEREDIRECTREF)."""

    MAX_EMPTY_LINES = 4
    """CRLFs tolerated before a request line (RFC 9112, section 2.2, asks for at least one)."""

_PLAIN = 0
_DROP = 1
_HOST = 2
_LENGTH = 3
_TRANSFER = 4
_CONNECTION = 5
_EXPECT = 6
_TYPE = 7
_COOKIE = 8

_MAX_KNOWN = 2048
_SPECIAL = {
    b"host": _HOST,
    b"content-length": _LENGTH,
    b"transfer-encoding": _TRANSFER,
    b"connection": _CONNECTION,
    b"expect": _EXPECT,
    b"content-type": _TYPE,
    b"cookie": _COOKIE,
    b"proxy": _DROP,
}

_LONGEST_KNOWN = 64


class Field:
    """What a field name, in one spelling, stands for: its meaning and its variable."""

    def __init__(self, name: bytes, meaning: int, key: str) -> None:
        self.name = name
        self.meaning = meaning
        self.key = key


# By the spelling that was received.  Clients use few, so nearly every field costs one lookup; the
# bound keeps invented names from filling memory.
_known: dict[bytes, Field] = {}

# The same by a hash of length and two octets, where no object has to be made of a name to find it.
_recent: list[Field] = [Field(b"", _PLAIN, "")] * 256


class Head:
    """What a request head said about its message.

    ``content_length`` is -1 when there was none, ``stated`` the last that a gateway has named;
    ``absolute`` tells that the target named the host, which then outranks the Host field (RFC 9112,
    section 3.2.2); ``minor`` is the minor version;
    ``fields`` and ``size`` are the number of variables and the octets they would take in a uwsgi
    packet, which is what uWSGI's request log shows, and ``fields_size`` is the header fields' part
    of these octets; ``dropped`` counts fields left out for their names; ``dynamic`` tells that a
    uwsgi packet has variables that want code to be loaded.
    """

    def __init__(self) -> None:
        self.content_length = -1
        self.stated = -1
        self.chunked = False
        self.keep_alive = True
        self.expect_continue = False
        self.is_head = False
        self.absolute = False
        self.minor = 1
        self.fields = 0
        self.size = 0
        self.fields_size = 0
        self.dropped = 0
        self.dynamic = False
        self.method = ""
        self.uri = ""
        self.protocol = ""


def find_end(data: bytes, start: int, seen: int) -> int:
    """Where the head that begins at ``start`` ends (after its empty line), or -1, or -2.

    ``seen`` is how far ``data`` was searched before.  -2 means that the head is not complete but
    can be read now, to be refused: it has a CR or an LF without the other, or begins with an octet
    no method has.
    """
    begin = seen - 3
    if begin < start:
        begin = start
    if cython.compiled:
        at: int = c_find_empty_line(data, begin, len(data))  # type: ignore[name-defined]
    else:
        at = data.find(b"\r\n\r\n", begin)
    if at >= 0:
        return at + 4
    p = data
    n = len(data)
    if start < n and not TOKEN[p[start]] and p[start] != 13:
        return -2
    # A CR may have been the last octet that was searched; what follows it is known only now.
    i = seen - 1 if seen > start else start
    while True:
        i = data.find(b"\r", i)
        if i < 0 or i + 1 == n:
            break
        if p[i + 1] != 10:
            return -2
        i += 2
    i = seen if seen > start else start
    while True:
        i = data.find(b"\n", i)
        if i < 0:
            return -1
        if i == start or p[i - 1] != 13:
            return -2
        i += 1


def skip_empty_lines(data: bytes, start: int) -> int:
    """The offset after the CRLFs that may stand before a request line."""
    n = len(data)
    lines = 0
    while lines < MAX_EMPTY_LINES and start + 1 < n:
        if data[start] != 13 or data[start + 1] != 10:
            break
        start += 2
        lines += 1
    return start


def check_line(data: bytes, start: int, end: int) -> None:
    """Refuse a wrong request line whose head is not complete: a client that speaks another
    protocol or version waits for an answer to it."""
    _request_line(data, start, end, Head(), {})


def check_method(data: bytes, start: int, end: int) -> None:
    """Refuse a method that is wrong, or longer than any, in a request line that does not end."""
    last = start + MAX_METHOD + 1
    if last <= end and data.find(b" ", start, last) < 0:
        _request_line(data, start, end, Head(), {})


def parse_head(data: bytes, start: int, end: int, environ: dict[str, object]) -> Head:
    """Read the head in ``data[start:end]`` into ``environ``.

    ``end`` is past the empty line, or, when ``find_end`` gave -2, the end of what is here.
    Raises ProtocolError with 400, 414 (by the caller), 417, 431, 501 or 505.
    """
    p = data
    t = TOKEN
    v = VALUE
    head = Head()
    i = _request_line(data, start, end, head, environ)
    host: str | None = None
    connection = 0
    fields = 0
    size = 0
    foreign = False
    expectation = False
    while True:
        if i + 1 >= end:
            raise ProtocolError(400, "the head ends before its empty line")
        c = p[i]
        if c == 13:
            if p[i + 1] != 10:
                raise ProtocolError(400, "CR without LF")
            break
        name_start = i
        while i < end and t[p[i]]:
            i += 1
        if i >= end or p[i] != 58:
            raise _bad_name(data, name_start, i, end)
        if i == name_start:
            raise ProtocolError(400, "a field without a name")
        field = _field(data, name_start, i)
        i += 1
        while i < end and (p[i] == 32 or p[i] == 9):
            i += 1
        value_start = i
        while i < end and v[p[i]]:
            i += 1
        if i + 1 >= end or p[i] != 13 or p[i + 1] != 10:
            raise ProtocolError(400, "a control octet or a bare line end in a field value")
        j = i
        while j > value_start and (p[j - 1] == 32 or p[j - 1] == 9):
            j -= 1
        i += 2
        fields += 1
        if fields > MAX_FIELDS:
            raise ProtocolError(431, f"more than {MAX_FIELDS} header fields")
        meaning = field.meaning
        if meaning == 1:
            head.dropped += 1
            continue
        value = p[value_start:j].decode("latin-1")
        key = field.key
        if meaning != 0:
            if meaning == 2:
                if host is not None:
                    raise ProtocolError(400, "two Host fields")
                host = check_host(p[value_start:j])
                if head.absolute:
                    continue
            elif meaning == 3:
                if head.content_length >= 0:
                    raise ProtocolError(400, "two Content-Length fields")
                head.content_length = read_length(data, value_start, j)
            elif meaning == 4:
                if head.chunked:
                    raise ProtocolError(400, "two Transfer-Encoding fields")
                foreign = not _transfer_encoding(value)
                head.chunked = True
                continue
            elif meaning == 5:
                connection |= _connection(value)
            elif meaning == 6:
                if head.minor > 0:
                    if value.lower() == "100-continue":
                        head.expect_continue = True
                    else:
                        expectation = True
        previous = environ.get(key)
        if previous is not None:
            value = f"{previous}; {value}" if meaning == 8 else f"{previous}, {value}"
        environ[key] = value
        size += 4 + len(key) + len(value)
    if host is None and head.minor > 0:
        raise ProtocolError(400, "HTTP/1.1 without a Host field")
    if head.chunked:
        if head.content_length >= 0:
            raise ProtocolError(400, "Transfer-Encoding together with Content-Length")
        if head.minor == 0:
            raise ProtocolError(400, "Transfer-Encoding in an HTTP/1.0 request")
    # Only now: what has to be answered with 400 is, whatever else is in the head.
    if foreign:
        raise ProtocolError(501, "a transfer coding other than chunked")
    if expectation:
        raise ProtocolError(417, "an expectation other than 100-continue")
    if head.minor > 0:
        head.keep_alive = not connection & 1
    else:
        head.keep_alive = connection == 2
    head.fields += fields - head.dropped
    head.size += size
    head.fields_size = size
    return head


def parse_again(data: bytes, end: int, environ: dict[str, object], like: Head) -> Head | None:
    """Read a head whose fields, octet by octet, are those of ``like``, which named no host in its
    target; None when its request line gives them another meaning.

    ``environ`` holds the variables of ``like`` already.
    """
    head = Head()
    _request_line(data, 0, end, head, environ)
    if head.minor != like.minor or head.absolute:
        return None
    head.content_length = like.content_length
    head.chunked = like.chunked
    head.keep_alive = like.keep_alive
    head.expect_continue = like.expect_continue
    head.dropped = like.dropped
    head.fields = like.fields
    head.fields_size = like.fields_size
    head.size += like.fields_size
    return head


def _request_line(data: bytes, start: int, end: int, head: Head, environ: dict[str, object]) -> int:
    """Read the request line; the offset after its CRLF."""
    p = data
    t = TOKEN
    g = TARGET
    i = start
    while i < end and t[p[i]]:
        i += 1
    if i == start:
        raise ProtocolError(400, "the request does not begin with a method")
    if i - start > MAX_METHOD:
        raise ProtocolError(501, f"a method longer than {MAX_METHOD} octets")
    if i >= end or p[i] != 32:
        raise ProtocolError(400, "no single space after the method")
    if i - start == 3 and p[start] == 71 and p[start + 1] == 69 and p[start + 2] == 84:
        method = "GET"
    else:
        method = p[start:i].decode("latin-1")
    i += 1
    target_start = i
    query = -1
    plain = True
    while i < end and g[p[i]]:
        c = p[i]
        if c == 63:
            if query < 0:
                query = i
        elif query < 0 and (c == 37 or (c == 46 and p[i - 1] == 47)):
            plain = False
        i += 1
    if i == target_start:
        raise ProtocolError(400, "no request target after one space")
    if i >= end or p[i] != 32:
        raise ProtocolError(400, "a request target with an octet it may not hold")
    target_end = i
    i += 1
    if i + 9 >= end:
        raise ProtocolError(400, "the request line is cut short")
    if p[i] != 72 or p[i + 1] != 84 or p[i + 2] != 84 or p[i + 3] != 80 or p[i + 4] != 47:
        raise ProtocolError(400, "no HTTP version at the end of the request line")
    if p[i + 6] != 46:
        raise ProtocolError(400, "no HTTP version at the end of the request line")
    major = p[i + 5] - 48
    minor = p[i + 7] - 48
    if major < 0 or major > 9 or minor < 0 or minor > 9 or p[i + 8] != 13 or p[i + 9] != 10:
        raise ProtocolError(400, "no HTTP version at the end of the request line")
    if major != 1:
        raise ProtocolError(505, "only HTTP/1.0 and HTTP/1.1 are spoken here")
    head.minor = 1 if minor > 0 else 0
    if method == "HEAD":
        head.is_head = True
    elif method == "CONNECT":
        raise ProtocolError(501, "CONNECT is for proxies")
    uri = p[target_start:target_end].decode("latin-1")
    path_end = target_end if query < 0 else query
    if p[target_start] == 47:
        if plain:
            path = uri if query < 0 else p[target_start:query].decode("latin-1")
        else:
            path = decode_path(data, target_start, path_end)
    elif uri == "*" and method == "OPTIONS":
        path = ""
    else:
        path_start = authority(data, target_start, target_end, environ)
        path = decode_path(data, path_start, path_end)
        head.absolute = True
    protocol = "HTTP/1.1" if minor > 0 else "HTTP/1.0"
    string = "" if query < 0 else p[query + 1 : target_end].decode("latin-1")
    environ["REQUEST_METHOD"] = method
    environ["REQUEST_URI"] = uri
    environ["PATH_INFO"] = path
    environ["QUERY_STRING"] = string
    environ["SERVER_PROTOCOL"] = protocol
    head.method = method
    head.uri = uri
    head.protocol = protocol
    # The five names, four octets of lengths for each, and the version's eight.
    head.fields = 5
    head.size = 89 + len(method) + len(uri) + len(path) + len(string)
    return i + 10


def _bad_name(data: bytes, start: int, i: int, end: int) -> ProtocolError:
    c = data[i] if i < end else 0
    if i == start and (c == 32 or c == 9):
        return ProtocolError(400, "a folded line")
    if c == 32 or c == 9:
        return ProtocolError(400, "white space before the colon of a field")
    return ProtocolError(400, "a field name with an octet it may not hold, or without a colon")


def _field(data: bytes, start: int, end: int) -> Field:
    """The field whose name is in ``data[start:end]``, which is not empty."""
    size = end - start
    if cython.compiled:
        p = data
        place = (size * 7 + p[start] * 31 + p[end - 1]) & 255
        field = _recent[place]
        if len(field.name) == size and same(p + start, field.name, size):  # type: ignore
            return field
    name = data[start:end]
    found = _known.get(name)
    if found is None:
        found = _learn(name)
    if cython.compiled and size <= _LONGEST_KNOWN:
        _recent[place] = found
    return found


def _learn(name: bytes) -> Field:
    """Classify a field name not seen in this spelling before."""
    lower = name.lower()
    meaning = _SPECIAL.get(lower, _PLAIN)
    if b"_" in name:
        meaning = _DROP
    if meaning == _LENGTH or meaning == _TYPE:
        key = lower.decode("latin-1").upper().replace("-", "_")
    else:
        key = "HTTP_" + lower.decode("latin-1").upper().replace("-", "_")
    field = Field(name, meaning, key)
    if len(_known) < _MAX_KNOWN and len(name) <= _LONGEST_KNOWN:
        _known[name] = field
    return field


def read_length(data: bytes, start: int, end: int) -> int:
    """A Content-Length: digits and nothing else (RFC 9110, section 8.6), of which 18 count."""
    p = data
    number = 0
    i = start
    while i < end - 1 and p[i] == 48:
        i += 1
    if end == start or end - i > 18:
        raise ProtocolError(400, "a Content-Length that is not a number of at most 18 digits")
    while i < end:
        c = p[i]
        if c < 48 or c > 57:
            raise ProtocolError(400, "a Content-Length that is not a number")
        number = number * 10 + (c - 48)
        i += 1
    return number


def _transfer_encoding(value: str) -> bool:
    """Whether it is exactly ``chunked``, and not another coding with ``chunked`` behind it; never
    fall back to another framing (RFC 9112, section 6.1)."""
    if value.lower() == "chunked":
        return True
    codings = [coding.strip(" \t").lower() for coding in value.split(",")]
    last = codings.pop()
    if last == "chunked" and "chunked" not in codings and "" not in codings:
        return False
    raise ProtocolError(400, "a Transfer-Encoding that does not end in one chunked")


def _connection(value: str) -> int:
    """Bit 1: ``close`` was named; bit 2: ``keep-alive`` was (RFC 9112, section 9.3)."""
    if value == "keep-alive":
        return 2
    if value == "close":
        return 1
    found = 0
    for option in value.lower().split(","):
        option = option.strip(" \t")
        if option == "close":
            found |= 1
        elif option == "keep-alive":
            found |= 2
    return found
