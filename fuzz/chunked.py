"""Chunked bodies: the same body, end and refusal however they are cut, and never over a limit."""

import random
import sys

import common

from quaich.errors import ProtocolError
from quaich.wire.chunked import ChunkedDecoder
from tests.support import mutate


def decode(pieces: list[bytes], limit: int) -> tuple[bytes, int, bool] | int:
    """Body, octets used and whether it ended; or the status of the refusal."""
    decoder = ChunkedDecoder(limit)
    out: list[bytes] = []
    used = 0
    try:
        for piece in pieces:
            if decoder.done:
                break
            used += decoder.feed(piece, 0, out)
    except ProtocolError as error:
        assert error.status in (400, 413), error.status
        return error.status
    body = b"".join(out)
    assert decoder.received == len(body)
    return body, used, decoder.done


def check(data: bytes, chance: random.Random) -> None:
    limit = chance.choice((0, 0, 5, 100))
    whole = decode([data] if data else [], limit)
    assert decode(mutate.cut(data, chance), limit) == whole
    if isinstance(whole, tuple):
        assert len(whole[0]) <= len(data)
        assert not limit or len(whole[0]) <= limit
        assert whole[1] <= len(data)


def seeds() -> list[bytes]:
    """What follows the head in the requests of the corpus that have chunks."""
    bodies = [
        data.partition(b"\r\n\r\n")[2] for data in common.corpus("http1") if b"chunked" in data
    ]
    return [body for body in bodies if body]


damage = mutate.http


if __name__ == "__main__":
    assert __doc__
    sys.exit(common.main(__doc__, seeds(), damage, check))
