"""Reply heads and the framing of reply bodies (RFC 9112, section 6).

The server owns framing.  What an application says of it (Content-Length) is a promise that is
checked; what only a server may say (Transfer-Encoding, Connection and other hop-by-hop fields) is
taken out of its headers.  No octet of a status or header can begin a line of its own.
"""

try:
    import cython
except ImportError:
    from quaich.sys import cy as cython

from quaich.errors import ApplicationError
from quaich.wire.grammar import DIGITS, TOKEN_OCTETS, VALUE_OCTETS

PLAIN = 0
LENGTH = 1
DATE = 2
SERVER = 3
CONNECTION = 4
HOP = 5

if not cython.compiled:
    # Compiled, they are C's, from the .pxd; so elsewhere.
    NO_BODY = 0
    SIZED = 1
    CHUNKED = 2
    UNTIL_CLOSE = 3

_SPECIAL = {
    "content-length": LENGTH,
    "date": DATE,
    "server": SERVER,
    "connection": CONNECTION,
    "transfer-encoding": HOP,
    "keep-alive": HOP,
    "te": HOP,
    "trailer": HOP,
    "upgrade": HOP,
    "proxy-connection": HOP,
    "proxy-authenticate": HOP,
    "proxy-authorization": HOP,
}
# proxy-authenticate is hop-by-hop in RFC 2616 and so in PEP 3333, which forbids all of these.

_MAX_KNOWN = 2048
_names: dict[str, int] = {}
_lengths: dict[int, bytes] = {}
_statuses: dict[str, int] = {}

# The last head checked for each status.  Most applications give the same fields again and again.
_heads: dict[str, "ReplyHead"] = {}
_MAX_HEADS = 64
_MAX_KEPT = 4096

_OVERFULL = 65536
"""Octets of one reply's headers; the fronts refuse far less (nginx 4 or 8 KiB by default)."""


class ReplyHead:
    """A status and headers that passed every check.

    ``lines`` is the status and the fields to send, joined by CRLF and encoded; ``length`` is the
    promised Content-Length or -1; ``close`` that the application asked to close the connection;
    ``removed`` the names of fields that were taken out.  A head that passed may serve for many
    replies, and is not changed; ``items`` are the fields it was made of, where each is a tuple of
    two strings and no subclass of these, and ``start`` is how it was last sent.
    """

    def __init__(self) -> None:
        self.items: list[tuple[str, str]] | None = None
        self.start: Start | None = None
        self.lines = b""
        self.status = 0
        self.count = 0
        self.length = -1
        self.has_date = False
        self.has_server = False
        self.close = False
        self.removed: list[str] | None = None


class Start:
    """The first octets of a reply, and what they were made from: the Date field, what the server
    adds, and the length where it adds that."""

    def __init__(self, octets: bytes, date: bytes, added: int, size: int) -> None:
        self.octets = octets
        self.date = date
        self.added = added
        self.size = size


def check_head(status: object, headers: object) -> ReplyHead:
    """Check what was given to ``start_response``; raises ApplicationError naming the mistake."""
    if type(status) is str and type(headers) is list:
        known = _heads.get(status)
        if known is not None and _same(known.items, headers):
            return known
        head = _check(status, headers)
        if head.items is not None and (known is not None or len(_heads) < _MAX_HEADS):
            _heads[status] = head
        return head
    return _check(status, headers)


def _same(items: list[tuple[str, str]] | None, headers: list[object]) -> bool:
    """Whether ``headers`` are the fields in ``items``."""
    assert items is not None
    count = len(items)
    if len(headers) != count:
        return False
    for i in range(count):
        item = headers[i]
        known = items[i]
        if item is not known:
            if type(item) is not tuple or len(item) != 2:
                return False
            name, value = item
            if type(name) is not str or type(value) is not str:
                return False
            if name != known[0] or value != known[1]:
                return False
    return True


