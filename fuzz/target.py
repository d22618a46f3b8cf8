"""Paths and hosts: decoded once and without dot segments, or refused."""

import random
import re
import sys

import common

from quaich.errors import ProtocolError
from quaich.wire.target import authority, check_host, decode_path
from tests.support import mutate

_HOST = re.compile(
    rb"(?:\[[0-9A-Fa-f:.]+\]|(?!\.)(?:[-A-Za-z0-9_~!$&'()*+;=]|\.(?!\.)|%[0-9A-Fa-f]{2})+)"
    rb"(?::[0-9]{0,5})?"
)


def check(data: bytes, chance: random.Random) -> None:
    size = len(data)
    start = chance.choice((0, chance.randint(0, size)))
    end = chance.choice((size, chance.randint(start, size)))
    try:
        path = decode_path(b"/" + data, 0, size + 1)
        assert path[0] == "/"
        assert "\0" not in path or b"\0" in data
        assert not {".", ".."} & set(path.split("/"))
        decode_path(data, start, end)
    except ProtocolError as error:
        assert error.status == 400
    for _ in range(2):  # the second time it may be remembered
        try:
            host = check_host(data[start:end])
        except ProtocolError as error:
            assert error.status == 400
        else:
            assert host.encode("latin-1") == data[start:end]
            assert _HOST.fullmatch(data[start:end]), host
    for prefix in (b"", b"http://", b"HTTPS://"):
        environ: dict[str, object] = {}
        whole = prefix + data
        try:
            at = authority(whole, 0, len(whole), environ)
        except ProtocolError as error:
            assert error.status == 400
        else:
            assert at <= len(whole)
            assert at == len(whole) or whole[at] in b"/?"
            assert environ["HTTP_HOST"]


def seeds() -> list[bytes]:
    """The targets and hosts of the corpus."""
    found = []
    for data in common.corpus("http1"):
        found += data.split(b" ")[1:2]
        found += re.findall(rb"Host: ([^\r\n]*)", data)
    return found


damage = mutate.http


if __name__ == "__main__":
    assert __doc__
    sys.exit(common.main(__doc__, seeds(), damage, check))
