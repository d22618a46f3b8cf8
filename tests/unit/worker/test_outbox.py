"""What waits to leave: in its order, each octet once, and nothing for who is gone."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from quaich.worker.connection import Region
from quaich.worker.outbox import flush, push, push_both, put_region
from tests.support.desk import Desk, desk

HEAD = bytes(range(256)) * 4
BIG = bytes(range(251)) * 4000


@pytest.fixture
def here() -> Iterator[Desk]:
    with desk(None, room=4096) as made:
        yield made


def drain(here: Desk) -> bytes:
    """All that comes, while what waits is sent."""
    data = here.received()
    while here.conn.out and not flush(here.conn):
        data += here.received()
    return data + here.received()


def fill(here: Desk) -> bytes:
    """Leave the kernel no room; what waits in it."""
    data = b""
    while not here.conn.out:
        push(here.conn, HEAD)
        data += HEAD
    return data


def test_what_fits_does_not_wait(here: Desk) -> None:
    push(here.conn, b"abc")
    push(here.conn, b"")
    push_both(here.conn, b"head", b"body")
    assert not here.conn.out
    assert here.received() == b"abcheadbody"


def test_a_short_write_is_gone_on_with(here: Desk) -> None:
    push(here.conn, BIG)
    assert here.conn.out
    assert 0 < here.conn.out_offset < len(BIG)
    assert here.conn.out_size == len(BIG) - here.conn.out_offset
    push(here.conn, b"end")
    assert here.conn.out_size == len(BIG) - here.conn.out_offset + 3
    assert drain(here) == BIG + b"end"
    assert here.conn.out_size == 0


def test_when_the_kernel_takes_nothing(here: Desk) -> None:
    data = fill(here)
    here.conn.out.clear()
    data = data[: -len(HEAD)] + HEAD[: here.conn.out_offset]
    push_both(here.conn, b"head", BIG)
    assert (here.conn.out_offset, here.conn.out_size) == (0, 4 + len(BIG))
    assert not flush(here.conn)
    assert drain(here) == data + b"head" + BIG
    # What was made for the first is used again.
    push_both(here.conn, b"head", BIG)
    assert drain(here) == b"head" + BIG


@pytest.mark.parametrize("head", [b"head", BIG])
def test_cut_in_the_head_or_in_the_body(here: Desk, head: bytes) -> None:
    push_both(here.conn, head, BIG)
    assert here.conn.out
    assert len(here.conn.out) == (2 if head is BIG else 1)
    assert drain(here) == head + BIG


def test_behind_what_waits(here: Desk) -> None:
    push(here.conn, BIG)
    push_both(here.conn, b"head", b"body")
    assert drain(here) == BIG + b"headbody"


def test_nothing_for_who_is_gone(here: Desk) -> None:
    here.client.close()
    push(here.conn, b"abc")
    assert here.conn.gone
    push(here.conn, b"abc")
    push_both(here.conn, b"head", b"body")
    assert not here.conn.out


def test_gone_before_both(here: Desk) -> None:
    here.client.close()
    push_both(here.conn, b"head", b"body")
    assert here.conn.gone
    assert not here.conn.out


def test_gone_while_something_waits(here: Desk) -> None:
    push(here.conn, BIG)
    here.client.close()
    assert flush(here.conn), "nothing is left to wait for"
    assert here.conn.gone
    assert not here.conn.out


def test_a_file_behind_what_waits(here: Desk, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(BIG)
    fd = os.open(tmp_path / "f", os.O_RDONLY)
    push(here.conn, b"head")
    put_region(here.conn, Region(fd, 10, 1000))
    push(here.conn, BIG)
    put_region(here.conn, Region(fd, 0, 20))
    assert drain(here) == b"head" + BIG[10:1010] + BIG + BIG[:20]
    os.close(fd)
