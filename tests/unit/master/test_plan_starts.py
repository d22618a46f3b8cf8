"""The plan's starts that come to nothing: given up, or tried again and said."""

from quaich.master.plan import Phase
from quaich.master.vocabulary import (
    Action,
    Answer,
    Asked,
    Died,
    Forget,
    Fork,
    Forked,
    Kill,
    Leave,
    LoadFailed,
    Meaning,
    Policy,
    Signal,
    StartZygote,
    Tick,
    ZygoteStarted,
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
    crash_at_start(story, 1)
    story.after(Forked(1, 1, 101))
    assert story.after(Died(101, "exit=7"), 0.1) == []
    assert story.after(Signal("SIGHUP")) == [Fork(1, 1)]
    story.raise_worker(1, 1)
    assert story.raise_worker(1, 2) == [StartZygote(2, reload=True)]


def in_vain(policy: Policy = COMPATIBLE) -> Story:
    story = Story(policy)
    crash_at_start(story, 3)
    return story


def test_a_reload_takes_the_place_of_a_start_in_vain() -> None:
    # What was loaded may be what crashes, and the configuration what is mended.
    story = in_vain(replace(COMPATIBLE, snapshots=1))
    assert story.after(Asked(Meaning.RELOAD, 7))[0] == StartZygote(2, reload=True)
    assert Kill(100, "SIGKILL") in story.bring_up(2)
    assert story.plan.phase is Phase.SERVING
    assert story.plan.current == 2
    # What has never served is no snapshot.
    story.after(Died(101, "exit=17"))
    assert Forget(1) in story.after(Died(100, "signal=SIGKILL"))


def test_one_that_was_asked_for_before_begins_when_the_start_seems_in_vain() -> None:
    story = Story()
    crash_at_start(story, 2)
    story.after(Forked(1, 1, 101))
    assert story.after(Signal("SIGHUP")) == []
    assert story.after(Died(101, "exit=7")) == [StartZygote(2, reload=True)]


def test_a_reload_that_fails_there_leaves_the_start_as_it_was() -> None:
    story = in_vain()
    story.after(Asked(Meaning.RELOAD, 7))
    story.after(ZygoteStarted(2, 200, COMPATIBLE))
    assert Answer(7, False, "no x") in story.after(LoadFailed(2, 200, "no x", 22))
    assert story.heard("generation=2 dropped, generation=1 is still tried: no x")
    assert story.plan.phase is Phase.STARTING
    assert story.after(Asked(Meaning.RELOAD, 8))[0] == StartZygote(3, reload=True)


def test_a_start_in_vain_may_come_to_something_beside_a_reload() -> None:
    story = in_vain()
    story.after(Asked(Meaning.RELOAD, 7))
    story.load(2)
    story.raise_worker(1, 1)
    assert story.raise_worker(1, 2) == []
    assert (story.plan.phase, story.plan.current) == (Phase.SERVING, 1)
    story.raise_worker(2, 1)
    assert Kill(101, "SIGHUP") in story.raise_worker(2, 2)
    assert Answer(7, True, "generation=2 serves") in story.leave(1)


def test_nothing_is_forked_anew_before_anything_serves() -> None:
    (answer,) = in_vain().after(Asked(Meaning.REFORK, 7))
    assert isinstance(answer, Answer)
    assert not answer.ok
