"""The plan's starts that come to nothing: given up, or tried again and said."""

from quaich.master.plan import Phase
from quaich.master.vocabulary import (
    Action,
    Died,
    Forget,
    Fork,
    Forked,
    Kill,
    Leave,
    Signal,
    StartZygote,
    Tick,
)
from quaich.values import replace
from tests.unit.master.story import COMPATIBLE, Story


def crash_at_start(story: Story, times: int) -> list[Action]:
    """Worker 1 of a server that starts dies so often before it is ready; the last actions."""
    story.plan.start()
    story.load()
    actions: list[Action] = []
    for _ in range(times):
        story.after(Forked(1, 1, 101))
        actions = story.after(Died(101, "exit=7"), 5.0)
        if story.plan.phase is Phase.STARTING:
            assert story.after(Tick(), 60.0) == [Fork(1, 1)]
    return actions


def test_a_start_whose_workers_die_ends_where_an_application_is_needed() -> None:
    story = Story(replace(COMPATIBLE, need_app=True))
    assert crash_at_start(story, 2) == []
    assert crash_at_start(story, 1) == [Kill(100, "SIGKILL")]
    assert story.heard("generation=1 cannot start: worker=1 pid=101 died exit=7")
    assert story.after(Died(100, "signal=SIGKILL")) == [Forget(1), Leave(22)]


def test_a_start_whose_workers_die_goes_on_trying_elsewhere_and_says_so_once() -> None:
    story = Story()
    crash_at_start(story, 2)
    assert not story.plan.in_vain
    crash_at_start(story, 6)
    assert story.plan.in_vain
    said = [each for each in story.said if "does not serve yet" in each.text]
    assert [each.level for each in said] == ["error"]
    assert "worker=1 has died 3 times before it was ready" in said[0].text
    assert story.plan.phase is Phase.STARTING


def test_a_worker_that_served_may_die_early_at_a_start() -> None:
    story = Story(replace(COMPATIBLE, need_app=True))
    story.plan.start()
    story.load()
    for _ in range(4):
        story.raise_worker(1, 1)
        story.after(Died(101, "signal=SIGKILL"), 0.1)
        story.after(Tick(), 60.0)
    assert story.plan.phase is Phase.STARTING


def test_a_reload_asked_for_at_a_start_ends_the_pauses() -> None:
    story = Story()
    crash_at_start(story, 3)
    story.after(Forked(1, 1, 101))
    assert story.after(Died(101, "exit=7"), 0.1) == []
    assert story.after(Signal("SIGHUP")) == [Fork(1, 1)]
    story.raise_worker(1, 1)
    assert story.raise_worker(1, 2) == [StartZygote(2, reload=True)]
