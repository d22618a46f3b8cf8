"""A process that looks at its own requests: when it ends itself, and what it winds up before."""

import faulthandler
import os
import threading
import time
from collections.abc import Iterator

import pytest

from quaich.stats.scoreboard import Scoreboard, Slot
from quaich.worker.alarm import EXIT_HARAKIRI, INTERVAL, Alarm
from tests.support.desk import DEADLINE
from tests.support.logs import Lines


class Ended(BaseException):
    pass


class Watch:
    """The alarm of two lanes, with a clock that goes on by what is slept."""

    def __init__(self, slot: Slot, monkeypatch: pytest.MonkeyPatch) -> None:
        self.slot = slot
        self.now = 1000.0
        self.events: list[object] = []
        self.log = Lines()
        self.alarm = Alarm(slot, 5, lambda: self.events.append("abandon"), self.log)
        self.sleeps = 20
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "sleep", self.sleep)
        monkeypatch.setattr(
            faulthandler,
            "dump_traceback_later",
            lambda seconds, exit: self.events.append(("wound", seconds, exit)),
        )
        monkeypatch.setattr(
            faulthandler, "dump_traceback", lambda fd, all_threads: self.events.append("stacks")
        )
        monkeypatch.setattr(os, "_exit", self.end)

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.sleeps -= 1
        if self.sleeps == 0:
            raise Ended

    def end(self, status: int) -> None:
        self.events.append(status)
        raise Ended

    def run(self) -> None:
        with pytest.raises(Ended):
            self.alarm._run()


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    board = Scoreboard.create(1, 2)
    yield Watch(board.slot(1), monkeypatch)
    os.close(board.fd)


def test_the_oldest_request_ends_it(watch: Watch) -> None:
    watch.slot.begin(0, 998_000_000)
    watch.slot.begin(1, 996_500_000)
    watch.slot.note(1, "192.0.2.7 GET /slow")
    watch.run()
    wound = [each for each in watch.events if isinstance(each, tuple)]
    # The timer ends it where this thread cannot run, and never before.
    assert wound == [("wound", 1.5 + INTERVAL / 2, True), ("wound", 0.5 + INTERVAL / 2, True)]
    assert watch.events[2:] == ["stacks", "abandon", EXIT_HARAKIRI]
    [line] = watch.log.lines
    assert "harakiri core=1 age=5.0s harakiri=5s 192.0.2.7 GET /slow" in line


def test_lines_that_were_gathered_are_not_lost(watch: Watch) -> None:
    watch.slot.shelve(1, b"what waits\n")
    watch.slot.begin(0, 990_000_000)
    watch.run()
    assert watch.log.lines[1:] == ["what waits"]
    assert watch.events[-1] == EXIT_HARAKIRI


def test_without_a_request_it_only_winds_up(watch: Watch) -> None:
    watch.run()
    assert watch.events == [("wound", 5 + INTERVAL / 2, True)] * 20
    assert not watch.log.lines


def test_it_watches_in_a_thread_of_its_own(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    run = threading.Event()
    monkeypatch.setattr(Alarm, "_run", lambda self: run.set())
    watch.alarm.start()
    assert run.wait(DEADLINE)
