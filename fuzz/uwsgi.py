"""uwsgi packets: read or refused, whatever their lengths say."""

import random
import sys

import common

from quaich.errors import ProtocolError
from quaich.wire.uwsgi import packet_size, parse_packet
from tests.support import mutate


def check(data: bytes, chance: random.Random) -> None:
    size = len(data)
    start = chance.choice((0, 0, chance.randint(0, size)))
    try:
        end = packet_size(data, start)
        assert end == 0 or 4 <= end <= 4 + 65535
    except ProtocolError as error:
        assert error.status == 400
    for end in (size, chance.randint(start, size)):
        environ: dict[str, object] = {}
        try:
            head = parse_packet(data, start, end, environ)
        except ProtocolError as error:
            assert error.status in (400, 411), error.status
            continue
        assert head.fields >= len(environ)
        assert head.size == end - start - 4
        assert all(type(value) is str for value in environ.values())
        assert "" not in environ
        assert "HTTP_PROXY" not in environ
        assert head.content_length >= -1
        assert not head.keep_alive


def seeds() -> list[bytes]:
    return common.corpus("uwsgi")


damage = mutate.uwsgi


if __name__ == "__main__":
    assert __doc__
    sys.exit(common.main(__doc__, seeds(), damage, check))
