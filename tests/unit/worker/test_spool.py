"""Large bodies in memory, as files."""

import errno
import io
import os
from typing import Any

import pytest

from quaich.worker import spool
from quaich.worker.spool import LARGE, ROOMS, Spools


@pytest.fixture
def spools() -> Spools:
    return Spools()


def filled(spools: Spools, body: bytes) -> Any:
    file = spools.open(len(body))
    file.write(body)
    file.seek(0)
    return file


def test_it_is_read_as_any_file(spools: Spools) -> None:
    body = b"one\ntwo\n" + b"x" * 3000 + b"\n\nlast" * 9000
    file = filled(spools, body)
    like = io.BytesIO(body)
    for step in range(400):
        ask = [
            lambda f: f.readline(),
            lambda f: f.read(700),
            lambda f: f.readline(2),
            lambda f: f.read(0),
            lambda f, step=step: f.seek(step * 37),
            lambda f: f.tell(),
            lambda f: f.seek(-5, os.SEEK_CUR),
            lambda f: f.readinto(bytearray(300)),
        ][step * 5 % 8 if step else 1]
        assert ask(file) == ask(like), step
    assert file.seek(0) == like.seek(0)
    assert list(file) == list(like)
    assert file.read(10) == b""
    assert file.seek(-4, os.SEEK_END) == len(body) - 4
    assert file.read() == b"last"
    assert file.seek(len(body) + 10) == len(body) + 10
    assert file.read() == b""
    file.close()


def test_nobody_reads_what_is_another_s(spools: Spools) -> None:
    first = filled(spools, b"secret" * 20000)
    assert first.read() == b"secret" * 20000
    first.close()
    second = filled(spools, b"mine" * 20000)
    assert second.read() == b"mine" * 20000
    assert second.read() == b""
    for read in (first.read, first.readline, first.readall, lambda: first.readinto(bytearray(9))):
        with pytest.raises(ValueError, match="closed"):
            read()
    second.close()


def test_what_is_no_place_in_it(spools: Spools) -> None:
    file = filled(spools, b"x" * 100000)
    with pytest.raises(OSError, match="Invalid argument") as caught:
        file.seek(-1)
    assert caught.value.errno == errno.EINVAL
    file.seek(99999)
    with pytest.raises(OSError, match="No space") as caught:
        file.write(b"xx")
    assert caught.value.errno == errno.ENOSPC
    assert (file.readable(), file.writable(), file.seekable()) == (True, True, True)
    with pytest.raises(io.UnsupportedOperation):
        file.fileno()
    file.close()


def test_rooms_are_few_and_used_again(spools: Spools) -> None:
    rooms = [spools.open(LARGE) for _ in range(ROOMS)]
    memory = [each.memory for each in rooms]
    for length in (LARGE + 1, 0, 70000):
        with spools.open(length) as file:
            assert file.fileno() >= 0, "on disk"
    for each in rooms:
        each.close()
        each.close()
    assert spools.taken == 0
    assert spools.open(70000).memory in memory


def test_it_can_be_under_another_file(spools: Spools) -> None:
    body = b"one\ntwo\n" * 9000
    file = io.BufferedReader(filled(spools, body))
    assert file.readline() == b"one\n"
    assert file.read() == body[4:]
    file.close()
    assert spools.taken == 0


def test_a_body_is_received_straight_to_its_room(spools: Spools) -> None:
    room = spools.open(7)
    assert room.write(b"head") == 4
    room.memory[room.at : room.at + 3] = b"end"
    room.at += 3
    assert room.seek(0) == 0
    assert room.readall() == b"headend"
    assert room.readall() == b""
    room.close()


@pytest.mark.parametrize("advice", [{"_FREE": None}, {"_HUGE": None}, {"_HUGE": -1}])
def test_a_kernel_that_takes_no_advice(
    spools: Spools, monkeypatch: pytest.MonkeyPatch, advice: dict[str, int | None]
) -> None:
    for name, value in advice.items():
        monkeypatch.setattr(spool, name, value)
    for _ in range(2):
        file = filled(spools, b"x" * 70000)
        assert file.read() == b"x" * 70000
        file.close()
    assert spools.taken == 0


def test_a_file_that_nobody_has_gives_its_room_back(spools: Spools) -> None:
    spools.open(70000)
    assert spools.taken == 0
