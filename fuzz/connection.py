"""A whole connection: the same requests, bodies and refusal however the octets are cut."""

import random
import sys

import common

from tests.support import mutate
from tests.support.intake import run

LIMITS: tuple[dict[str, int], ...] = ({}, {}, {"memory": 10}, {"head": 64, "body": 5, "memory": 4})


def check(data: bytes, chance: random.Random) -> None:
    limits = chance.choice(LIMITS)
    protocol = "uwsgi" if data[:1] == b"\0" else "http"
    if chance.random() < 0.1:
        protocol = "auto"
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


def seeds() -> list[bytes]:
    return [*common.corpus("http1"), *common.corpus("uwsgi")]


def damage(data: bytes, chance: random.Random) -> bytes:
    return (mutate.uwsgi if data[:1] == b"\0" else mutate.http)(data, chance)


if __name__ == "__main__":
    assert __doc__
    sys.exit(common.main(__doc__, seeds(), damage, check))
