"""What may stand in nginx's file as a host, a path, an address: checked; pure.

nginx has no way to write a dollar sign where it looks for variables, so a value with one is
refused there; spaces and quotes are the writer's to quote.  Nothing with a control character or a
line break passes.
"""

import ipaddress
import re

from quaich.nginx.fields import Wrong, text

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_MAX_NAME = 253
_URL = re.compile(r"/[A-Za-z0-9._~!@,:=+&()/-]*")
_RATE = re.compile(r"([1-9][0-9]{0,5})(?:r)?/([sm])")
_TOKEN = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_COOKIE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_MAX_SOCKET = 107


def host(value: object) -> str:
    """A host name, ``*.`` and a name, or an address as a client writes it."""
    expected = "a host name like shop.example.com"
    if not isinstance(value, str):
        raise Wrong(expected)
    name = value.lower()
    bare = name[1:-1] if name.startswith("[") and name.endswith("]") else name
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        pass
    else:
        return f"[{address}]" if address.version == 6 else str(address)
    if name.removeprefix("*.").isascii():
        plain = name.removeprefix("*.")
    else:
        raise Wrong(f"{expected} in ASCII{_punycode(name)}")
    if "://" in name:
        raise Wrong(f"{expected} without {name.partition('://')[0]}://")
    if re.fullmatch(rf"{_NAME.pattern}:[0-9]+", plain):
        raise Wrong(f"{expected} without a port; ports belong to listen")
    if len(plain) > _MAX_NAME or plain == "_" or not _NAME.fullmatch(plain):
        raise Wrong(expected)
    return name


def _punycode(name: str) -> str:
    try:
        return f"; write {name.encode('idna').decode()}"
    except UnicodeError:
        return ""


def path(value: object) -> str:
    """An absolute path without ``..``; a slash at its end is dropped."""
    if not isinstance(value, str) or not value.startswith("/"):
        raise Wrong("an absolute path")
    if not value.isprintable():
        raise Wrong("a path without line breaks and control characters")
    if "$" in value:
        raise Wrong("a path without $, for nginx would take it for a variable")
    if ".." in value.split("/"):
        raise Wrong("a path without ..")
    return re.sub("/+", "/", value).rstrip("/") or "/"


def pattern_free(value: object) -> str:
    """A path that is not a pattern for ``include`` either."""
    found = path(value)
    if any(each in found for each in "*?["):
        raise Wrong("the path of one file, not a pattern")
    return found


def url(value: object) -> str:
    """The beginning of a request's path, decoded."""
    if not isinstance(value, str) or not _URL.fullmatch(value):
        raise Wrong("a path of URLs like /static/, without spaces, % or signs that nginx reads")
    if "//" in value or {".", ".."} & set(value.split("/")):
        raise Wrong("a path of URLs without //, . and ..")
    return value


def network(value: object) -> str:
    """An address or a network in CIDR notation."""
    if not isinstance(value, str):
        raise Wrong("a network like 10.0.0.0/8")
    try:
        found = ipaddress.ip_network(value)
    except ValueError as error:
        try:
            strict = ipaddress.ip_network(value, strict=False)
        except ValueError:
            raise Wrong("a network like 10.0.0.0/8") from None
        raise Wrong(f"a network like {strict}") from error
    if not found.prefixlen:
        raise Wrong("a network smaller than everyone: whoever is in it can claim any address")
    return str(found)


def address(value: object) -> str:
    """An IP address."""
    try:
        found = ipaddress.ip_address(value if isinstance(value, str) else "")
    except ValueError:
        raise Wrong("an IP address") from None
    return f"[{found}]" if found.version == 6 else str(found)


def server(value: object) -> str:
    """Where an application listens: ``host:port``, or the path of a socket, as nginx writes it."""
    expected = "host:port, or a socket like unix:/run/quaich/shop/app.sock"
    if not isinstance(value, str):
        raise Wrong(expected)
    if value.startswith(("unix:", "/")):
        found = path(value.removeprefix("unix:"))
        if len(found.encode()) > _MAX_SOCKET:
            raise Wrong(f"a socket whose path has at most {_MAX_SOCKET} octets")
        if ":" in found:
            raise Wrong("a socket whose path has no colon")
        return f"unix:{found}"
    name, colon, port = value.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise Wrong(expected)
    found = host(name)
    if found.startswith("*"):
        raise Wrong(expected)
    return f"{found}:{int(port)}"


def rate(value: object) -> str:
    """Requests per second or minute, as nginx writes it."""
    found = _RATE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise Wrong("a rate like 10/s or 5/m")
    return f"{found[1]}r/{found[2]}"


def header(value: object) -> str:
    """The name of a header field."""
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise Wrong("the name of a header like X-Frame-Options")
    return value


def header_value(value: object) -> str:
    """The value of a header field."""
    found = text(value)
    if not found.isascii():
        raise Wrong("a value in ASCII")
    if "$" in found:
        raise Wrong("a value without $, for nginx would take it for a variable")
    return found


def cookie(value: object) -> str:
    """The name of a cookie."""
    if not isinstance(value, str) or not _COOKIE.fullmatch(value):
        raise Wrong("the name of a cookie like sessionid")
    return value
