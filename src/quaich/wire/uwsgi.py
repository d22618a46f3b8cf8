"""The uwsgi protocol, as nginx and Apache speak it: one packet of variables, then the body.

A packet is four octets (modifier1, size as 16 bits little endian, modifier2) and ``size`` octets of
variables, each a 16-bit length and a key, then a 16-bit length and a value.  Only modifier 0 (a
WSGI request) is spoken; anything whose lengths do not add up is refused whole.
"""

from quaich.errors import ProtocolError
from quaich.wire.gateway import complete, keep
from quaich.wire.http1 import Head


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

    A transfer coding without any CONTENT_LENGTH is a body whose end nobody knows (Apache sends
    that), and not an empty one.  The framing facts come in the same ``Head`` as those of an HTTP
    request; a uwsgi connection carries one request.
    """
    p = data
    head = Head()
    head.keep_alive = False
    i = start + 4
    if i >= end:
        raise ProtocolError(400, "a uwsgi packet without variables")
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
        keep(head, environ, data, key_start, key_start + key_length, value_start, i)
    if "HTTP_TRANSFER_ENCODING" in environ and "CONTENT_LENGTH" not in environ:
        raise ProtocolError(411, "a transfer coding without a content length")
    head.size = end - start - 4
    complete(head, environ)
    return head
