"""The uwsgi protocol, as nginx and Apache speak it: one packet of variables, then the body.

A packet is four octets (modifier1, size as 16 bits little endian, modifier2) and ``size`` octets of
variables, each a 16-bit length and a key, then a 16-bit length and a value.  Only modifier 0 (a
WSGI request) is spoken; anything whose lengths do not add up is refused whole.  No variable makes
the server load code, change directory or open a file: to this module they are only strings, and
it only remarks that some are there.
"""

try:
    import cython
except ImportError:
    from quaich.sys import cy as cython

from quaich.errors import ProtocolError
from quaich.wire.http1 import Field, Head, read_length

MAX_VARIABLES = 1024
"""Variables in a packet; nginx sends some 15 and one for each request header."""

_DROPPED = frozenset(("HTTP_PROXY", "HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE"))
"""The first poses as a setting (httpoxy); the others nginx sends beside the variables of RFC 3875
without the prefix, and PEP 3333 has no place for them (``wsgiref.validate`` refuses them)."""

_DYNAMIC = frozenset(
    (
        "UWSGI_FILE",
        "UWSGI_SCRIPT",
        "UWSGI_MODULE",
        "UWSGI_CALLABLE",
        "UWSGI_PYHOME",
        "UWSGI_CHDIR",
        "UWSGI_SETENV",
        "UWSGI_POSTFILE",
        "UWSGI_TOUCH_RELOAD",
        "UWSGI_APPID",
    )
)
"""By these a front asks uWSGI to load an application, to choose one, or to change itself."""

_PLAIN = 0
_LENGTH = 1
_DROP = 2
_LOAD = 3

_MAX_KNOWN = 2048
_LONGEST_KNOWN = 64

# By name; a front sends the same ones with every request.  As in http1, the list holds them by a
# hash, where no object has to be made of a name to find it.
_known: dict[bytes, Field] = {}
_recent: list[Field] = [Field(b"", _PLAIN, "")] * 256


def packet_size(data: bytes, start: int) -> int:
    """Octets of the packet at ``start``, its header included, or 0 when fewer than four are here.

    Raises ProtocolError when it is no request for an application.
    """
    if len(data) - start < 4:
        if len(data) > start and data[start] != 0:
            raise _modifier(data[start])
        return 0
    if data[start] != 0:
        raise _modifier(data[start])
    return 4 + data[start + 1] + 256 * data[start + 2]


def _modifier(number: int) -> ProtocolError:
    if 65 <= number <= 90 or number == 22:
        return ProtocolError(
            400,
            "this is not a uwsgi packet; HTTP clients need http-socket, or protocol = http",
        )
    return ProtocolError(400, f"modifier {number} is not available; only 0 (WSGI) is")


def parse_packet(data: bytes, start: int, end: int, environ: dict[str, object]) -> Head:
    """Read the packet in ``data[start:end]`` into ``environ``; raises ProtocolError (400, 411).

    A repeated key keeps its last value, as in uWSGI, but two numbers that differ are no length.  An
    empty CONTENT_LENGTH says that there is none, also after one (nginx sends both where a site
    withholds the body).  A transfer coding without any CONTENT_LENGTH is a body whose end nobody
    knows (Apache sends that), and not an empty one.  The framing facts come in the same ``Head``
    as those of an HTTP request; a uwsgi connection carries one request.
    """
    p = data
    head = Head()
    head.keep_alive = False
    i = start + 4
    if i >= end:
        raise ProtocolError(400, "a uwsgi packet without variables")
    fields = 0
    length = -1
    while i < end:
        if i + 2 > end:
            raise ProtocolError(400, "a uwsgi packet that ends inside a key's length")
        key_length = p[i] + 256 * p[i + 1]
        key_start = i + 2
        i = key_start + key_length
        if key_length == 0 or i + 2 > end:
            raise ProtocolError(400, "a uwsgi packet with an empty key, or one over its end")
        value_length = p[i] + 256 * p[i + 1]
        value_start = i + 2
        i = value_start + value_length
        if i > end:
            raise ProtocolError(400, "a uwsgi packet with a value over its end")
        fields += 1
        if fields > MAX_VARIABLES:
            raise ProtocolError(400, f"a uwsgi packet of more than {MAX_VARIABLES} variables")
        field = _field(data, key_start, key_start + key_length)
        meaning = field.meaning
        if meaning != 0:
            if meaning == 1:
                head.content_length = -1
                if value_length:
                    head.content_length = read_length(data, value_start, i)
                    if length >= 0 and length != head.content_length:
                        raise ProtocolError(400, "two content lengths that differ")
                    length = head.content_length
            elif meaning == 2:
                head.dropped += 1
                continue
            else:
                head.dynamic = True
        environ[field.key] = p[value_start:i].decode("latin-1")
    if "HTTP_TRANSFER_ENCODING" in environ and "CONTENT_LENGTH" not in environ:
        raise ProtocolError(411, "a transfer coding without a content length")
    head.fields = fields
    head.size = end - start - 4
    head.method = _text(environ, "REQUEST_METHOD")
    head.is_head = head.method == "HEAD"
    head.uri = _text(environ, "REQUEST_URI")
    head.protocol = _text(environ, "SERVER_PROTOCOL")
    return head


def _field(data: bytes, start: int, end: int) -> Field:
    """The variable whose name is in ``data[start:end]``, which is not empty."""
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
    """Classify a variable's name not seen before."""
    key = name.decode("latin-1")
    meaning = _PLAIN
    if key == "CONTENT_LENGTH":
        meaning = _LENGTH
    elif key in _DROPPED:
        meaning = _DROP
    elif key in _DYNAMIC:
        meaning = _LOAD
    field = Field(name, meaning, key)
    if len(_known) < _MAX_KNOWN and len(name) <= _LONGEST_KNOWN:
        _known[name] = field
    return field


def _text(environ: dict[str, object], key: str) -> str:
    value = environ.get(key)
    return value if isinstance(value, str) else ""
