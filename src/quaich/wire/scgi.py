"""The SCGI protocol, as nginx and Apache speak it: a netstring of variables, then the body.

A request is ``LENGTH:VARIABLES,BODY``.  The variables are names and values, each ended by a NUL;
the first is CONTENT_LENGTH, which is how many octets the body has, and one is SCGI with the value
1.  What does not keep to that is refused whole.  A connection carries one request; the reply is a
CGI reply (``Status: 200 OK``), which ends where the connection does.

nginx passes the client's own Content-Length as HTTP_CONTENT_LENGTH, and where it does not gather a
body first (``scgi_request_buffering off``), CONTENT_LENGTH is only what it has of it so far: an
upload that is cut short. So a length below the client's is refused.
"""

from quaich.errors import ProtocolError
from quaich.wire.gateway import complete, keep
from quaich.wire.http1 import Head, read_length

MAX_DIGITS = 6
"""Digits of the netstring's length; ``buffer-size`` is at most 65535."""

_FIRST = b"CONTENT_LENGTH\0"
_CLIENTS = b"HTTP_CONTENT_LENGTH\0"


def netstring_size(data: bytes, start: int) -> int:
    """Octets of the netstring at ``start``, its length and comma included; 0 while that is not
    here.  Raises ProtocolError where there is no netstring."""
    p = data
    n = len(data)
    i = start
    size = 0
    while i < n:
        c = p[i]
        if c == 58:
            if i == start:
                raise ProtocolError(400, "an SCGI request without its length")
            return i + 2 - start + size
        if c < 48 or c > 57:
            raise ProtocolError(
                400, "this is not an SCGI request; HTTP clients need http-socket or protocol = http"
            )
        if i - start == MAX_DIGITS or (i > start and p[start] == 48):
            raise ProtocolError(400, f"an SCGI length that is no number of {MAX_DIGITS} digits")
        size = size * 10 + (c - 48)
        i += 1
    return 0


def parse_request(data: bytes, start: int, end: int, environ: dict[str, object]) -> Head:
    """Read the netstring in ``data[start:end]`` into ``environ``; raises ProtocolError (400)."""
    head = Head()
    head.keep_alive = False
    i = data.find(b":", start) + 1
    last = end - 1
    head.size = last - i
    if data[last] != 44:
        raise ProtocolError(400, "an SCGI request whose variables do not end in a comma")
    if data[i : i + len(_FIRST)] != _FIRST:
        raise ProtocolError(400, "an SCGI request that does not begin with CONTENT_LENGTH")
    length = data[i + len(_FIRST) : data.find(b"\0", i + len(_FIRST))]
    announced = 0
    while i < last:
        key_end = data.find(b"\0", i, last)
        value_end = data.find(b"\0", key_end + 1, last) if key_end > i else -1
        if value_end < 0:
            raise ProtocolError(400, "an SCGI variable without a name, a value or an end")
        if key_end - i == len(_CLIENTS) - 1 and data.startswith(_CLIENTS, i):
            if value_end - key_end > 1:
                announced = read_length(data, key_end + 1, value_end)
        keep(head, environ, data, i, key_end, key_end + 1, value_end)
        i = value_end + 1
    if not length or environ["CONTENT_LENGTH"] != length.decode("latin-1"):
        raise ProtocolError(400, "an SCGI request with an empty CONTENT_LENGTH, or with two")
    if announced > head.content_length:
        raise ProtocolError(
            400,
            f"CONTENT_LENGTH is {head.content_length}, the client's was {announced}: a body cut "
            "short by the front (in nginx, scgi_request_buffering off)",
        )
    if environ.get("SCGI") != "1":
        raise ProtocolError(400, "an SCGI request without SCGI = 1")
    complete(head, environ)
    return head
