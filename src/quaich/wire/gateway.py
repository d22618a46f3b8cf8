"""What the gateway protocols have in common: the variables of a request, whatever brought them.

A front that speaks uwsgi, SCGI or FastCGI sends CGI variables instead of a request head. A repeated
name keeps its last value, as in uWSGI: nginx sends a parameter twice where a location overrides
what it includes. But two numbers that differ are no length; an empty CONTENT_LENGTH says that there
is none, also after one (nginx sends both where a site withholds the body). No variable makes the
server load code, change directory or open a file: here they are only strings, and it is only
remarked that some are there.
"""

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

_SPECIAL = _DROPPED | _DYNAMIC


def keep(
    head: Head, environ: dict[str, object], key: str, data: bytes, start: int, end: int
) -> None:
    """Take one variable, whose value is ``data[start:end]``; raises ProtocolError (400)."""
    head.fields += 1
    if head.fields > MAX_VARIABLES:
        raise ProtocolError(400, f"a request of more than {MAX_VARIABLES} variables")
    if key == "CONTENT_LENGTH":
        head.content_length = -1
        if end > start:
            head.content_length = read_length(data, start, end)
            if head.stated >= 0 and head.stated != head.content_length:
                raise ProtocolError(400, "two content lengths that differ")
            head.stated = head.content_length
    elif key in _SPECIAL:
        if key in _DROPPED:
            head.dropped += 1
            return
        head.dynamic = True
    environ[key] = data[start:end].decode("latin-1")


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
