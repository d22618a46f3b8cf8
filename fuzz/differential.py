"""quaich beside h11 and llhttp; ``tests/support/differential.py`` says where they may differ."""

import random
import sys

import common

from tests.support import mutate
from tests.support.differential import disagreement


def check(data: bytes, chance: random.Random) -> None:
    found = disagreement(data)
    assert not found, found


def seeds() -> list[bytes]:
    return common.corpus("http1")


damage = mutate.http


if __name__ == "__main__":
    assert __doc__
    sys.exit(common.main(__doc__, seeds(), damage, check))
