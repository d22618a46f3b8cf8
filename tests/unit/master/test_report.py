import json
import os
from collections.abc import Iterator

import pytest

from quaich.master import report
from quaich.master.generation import Stage
from quaich.master.report import Memory, View
from quaich.master.vocabulary import Died, Forked, Tick
from quaich.stats.figures import Figures, Worker
from quaich.stats.scoreboard import Scoreboard
from tests.unit.master.story import Story

MEGABYTE = 1024 * 1024


def memory(pid: int, proportional: bool) -> Memory:
    return Memory(pid * MEGABYTE, MEGABYTE if proportional else 0)


@pytest.fixture
def board() -> Iterator[Scoreboard]:
    board = Scoreboard.create(2, 1)
    for number in (1, 2):
        board.slot(number).clear(100 + number, 1, 0)
    slot = board.slot(1)
    slot.begin(0, 1_000_000)
    slot.end(0, 1_250_000, 512)
    slot.begin(0, 8_000_000)
    slot.note(0, "192.0.2.1 GET /slow")
    yield board
    os.close(board.fd)


def seen(story: Story, board: Scoreboard | None) -> View:
    return report.view(
        story.plan,
        lambda number: board if number == 1 else None,
        memory,
        pid=50,
        version="9",
        uptime=3700.0,
        now=story.now,
    )


DONE = Figures(workers=(Worker(1, requests=3, exceptions=1, sent=512), Worker(2, requests=4)))


def test_what_a_server_does(board: Scoreboard) -> None:
    view = seen(Story().serve(), board)
    (group,) = view.generations
    assert (group.stage, group.serves, group.requests, group.sent) == ("serving", True, 1, 512)
    assert group.zygote == report.Zygote(100, "ready", 100 * MEGABYTE, 0)
    first, second = group.workers
    assert (first.worker, first.pid, first.state, first.requests) == (1, 101, "busy", 1)
    assert first.mean == 0.25
    assert first.running == (report.Running(0, 2.0, "192.0.2.1 GET /slow"),)
    assert (second.state, second.age, second.rss) == ("ready", 10.0, 102 * MEGABYTE)


def test_the_lines_of_signals(board: Scoreboard) -> None:
    view = seen(Story().serve(), board)
    assert report.statistics(view, DONE) == [
        "statistics pid=50 uptime=3700s generation=1 workers=2 requests=7 exceptions=1 sent=512",
        "worker=1 pid=101 generation=1 requests=1 mean=250.0ms age=10s",
        "worker=2 pid=102 generation=1 requests=0 mean=0.0ms age=10s",
    ]
    assert report.status(view) == [
        "status pid=50 serving uptime=3700s generation=1",
        "worker=1 pid=101 busy generation=1 age=10.0s requests=1 rss=105906176",
        "worker=1 thread=0 since=2.000s 192.0.2.1 GET /slow",
        "worker=2 pid=102 ready generation=1 age=10.0s requests=0 rss=106954752",
    ]


def test_a_scoreboard_of_somebody_else_is_not_believed(board: Scoreboard) -> None:
    board.slot(1).clear(999, 1, 0)
    worker = seen(Story().serve(), board).generations[0].workers[0]
    assert (worker.state, worker.requests, worker.running) == ("ready", 0, ())


def test_nothing_is_there_yet() -> None:
    story = Story()
    story.plan.start()
    assert report.statistics(seen(story, None), Figures()) == [
        "statistics pid=50 uptime=3700s generation=1 workers=0 requests=0 exceptions=0 sent=0"
    ]


def test_a_snapshot_shows_what_it_costs(board: Scoreboard) -> None:
    story = Story().serve()
    story.plan.generations[1].stage = Stage.ASLEEP
    (group,) = seen(story, board).generations
    assert not group.serves
    assert group.zygote.pss == MEGABYTE
    text = report.as_text(report.as_data(seen(story, board)))
    assert "generation 1: asleep, zygote pid 100, 1.0 MB of its own\n" in text


def test_the_text_for_people(board: Scoreboard) -> None:
    data = json.loads(json.dumps(report.as_data(seen(Story().serve(), board))))
    assert report.as_text(data) == (
        "quaich 9 pid 50: serving, up 1 h 1 min\n"
        "generation 1: serving, zygote pid 100, 100.0 MB\n"
        "  worker 1: pid 101, busy, 1 requests, 101.0 MB, age 10 s\n"
        "    2.0 s  192.0.2.1 GET /slow\n"
        "  worker 2: pid 102, ready, 0 requests, 102.0 MB, age 10 s\n"
    )


def test_a_worker_that_waits_to_be_started_again_says_so(board: Scoreboard) -> None:
    story = Story().serve()
    for _ in range(3):
        story.after(Forked(1, 1, 101))
        story.after(Died(101, "exit=7"))
        story.after(Tick(), 1.0)
    text = report.as_text(report.as_data(seen(story, board)))
    assert "  worker 1: starts again in 1 s, died early 2 times in a row\n" in text


def test_a_status_with_gaps_is_shown() -> None:
    assert report.as_text({}) == "quaich ? pid ?: ?, up 0 s\n"
    assert "worker None: pid -" in report.as_text({"generations": [{"workers": [{}]}]})
