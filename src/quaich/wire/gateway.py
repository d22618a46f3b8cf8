"""What the gateway protocols have in common: the variables of a request, whatever brought them.

A front that speaks uwsgi, SCGI or FastCGI sends CGI variables instead of a request head. A repeated
name keeps its last value, as in uWSGI: nginx sends a parameter twice where a location overrides
what it includes. But two numbers that differ are no length; an empty CONTENT_LENGTH says that there
is none, also after one (nginx sends both where a site withholds the body). No variable makes the
server load code, change directory or open a file: here they are only strings, and it is only
remarked that some are there.
"""

try:
    import cython
except ImportError:
    from quaich.sys import cy as cython

from quaich.errors import ProtocolError
from quaich.wire.http1 import Head, read_length
from quaich.wire.target import decode_path

MAX_VARIABLES = 1024
"""Variables of a request; nginx sends some 15 and one for each request header."""

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

_FLEETING = frozenset(("HTTP_COOKIE", "HTTP_AUTHORIZATION", "REMOTE_PORT"))
"""Another in every request, or nothing to be kept longer than that."""

_MAX_KNOWN = 2048
_LONGEST_KNOWN = 64
_LONGEST_VALUE = 256


class Value:
    """The value of a variable, as it came and as text."""

    def __init__(self, raw: bytes, text: str) -> None:
        self.raw = raw
        self.text = text


class Variable:
    """A variable's name, what it means here, and the value it had last: most come again."""

    def __init__(self, name: bytes, meaning: int, key: str) -> None:
        self.name = name
        self.meaning = meaning
        self.key = key
        self.lasting = key not in _FLEETING
        self.last = Value(b"", "")


# By name; a front sends the same ones with every request.  As in http1, the list holds them by a
# hash, where no object has to be made of a name to find it.
_known: dict[bytes, Variable] = {}
_recent: list[Variable] = [Variable(b"", _PLAIN, "")] * 256


def keep(
    head: Head,
    environ: dict[str, object],
    data: bytes,
    name_start: int,
    name_end: int,
    start: int,
    end: int,
) -> None:
    """Take one variable, whose name is ``data[name_start:name_end]``, not empty, and whose value is
    ``data[start:end]``; raises ProtocolError (400)."""
    head.fields += 1
    if head.fields > MAX_VARIABLES:
        raise ProtocolError(400, f"a request of more than {MAX_VARIABLES} variables")
    variable = _variable(data, name_start, name_end)
    meaning = variable.meaning
    if meaning != 0:
        if meaning == 1:
            head.content_length = -1
            if end > start:
                head.content_length = read_length(data, start, end)
                if head.stated >= 0 and head.stated != head.content_length:
                    raise ProtocolError(400, "two content lengths that differ")
                head.stated = head.content_length
        elif meaning == 2:
            head.dropped += 1
            return
        else:
            head.dynamic = True
    environ[variable.key] = _text(variable, data, start, end)


def _text(variable: Variable, data: bytes, start: int, end: int) -> str:
    """The value in ``data[start:end]``; the same string as last time where it is the same."""
    size = end - start
    last = variable.last
    if cython.compiled:
        p = data
        if len(last.raw) == size and same(p + start, last.raw, size):  # type: ignore
            return last.text
        raw = data[start:end]
    else:
        raw = data[start:end]
        if raw == last.raw:
            return last.text
    decoded = raw.decode("latin-1")
    if variable.lasting and size <= _LONGEST_VALUE:
        # In one object, so that no thread sees the one without the other.
        variable.last = Value(raw, decoded)
    return decoded


def _variable(data: bytes, start: int, end: int) -> Variable:
    """The variable whose name is in ``data[start:end]``, which is not empty."""
    size = end - start
    if cython.compiled:
        p = data
        place = (size * 7 + p[start] * 31 + p[end - 1]) & 255
        variable = _recent[place]
        if len(variable.name) == size and same(p + start, variable.name, size):  # type: ignore
            return variable
    name = data[start:end]
    found = _known.get(name)
    if found is None:
        found = _learn(name)
    if cython.compiled and size <= _LONGEST_KNOWN:
        _recent[place] = found
    return found


def _learn(name: bytes) -> Variable:
    """Classify a variable's name not seen before."""
    key = name.decode("latin-1")
    meaning = _PLAIN
    if key == "CONTENT_LENGTH":
        meaning = _LENGTH
    elif key in _DROPPED:
        meaning = _DROP
    elif key in _DYNAMIC:
        meaning = _LOAD
    variable = Variable(name, meaning, key)
    if len(_known) < _MAX_KNOWN and len(name) <= _LONGEST_KNOWN:
        _known[name] = variable
    return variable


def complete(head: Head, environ: dict[str, object]) -> None:
    """Put into the head what it has of the variables, once all are there."""
    head.method = text(environ, "REQUEST_METHOD")
    head.is_head = head.method == "HEAD"
    head.uri = text(environ, "REQUEST_URI")
    head.protocol = text(environ, "SERVER_PROTOCOL")


def text(environ: dict[str, object], key: str) -> str:
    """A variable, or the empty string."""
    value = environ.get(key)
    return value if isinstance(value, str) else ""


def find_path(environ: dict[str, object]) -> None:
    """Give an environ without PATH_INFO one, and the SCRIPT_NAME that goes with it.

    The parameters that nginx and Apache send for SCGI and FastCGI are made for scripts that are
    files: the whole path is in DOCUMENT_URI, or in REQUEST_URI alone, and SCRIPT_NAME is the whole
    path again or missing.  A SCRIPT_NAME that is only the beginning of the path is a mount point.
    """
    if "PATH_INFO" in environ:
        return
    path = text(environ, "DOCUMENT_URI")
    if not path:
        raw = text(environ, "REQUEST_URI").partition("?")[0].encode("latin-1")
        path = decode_path(raw, 0, len(raw)) if raw.startswith(b"/") else ""
    script = text(environ, "SCRIPT_NAME")
    if script and path.startswith(script + "/"):
        path = path[len(script) :]
    else:
        environ["SCRIPT_NAME"] = ""
    environ["PATH_INFO"] = path
