"""The loop where the kernel has no more to give."""

import errno
import os
from collections.abc import Iterator

import pytest

from quaich.config.effective import Config
from quaich.master.estate import Estate
from quaich.master.loop import Master
from quaich.master.readings import Reading
from quaich.master.vocabulary import Forget, StartFailed, StartZygote
from quaich.stats import scoreboard
from quaich.stats.scoreboard import Scoreboard
from quaich.worker import messages
from tests.support.logs import Lines


def unread() -> Reading:
    raise AssertionError("nothing is to be read again")


@pytest.fixture
def master() -> Iterator[Master]:
    lounge = os.pipe()
    estate = Estate((), (), lounge)
    yield Master(Config(), unread, estate, Lines())
    for fd in lounge:
        os.close(fd)


def test_a_refork_without_memory_is_refused_and_forgotten(
    master: Master, monkeypatch: pytest.MonkeyPatch
) -> None:
    master._holdings.hold(1)

    def create(workers: int, threads: int, shown: int) -> Scoreboard:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(Scoreboard, "create", create)
    master._perform([StartZygote(2, False, 1)])
    reason = "the zygote cannot be asked: too many open files"
    assert list(master._events) == [StartFailed(2, reason)]
    # The plan knows of it since it asked.
    master._perform([Forget(2)])


def test_a_zygote_that_closed_its_end_is_not_waited_for(master: Master) -> None:
    with pytest.raises(OSError, match="closed its end"):
        master._channels.send(1, messages.Fork(1, 0))


def test_a_scoreboard_that_has_no_room_leaves_no_descriptor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ftruncate(fd: int, size: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    made: list[int] = []
    create = os.memfd_create

    def memfd_create(name: str, flags: int) -> int:
        made.append(create(name, flags))
        return made[-1]

    monkeypatch.setattr(scoreboard.os, "memfd_create", memfd_create)
    monkeypatch.setattr(scoreboard.os, "ftruncate", ftruncate)
    with pytest.raises(OSError, match="No space"):
        Scoreboard.create(1, 1)
    (fd,) = made
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)
