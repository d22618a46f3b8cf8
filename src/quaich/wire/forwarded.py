"""Whom a request comes from, by what the proxies before us say: X-Forwarded-For and Forwarded.

One rule: each proxy adds whom it was spoken to by on the right, so the list is read from the
right, and the first address that is no trusted proxy's is the client.  All left of it, the client
could have written itself.  What is no address ends the reading, and the proxy right of it is then
the client.  Where a request has both fields, X-Forwarded-For counts: most proxies know it alone.
"""

from collections.abc import Callable

from quaich.wire.target import is_ipv4, is_ipv6

MOST = 64
"""Proxies that are looked at; more than a few are never before a server."""

FIELDS = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_SSL",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PREFIX",
    "HTTP_X_FORWARDED_SCHEME",
    "HTTP_X_REAL_IP",
    "HTTP_FORWARDED",
)
"""What a proxy says of a client, and a client may say of itself."""


class Hop:
    """What a proxy says: who spoke to it (``port`` is empty when that is not said), and by which
    scheme, empty when that is not said."""

    def __init__(self, address: str, port: str = "", scheme: str = "") -> None:
        self.address = address
        self.port = port
        self.scheme = scheme


def client(environ: dict[str, object], is_trusted: Callable[[str], bool]) -> Hop | None:
    """The client of a request that a trusted proxy brought, None when it names none."""
    listed = environ.get("HTTP_X_FORWARDED_FOR")
    if isinstance(listed, str):
        return _rightmost(listed.split(","), _address, is_trusted)
    listed = environ.get("HTTP_FORWARDED")
    if isinstance(listed, str):
        return _rightmost(_elements(listed), _element, is_trusted)
    return None


def scheme(environ: dict[str, object], hop: Hop | None) -> str:
    """``http`` or ``https`` where a trusted proxy says so plainly, else the empty string."""
    said = environ.get("HTTP_X_FORWARDED_PROTO")
    if isinstance(said, str):
        said = said.strip(" \t").lower()
        return said if said in ("http", "https") else ""
    secure = environ.get("HTTP_X_FORWARDED_SSL")
    if isinstance(secure, str):
        return "https" if secure.lower() in ("on", "1") else ""
    return hop.scheme if hop is not None else ""


def _rightmost(
    texts: list[str], read: Callable[[str], Hop | None], is_trusted: Callable[[str], bool]
) -> Hop | None:
    found = None
    for text in reversed(texts[-MOST:]):
        hop = read(text)
        if hop is None:
            break
        found = hop
        if not is_trusted(hop.address):
            break
    return found


def _address(text: str) -> Hop | None:
    """An address with or without a port; an IPv6 one may, and with a port must, have brackets."""
    text = text.strip(" \t")
    port = ""
    if text.startswith("["):
        text, bracket, port = text[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            return None
        is_address, port = is_ipv6, port[1:]
    elif text.count(":") > 1:
        is_address = is_ipv6
    else:
        text, _, port = text.partition(":")
        is_address = is_ipv4
    raw = text.encode("latin-1", "replace")
    if not is_address(raw) or (port and not _is_port(port)):
        return None
    return Hop(text.lower(), port)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535


def _elements(text: str) -> list[str]:
    """The elements of a Forwarded field; a comma in quotes divides none."""
    found = [""]
    quoted = False
    for char in text:
        quoted ^= char == '"'
        if char == "," and not quoted:
            found.append("")
        else:
            found[-1] += char
    return found if not quoted else ["unreadable"]


def _element(text: str) -> Hop | None:
    values: dict[str, str] = {}
    for pair in text.split(";"):
        name, equals, value = pair.strip(" \t").partition("=")
        name = name.lower()
        if not equals or name in values:
            return None
        if value.startswith('"'):
            if len(value) < 2 or not value.endswith('"') or "\\" in value:
                return None
            value = value[1:-1]
        values[name] = value
    hop = _address(values.get("for", ""))
    said = values.get("proto", "").lower()
    if hop is not None and said in ("http", "https"):
        hop.scheme = said
    return hop
