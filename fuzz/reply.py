"""Replies: what an application says is sent as one well-formed reply, or is an ApplicationError."""

import random
import re
import sys

import common

from quaich.errors import ApplicationError
from quaich.wire.chunked import ChunkedDecoder
from quaich.wire.reply import check_head
from quaich.wsgi.call import Exchange, Stamp
from tests.support import mutate

_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [\t -~\x80-\xff]*")
_ODD = (None, 0, b"x", [], ("a", "b"), "\u20ac", "\ud800", "a\r\nb", "", "x" * 70000)


class Sink:
    """Keeps what is written through it."""

    def __init__(self) -> None:
        self.octets = b""

    def is_home(self) -> bool:
        """Always: there is one thread."""
        return True

    def write_through(self, data: bytes) -> None:
        self.octets += data


def _said(data: bytes, chance: random.Random) -> tuple[object, object, list[bytes]]:
    """A status, headers and body parts of the lines of an input, odd ones among them."""
    first, *lines = data.decode("latin-1").split("\n")
    status: object = chance.choice(("200 OK", "204 No Content", "304 x", "500", first))
    headers: object = [
        tuple(line.rstrip("\r").split(": ", chance.choice((1, 1, 1, 2)))) for line in lines
    ]
    if chance.random() < 0.1:
        status = chance.choice(_ODD)
    if chance.random() < 0.1:
        headers = chance.choice(_ODD)
    elif chance.random() < 0.1:
        assert isinstance(headers, list)
        headers.append(
            chance.choice((*_ODD, ("a", chance.choice(_ODD)), (chance.choice(_ODD), "a")))
        )
    parts = [data[: chance.randint(0, 20)] for _ in range(chance.randint(0, 3))]
    return status, headers, parts


def check(data: bytes, chance: random.Random) -> None:
    status, headers, parts = _said(data, chance)
    try:
        head = check_head(status, headers)
    except ApplicationError:
        return
    lines = head.lines.split(b"\r\n")
    assert len(lines) == head.count + 1
    assert re.fullmatch(rb"[2-9][0-9][0-9] [\t -~\x80-\xff]*", lines[0]), lines[0]
    assert all(_LINE.fullmatch(line) for line in lines[1:]), lines

    sink = Sink()
    minor = chance.choice((0, 1))
    is_head = chance.random() < 0.2
    exchange = Exchange(sink, True, minor, chance.random() < 0.5, is_head, Stamp())
    write = exchange.start_response(status, headers)  # type: ignore[arg-type]
    for part in parts:
        if chance.random() < 0.5:
            write(part)
        else:
            sink.octets += exchange.part(part)
    sink.octets += exchange.finish()
    _read(sink.octets, exchange, head.status, is_head, b"".join(parts))


def _read(octets: bytes, exchange: Exchange, status: int, is_head: bool, body: bytes) -> None:
    """Read a reply as a client would."""
    top, mark, rest = octets.partition(b"\r\n\r\n")
    assert mark
    fields = [line.partition(b": ") for line in top.split(b"\r\n")[1:]]
    lengths = [int(value) for name, _, value in fields if name.lower() == b"content-length"]
    codings = [value for name, _, value in fields if name.lower() == b"transfer-encoding"]
    closes = any(name.lower() == b"connection" and value == b"close" for name, _, value in fields)
    assert len(lengths) + len(codings) <= 1
    assert codings in ([], [b"chunked"])
    if is_head or status in (204, 304):
        assert rest == b""
    elif codings:
        out: list[bytes] = []
        decoder = ChunkedDecoder()
        assert decoder.feed(rest, 0, out) == len(rest)
        assert decoder.done
        assert b"".join(out) == body
    elif lengths:
        assert rest == body[: lengths[0]]
        assert len(rest) == lengths[0] or (exchange.close and exchange.complaint)
    else:
        assert closes
        assert rest == body


def seeds() -> list[bytes]:
    plain = b"200 OK\nContent-Type: text/plain\nContent-Length: 5\nX-A: b"
    return [
        plain,
        b"404 Not Found\nServer: x\nDate: y\nConnection: close",
        *common.corpus("http1", 400),
    ]


damage = mutate.http


if __name__ == "__main__":
    assert __doc__
    sys.exit(common.main(__doc__, seeds(), damage, check))
