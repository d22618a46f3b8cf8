"""Request targets and hosts: the path an application sees, and the site it was asked for.

A path is decoded once and then rid of its dot segments; a host is uri-host and an optional port and
nothing else.  What can be read in two ways is refused.
"""

from quaich.errors import ProtocolError
from quaich.wire.grammar import HEX, REG_NAME

_MAX_KNOWN = 2048

# Hosts that passed the check before: a site has few, and each request repeats one.
_hosts: dict[bytes, str] = {}


def authority(data: bytes, start: int, end: int, environ: dict[str, object]) -> int:
    """The host of a target in absolute form becomes HTTP_HOST; where its path begins."""
    scheme = data[start : start + 8].lower()
    if scheme.startswith(b"http://"):
        begin = start + 7
    elif scheme == b"https://":
        begin = start + 8
    else:
        raise ProtocolError(400, "a request target that is neither a path nor an http URI")
    i = begin
    while i < end and data[i] != 47 and data[i] != 63:
        i += 1
    environ["HTTP_HOST"] = check_host(data[begin:i])
    return i


def decode_path(data: bytes, start: int, end: int) -> str:
    """Percent-decode once, then remove dot segments (RFC 3986, section 5.2.4).

    Raises ProtocolError on a broken escape and on NUL, which no file or route can hold.
    """
    raw = data[start:end]
    if b"%" in raw:
        pieces = raw.split(b"%")
        out = [pieces[0]]
        for piece in pieces[1:]:
            if len(piece) < 2:
                raise ProtocolError(400, "a percent sign without two hexadecimal digits")
            high = HEX[piece[0]]
            low = HEX[piece[1]]
            if high > 15 or low > 15:
                raise ProtocolError(400, "a percent sign without two hexadecimal digits")
            if high == 0 and low == 0:
                raise ProtocolError(400, "an encoded NUL in the path")
            out.append(bytes((high * 16 + low,)))
            out.append(piece[2:])
        raw = b"".join(out)
    path = raw.decode("latin-1")
    if "/." in path:
        path = _remove_dot_segments(path)
    return path or "/"


def _remove_dot_segments(path: str) -> str:
    kept: list[str] = []
    segments = path.split("/")[1:]
    last = len(segments) - 1
    for index, segment in enumerate(segments):
        if segment == "..":
            if kept:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
            continue
        if index == last:
            kept.append("")
    return "/" + "/".join(kept)


def check_host(value: bytes) -> str:
    """The Host value, if it is uri-host [":" port] (RFC 9110, section 7.2): no list of them.

    A label may be empty only behind the last dot, as in DNS; an empty host, which only a URI
    without an authority has, names no site.
    """
    known = _hosts.get(value)
    if known is not None:
        return known
    n = len(value)
    if n == 0:
        raise ProtocolError(400, "an empty host")
    i = 0
    if value[0] == 91:
        i = value.find(b"]")
        if i < 3:
            raise ProtocolError(400, "a malformed IP literal as host")
        if not _is_ipv6(value[1:i]):
            raise ProtocolError(400, "a malformed IP literal as host")
        i += 1
    else:
        while i < n and REG_NAME[value[i]]:
            if value[i] == 37 and (i + 2 >= n or HEX[value[i + 1]] > 15 or HEX[value[i + 2]] > 15):
                raise ProtocolError(400, "a host with a broken escape")
            i += 1
        if i == 0:
            raise ProtocolError(400, "a host without a name")
        if value[0] == 46 or value.find(b"..", 0, i) >= 0:
            raise ProtocolError(400, "a host with an empty label")
    if i < n:
        port = value[i + 1 :]
        if value[i] != 58 or len(port) > 5:
            raise ProtocolError(400, "a host with an octet it may not hold")
        number = 0
        for octet in port:
            if HEX[octet] > 9:
                raise ProtocolError(400, "a host whose port is not a number")
            number = number * 10 + HEX[octet]
        if number > 65535:
            raise ProtocolError(400, "a host whose port is over 65535")
    text = value.decode("latin-1")
    if len(_hosts) < _MAX_KNOWN and n <= 255:
        _hosts[value] = text
    return text


def _is_ipv6(text: bytes) -> bool:
    """Whether this is an IPv6address of RFC 3986, section 3.2.2; no zone and no IPvFuture."""
    halves = text.split(b"::")
    if len(halves) > 2:
        return False
    groups = 0
    for index, half in enumerate(halves):
        parts = half.split(b":") if half else []
        for position, part in enumerate(parts):
            last = index == len(halves) - 1 and position == len(parts) - 1
            if last and b"." in part:
                if not _is_ipv4(part):
                    return False
                groups += 2
            elif not 1 <= len(part) <= 4 or any(HEX[octet] > 15 for octet in part):
                return False
            else:
                groups += 1
    return groups == 8 if len(halves) == 1 else groups <= 7


def _is_ipv4(text: bytes) -> bool:
    parts = text.split(b".")
    return len(parts) == 4 and all(
        1 <= len(part) <= 3
        and all(HEX[octet] <= 9 for octet in part)
        and not (len(part) > 1 and part[0] == 48)
        and int(part) <= 255
        for part in parts
    )