def _check(status: object, headers: object) -> ReplyHead:
    head = ReplyHead()
    if not isinstance(status, str):
        raise ApplicationError(f"start_response: status must be a str, got {_kind(status)}")
    if type(status) is not str:
        status = _exact(status)
    known_code = _statuses.get(status)
    code = _status_code(status) if known_code is None else known_code
    head.status = code
    if not isinstance(headers, list):
        raise ApplicationError(f"start_response: headers must be a list, got {_kind(headers)}")
    if not status[4:].strip(" "):
        # A reason that is empty is lost on the way through a front, and the space with it.
        status = f"{status[:3]} {_reason(code)}"
    parts: list[str] = [status]
    plain = True
    # As it is now: a thread of the application's may change its own list.
    items = headers[:]
    for item in items:
        if not isinstance(item, tuple) or len(item) != 2:
            raise ApplicationError(
                f"start_response: a header must be a tuple of name and value, got {_shown(item)}"
            )
        name, value = item
        if not isinstance(name, str) or not isinstance(value, str):
            raise ApplicationError(
                f"start_response: header names and values must be str, got {_shown(item)}"
            )
        if type(item) is not tuple or type(name) is not str or type(value) is not str:
            plain = False
            name, value = _exact(name), _exact(value)
        known = _names.get(name)
        meaning = _learn(name) if known is None else known
        if meaning != 0:
            if meaning == 1:
                if head.length >= 0:
                    raise ApplicationError("start_response: two Content-Length headers")
                head.length = _length(value)
                if code == 204:
                    continue
            elif meaning == 2:
                head.has_date = True
            elif meaning == 3:
                head.has_server = True
            else:
                if meaning == 4 and "close" in value.lower():
                    head.close = True
                    continue
                if head.removed is None:
                    head.removed = []
                head.removed.append(name)
                continue
        parts.append(f"{name}: {value}")
    head.count = len(parts) - 1
    try:
        lines = "\r\n".join(parts).encode("latin-1")
    except UnicodeEncodeError as error:
        raise ApplicationError(
            f"start_response: {error.object[error.start : error.end]!r} in the status or a header "
            "cannot be sent; only latin-1 characters can"
        ) from None
    # All octets that a value may hold are deleted; what stays must be the line ends put in above.
    if lines.translate(None, VALUE_OCTETS) != b"\r\n" * head.count:
        raise ApplicationError(
            "start_response: a control character in the status or a header; it could split the "
            "reply in two"
        )
    if len(lines) > _OVERFULL:
        raise ApplicationError(f"start_response: headers of more than {_OVERFULL} octets")
    head.lines = lines
    if plain and type(items) is list and len(lines) <= _MAX_KEPT:
        head.items = items
    return head


def _status_code(status: str) -> int:
    code = status[:3]
    if len(code) < 3 or not (code.isascii() and code.isdigit()):
        raise ApplicationError(
            f'start_response: status must begin with three digits, as in "200 OK", got {status!r}'
        )
    if len(status) > 3 and status[3] != " ":
        raise ApplicationError(
            f'start_response: a space must follow the status code, as in "200 OK", got {status!r}'
        )
    number = int(code)
    if number < 200:
        raise ApplicationError(
            f"start_response: {code} is an interim status, which only the server sends"
        )
    if len(_statuses) < _MAX_KNOWN and len(status) <= 64:
        _statuses[status] = number
    return number


def _reason(code: int) -> str:
    from http import HTTPStatus

    try:
        return HTTPStatus(code).phrase
    except ValueError:
        return "Unknown"


def _learn(name: str) -> int:
    """Check and classify a header name not seen in this spelling before."""
    raw = name.encode("latin-1", "replace")
    if not raw or raw.translate(None, TOKEN_OCTETS):
        raise ApplicationError(f"start_response: {name!r} is not a header name")
    meaning = _SPECIAL.get(name.lower(), PLAIN)
    if name.lower() == "status":
        # nginx takes a Status field from a uwsgi reply for the status itself.
        meaning = HOP
    if len(_names) < _MAX_KNOWN and len(name) <= 64:
        _names[name] = meaning
    return meaning


def _length(value: str) -> int:
    raw = value.encode("latin-1", "replace")
    if not raw or len(raw) > 18 or raw.translate(None, DIGITS):
        raise ApplicationError(
            f"start_response: Content-Length must be a number of octets, got {value!r}"
        )
    return int(raw)


def _exact(text: str) -> str:
    """The characters of a str that is of a class of its own, whatever its methods say they are."""
    return str.__str__(text)


def _kind(value: object) -> str:
    return type(value).__name__


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def content_length(size: int) -> bytes:
    """The field for a body of ``size`` octets, to be put behind another field."""
    text = _lengths.get(size)
    if text is None:
        text = b"\r\nContent-Length: %d" % size
        if len(_lengths) < _MAX_KNOWN:
            _lengths[size] = text
    return text


def has_no_body(status: int, is_head: bool) -> bool:
    """Whether a reply ends with its head, whatever it promises (RFC 9110, section 6.4.1)."""
    return is_head or status == 204 or status == 304


def chunk(data: bytes) -> bytes:
    """``data`` as one chunk of a chunked body; never empty, which would end the body."""
    if cython.compiled:
        return c_chunk(data)  # type: ignore[name-defined, no-any-return]
    else:
        return b"%x\r\n%b\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"

OPENING = b"HTTP/1.1 "
"""What every reply begins with, whatever it says."""

CGI_OPENING = b"Status: "
"""And where a front reads it, which takes the status out of it (RFC 3875, section 6.3.3)."""

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_REASONS = {
    400: "Bad Request",
    408: "Request Timeout",
    411: "Length Required",
    413: "Content Too Large",
    414: "URI Too Long",
    417: "Expectation Failed",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}


def refusal(status: int, detail: str, is_head: bool, stamp: bytes = b"") -> bytes:
    """A whole reply that refuses a request and announces the close of the connection.

    ``stamp`` is the fields that the server adds to each of its replies: a 4xx has a Date (RFC 9110,
    section 6.6.1).
    """
    reason = _REASONS.get(status, "Error")
    body = (detail or reason).encode("ascii", "replace") + b"\n"
    head = (
        f"HTTP/1.1 {status} {reason}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}"
    ).encode("ascii")
    head += stamp + b"\r\nConnection: close\r\n\r\n"
    return head if is_head else head + body
