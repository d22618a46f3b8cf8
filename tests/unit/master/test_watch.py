import os
import time
from pathlib import Path

import pytest

from quaich.config.effective import Config
from quaich.master.generation import Generation, Handle, Post
from quaich.master.vocabulary import Limits, Policy, Touched, Verdict
from quaich.master.watch import INTERVAL, Watch, changed, limits_of
from quaich.stats.scoreboard import Scoreboard


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, None, False),
        (None, 5, True),
        (5, None, True),
        (5, 5, False),
        (5, 6, True),
        (6, 5, False),
    ],
)
def test_a_touch(before: int | None, after: int | None, expected: bool) -> None:
    assert changed(before, after) is expected


def test_touched_files_are_named_once(tmp_path: Path) -> None:
    config = Config(touch_reload=("a", "b"), chdir=str(tmp_path))
    watch = Watch()
    (tmp_path / "a").touch()
    assert watch.touched(config) == []
    assert watch.touched(config) == []
    (tmp_path / "b").touch()
    os.utime(tmp_path / "a", ns=(2**62, 2**62))
    assert watch.touched(config) == [Touched("a, b")]
    assert watch.touched(config) == []
    (tmp_path / "a").unlink()
    assert watch.touched(config) == [Touched("a")]


def test_limits_in_megabytes() -> None:
    found = limits_of(Config(reload_on_rss=2, evil_reload_on_as=3, harakiri=4))
    assert (found.reload_on_rss, found.evil_reload_on_as) == (2 * 1024**2, 3 * 1024**2)
    assert (found.harakiri, found.min_worker_lifetime, found.max_requests) == (4, 10, 0)
    assert not limits_of(Config()).any


def generation(limits: Limits, *handles: Handle) -> Generation:
    made = Generation(1, Policy(len(handles), {}, limits=limits))
    made.workers = {each.slot: each for each in handles}
    return made


def test_a_request_is_seen_in_the_seat_of_its_worker() -> None:
    board = Scoreboard.create(1, 2)
    now = time.monotonic()
    slot = board.slot(1, 1)
    slot.clear(41, 1, 0)
    slot.note(1, "::1 GET /x")
    slot.begin(1, int((now - 2.5) * 1000000))
    worker = Handle(1, Post.READY, pid=41, since=now - 3, seat=1)
    watch = Watch()
    (breach,) = watch.breaches([generation(Limits(harakiri=2), worker)], {1: board}, now)
    assert breach.verdict is Verdict.HARAKIRI
    assert breach.cause == "core=1 age=2.5s harakiri=2s ::1 GET /x"
    assert watch.due == now + INTERVAL
    worker.doomed = "harakiri"
    assert watch.breaches([generation(Limits(harakiri=2), worker)], {1: board}, now) == []


def test_the_next_look_is_in_time_for_a_request_that_runs() -> None:
    board = Scoreboard.create(1, 1)
    board.slot(1).clear(41, 1, 0)
    board.slot(1).begin(0, 9_500_000)
    watch = Watch()
    worker = Handle(1, Post.READY, pid=41, since=1.0)
    assert watch.breaches([generation(Limits(harakiri=2), worker)], {1: board}, 11.0) == []
    assert watch.due == 11.5


def test_what_another_process_left_in_a_seat_is_not_read() -> None:
    board = Scoreboard.create(1, 1)
    board.slot(1).clear(40, 1, 0)
    board.slot(1).begin(0, 1)
    worker = Handle(1, Post.READY, pid=41, since=1.0)
    found = Watch().breaches([generation(Limits(harakiri=2), worker)], {1: board}, 99.0)
    assert found == []


def test_memory_is_that_of_the_process() -> None:
    board = Scoreboard.create(1, 1)
    worker = Handle(1, Post.READY, pid=os.getpid(), since=1.0)
    for limits, count in ((Limits(evil_reload_on_rss=1), 1), (Limits(evil_reload_on_as=2**60), 0)):
        found = Watch().breaches([generation(limits, worker)], {1: board}, 99.0)
        assert len(found) == count
