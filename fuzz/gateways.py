"""SCGI and FastCGI connections: the same requests and refusal however the octets are cut."""

import random
import sys

import common

from tests.support import mutate
from tests.support.intake import run

LIMITS: tuple[dict[str, int], ...] = ({}, {}, {"memory": 10}, {"head": 64, "body": 5, "memory": 4})


def check(data: bytes, chance: random.Random) -> None:
    limits = chance.choice(LIMITS)
    protocol = "fastcgi" if data[:1] == b"\x01" else "scgi"
    whole = run(protocol, [data] if data else [], **limits)
    pieces = run(protocol, mutate.cut(data, chance), **limits)
    assert len(whole) == len(pieces), (whole, pieces)
    for one, other in zip(whole, pieces, strict=True):
        assert (one.status, one.environ, one.body, one.close) == (
            other.status,
            other.environ,
            other.body,
            other.close,
        ), (one, other)
    for one in whole:
        assert "HTTP_PROXY" not in one.environ
        length = one.environ.get("CONTENT_LENGTH")
        assert one.status != 200 or not length or len(one.body) == int(length)


def seeds() -> list[bytes]:
    return [*common.corpus("scgi"), *common.corpus("fastcgi")]


damage = mutate.gateway


if __name__ == "__main__":
    assert __doc__
    sys.exit(common.main(__doc__, seeds(), damage, check))
