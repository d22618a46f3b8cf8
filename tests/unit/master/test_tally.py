"""What the plan counts of itself, and the figures that are made of it."""

import json

from quaich.master import carry
from quaich.master.census import Moment, Self, census
from quaich.master.ledger import Ledger
from quaich.master.vocabulary import (
    Asked,
    Breach,
    Died,
    Forked,
    Loaded,
    LoadFailed,
    Meaning,
    Verdict,
    ZygoteStarted,
)
from quaich.stats.figures import Figures
from quaich.stats.scoreboard import ACCEPTING, Scoreboard
from tests.unit.master.story import COMPATIBLE, Story


def test_workers_that_are_started_and_die() -> None:
    story = Story().serve()
    assert story.plan.tally.spawns == {1: 1, 2: 1}
    story.after(Died(101, "signal=SIGKILL"))
    story.after(Forked(1, 1, 900))
    story.after(Died(900, "exit=1"), 0.1)
    tally = story.plan.tally
    assert (tally.spawns, tally.deaths, tally.pauses) == ({1: 2, 2: 1}, 2, 1)


def test_limits_that_are_passed() -> None:
    story = Story().serve()
    story.after(Breach(1, 1, 101, Verdict.HARAKIRI, "slow"))
    story.after(Breach(1, 1, 101, Verdict.HARAKIRI, "slow"))
    story.after(Breach(1, 2, 102, Verdict.RECYCLE, "old"))
    story.after(Breach(1, 2, 102, Verdict.RECYCLE, "old"))
    tally = story.plan.tally
    assert (tally.harakiris, tally.recycled, tally.killed) == ({1: 1}, 1, 0)
    story.after(Breach(1, 2, 102, Verdict.KILL, "large"))
    assert tally.killed == 1
    story.after(Died(101, "signal=SIGKILL"))
    assert tally.deaths == 0


def test_reloads_by_their_outcome() -> None:
    story = Story().serve()
    story.after(Asked(Meaning.RELOAD))
    story.bring_up(2)
    story.after(Asked(Meaning.RELOAD))
    story.after(ZygoteStarted(3, 300, COMPATIBLE))
    story.after(LoadFailed(3, 300, "no", 22))
    tally = story.plan.tally
    assert (tally.reloads, tally.reloads_failed, tally.deaths) == (1, 1, 0)


def test_how_long_the_application_loads() -> None:
    story = Story()
    story.plan.start()
    story.after(ZygoteStarted(1, 100, COMPATIBLE))
    story.after(Loaded(1, 100), 2.5)
    assert story.plan.tally.loading == 2.5


def test_it_is_carried_over() -> None:
    story = Story().serve()
    story.after(Breach(1, 1, 101, Verdict.HARAKIRI, "slow"))
    data = json.loads(json.dumps(carry.dump(story.plan)))
    assert carry.load(data, {1: COMPATIBLE}).tally == story.plan.tally


def figures(story: Story, board: Scoreboard | None, **more: int) -> Figures:
    ledger = Ledger()
    ledger.hold(1, board)
    return census(
        story.plan,
        ledger,
        lambda number: board if number == 1 else None,
        lambda pid: (pid * 10, pid),
        slots=more.get("slots", 2),
        harakiri=0,
        moment=Moment(story.now, 1000.0, 0.0),
        own=Self(version="9", pid=50),
    )


def test_the_figures_of_a_server() -> None:
    story = Story().serve()
    board = Scoreboard.create(4, 2)
    for number in (1, 2):
        slot = board.slot(number)
        slot.clear(100 + number, 1, 0)
        slot.set(ACCEPTING, 1)
    busy = board.slot(1)
    busy.begin(0, 1_000_000)
    busy.end(0, 1_250_000, 512)
    busy.begin(1, 8_000_000)
    busy.note(1, "- GET /x")
    first, second, third = figures(story, board, slots=3).workers
    assert (first.status, first.requests, first.delta, first.running) == ("busy", 1, 1, 250_000)
    assert (first.rss, first.vsz, first.accepting, first.spawned) == (101, 1010, True, 990.0)
    assert [core.age for core in first.cores] == [None, 2.0]
    assert [core.note for core in first.cores] == ["", "- GET /x"]
    assert (second.status, second.pid, second.spawns) == ("idle", 102, 1)
    assert (third.status, third.pid, third.accepting) == ("cheap", 0, False)


def test_a_worker_that_has_not_come_to_the_scoreboard() -> None:
    story = Story().serve()
    worker = figures(story, Scoreboard.create(4, 1)).workers[0]
    assert (worker.pid, worker.status, worker.accepting, worker.delta) == (101, "idle", False, 0)
    assert figures(story, None).workers[0].cores == ()


def test_a_paused_server() -> None:
    story = Story().serve()
    story.after(Asked(Meaning.PAUSE))
    found = figures(story, Scoreboard.create(4, 1))
    assert found.paused
    assert {worker.status for worker in found.workers} == {"pause"}


def test_in_a_reload_who_serves_is_shown() -> None:
    story = Story().serve()
    story.after(Asked(Meaning.CHAIN_RELOAD))
    story.load(2)
    assert [worker.pid for worker in figures(story, None).workers] == [101, 102]
    story.raise_worker(2, 1)
    assert [worker.pid for worker in figures(story, None).workers] == [201, 102]
