"""Heads of HTTP/1 requests: read or refused, whatever the octets and wherever they end."""

import random
import sys

import common

from quaich.errors import ProtocolError
from quaich.wire.http1 import check_line, find_end, parse_head, read_length, skip_empty_lines
from tests.support import mutate

STATUSES = (400, 417, 431, 501, 505)


def check(data: bytes, chance: random.Random) -> None:
    size = len(data)
    start = skip_empty_lines(data, 0)
    assert 0 <= start <= size
    seen = chance.randint(0, size)
    end = find_end(data, start, 0)
    assert -2 <= end <= size
    if end > 0 and seen < end:
        assert find_end(data, start, seen) == end
    for stop in {end, size, chance.randint(0, size)}:
        if stop < start:
            continue
        environ: dict[str, object] = {}
        try:
            head = parse_head(data, start, stop, environ)
        except ProtocolError as error:
            assert error.status in STATUSES, error.status
            assert error.reason.isascii()
            continue
        path = environ["PATH_INFO"]
        assert isinstance(path, str)
        assert path[:1] == "/" or (path == "" and head.uri == "*")
        assert not {".", ".."} & set(path.split("/"))
        assert not (head.chunked and head.content_length >= 0)
        assert all(type(value) is str for value in environ.values())
        assert "HTTP_PROXY" not in environ
        assert "HTTP_TRANSFER_ENCODING" not in environ
        check_line(data, start, data.index(b"\n", start) + 1)
    for function in (check_line, read_length):
        first = chance.randint(0, size)
        try:
            function(data, first, chance.randint(first, size))
        except ProtocolError as error:
            assert error.status in STATUSES


def seeds() -> list[bytes]:
    return common.corpus("http1")


damage = mutate.http


if __name__ == "__main__":
    assert __doc__
    sys.exit(common.main(__doc__, seeds(), damage, check))
