"""Things that happen to a plan at the same time, and what comes too late."""

from quaich.master.fleet import Phase
from quaich.master.generation import Stage
from quaich.master.vocabulary import (
    Answer,
    Asked,
    Breach,
    Died,
    Forget,
    Fork,
    Forked,
    Kill,
    Loaded,
    Meaning,
    Ready,
    Resize,
    StartFailed,
    StartZygote,
    Tick,
    Verdict,
    ZygoteStarted,
)
from quaich.values import replace
from tests.unit.master.story import COMPATIBLE, Story


def zygote_asked(story: Story) -> None:
    """The zygote of generation 1 was lost twice, and another is asked for."""
    story.after(Died(100, "signal=SIGSEGV"))
    story.after(ZygoteStarted(1, 110, COMPATIBLE))
    story.after(Died(110, "signal=SIGSEGV"))
    assert story.after(Tick(), 2.0) == [StartZygote(1, False)]


def reload(story: Story) -> None:
    """Generation 2 takes over."""
    story.after(Asked(Meaning.RELOAD))
    story.bring_up(2)
    assert story.plan.current == 2


def test_a_brutal_reload_of_workers_takes_the_relief_that_comes_anyway() -> None:
    story = Story().serve()
    assert story.after(Breach(1, 1, 101, Verdict.RECYCLE, "age")) == [Fork(1, 1, 1)]
    asked = story.after(Asked(Meaning.BRUTAL_WORKERS_RELOAD))
    # Slot 1 has no third seat; a kill without a process would be one of the master's whole group.
    assert asked == [Kill(101, "SIGTERM"), Kill(102, "SIGTERM"), Fork(1, 2, 1)]
    generation = story.plan.generations[1]
    assert generation.relief == {}
    assert generation.workers[1].seat == 1


def test_a_worker_that_is_asked_for_has_its_seat_already() -> None:
    story = Story().serve()
    story.after(Breach(1, 1, 101, Verdict.RECYCLE, "age"))
    assert story.plan.generations[1].free_seat(1) is None


def test_workers_are_replaced_again_as_soon_as_there_is_a_seat() -> None:
    story = Story().serve()
    story.after(Asked(Meaning.WORKERS_RELOAD))
    for slot in (1, 2):
        story.after(Forked(1, slot, 200 + slot))
        story.after(Ready(1, slot, 200 + slot))
    # The old ones still answer requests, and so sit in the other seats.
    assert story.after(Asked(Meaning.WORKERS_RELOAD, 7)) == []
    assert story.after(Died(101, "exit=0")) == [Fork(1, 1, 0)]
    assert story.after(Died(102, "exit=0")) == [Fork(1, 2, 0)]


def test_a_zygote_that_comes_when_its_generation_retires_is_killed() -> None:
    story = Story().serve()
    zygote_asked(story)
    reload(story)
    assert story.plan.generations[1].stage is Stage.RETIRING
    assert story.after(ZygoteStarted(1, 120, COMPATIBLE)) == [Kill(120, "SIGKILL")]
    story.after(Died(101, "exit=0"))
    story.after(Died(102, "exit=0"))
    assert story.after(Died(120, "signal=SIGKILL")) == [Forget(1)]


def test_a_zygote_that_cannot_start_when_its_generation_retires_is_not_missed() -> None:
    story = Story().serve()
    zygote_asked(story)
    reload(story)
    story.after(StartFailed(1, "no memory"))
    assert story.plan.generations[1].zygote.until is None
    story.after(Died(101, "exit=0"))
    assert story.after(Died(102, "exit=0")) == [Forget(1)]


def test_a_zygote_that_comes_when_its_generation_is_gone_is_killed() -> None:
    story = Story().serve()
    story.after(Resize(1, 0, "idle"))
    story.after(Died(101, "exit=0"))
    story.after(Died(102, "exit=0"))
    zygote_asked(story)
    story.after(Asked(Meaning.RELOAD))
    assert Forget(1) in story.load(2)
    assert story.after(ZygoteStarted(1, 120, COMPATIBLE)) == [Kill(120, "SIGKILL")]
    assert story.after(Died(120, "signal=SIGKILL")) == []
    assert story.plan.phase is Phase.SERVING


def test_a_refork_that_fails_when_nobody_waits_for_it_ends_nothing() -> None:
    story = Story(replace(COMPATIBLE, startup=5.0)).serve()
    assert story.after(Asked(Meaning.REFORK)) == [StartZygote(2, False, 1)]
    assert Forget(2) in story.after(Tick(), 6.0)
    assert story.after(StartFailed(2, "the zygote died that was to be forked")) == []
    assert story.plan.phase is Phase.SERVING


def test_a_drain_lets_requests_end_though_a_zygote_comes() -> None:
    story = Story().serve()
    zygote_asked(story)
    story.after(Asked(Meaning.DRAIN))
    assert story.after(ZygoteStarted(1, 120, COMPATIBLE)) == [Kill(120, "SIGKILL")]


def test_what_is_scaled_while_a_generation_is_raised_holds_for_that_too() -> None:
    story = Story().serve()
    story.after(Asked(Meaning.RELOAD))
    story.load(2)
    assert story.after(Asked(Meaning.SCALE, 5, 3)) == [Fork(1, 3, 0), Fork(2, 3, 0)]
    for slot in (1, 2, 3):
        story.raise_worker(2, slot)
    assert story.plan.current == 2
    assert story.plan.generations[2].wanted == 3


def test_fewer_workers_may_be_what_a_generation_was_waiting_for() -> None:
    story = Story().serve()
    story.after(Asked(Meaning.CHAIN_RELOAD))
    story.load(2)
    story.raise_worker(2, 1)
    assert story.plan.current == 1
    story.after(Asked(Meaning.SCALE, 5, 1))
    assert story.plan.current == 2
    assert set(story.plan.generations[2].workers) == {1}


def test_before_there_are_workers_they_are_not_scaled_or_replaced() -> None:
    story = Story()
    story.plan.start()
    text = "there are no workers yet; try again"
    for meaning in (Meaning.SCALE, Meaning.WORKERS_RELOAD, Meaning.CHEAP, Meaning.MORE):
        assert story.after(Asked(meaning, 3, 2)) == [Answer(3, False, text)]
    story.after(ZygoteStarted(1, 100, COMPATIBLE))
    story.after(Loaded(1, 100))
    assert story.after(Asked(Meaning.SCALE, 4, 2)) == [Answer(4, False, text)]


def test_who_asked_for_something_else_than_what_is_done_is_told() -> None:
    story = Story().serve()
    story.after(Asked(Meaning.RELOAD, 1))
    assert story.after(Asked(Meaning.RESTORE, 2)) == []
    text = "reload was asked for after it, and is done instead"
    assert story.after(Asked(Meaning.RELOAD, 3)) == [Answer(2, False, text)]
    assert story.after(Asked(Meaning.CHAIN_RELOAD, 4)) == []
    text = "upgrade was asked for after it, and is done instead"
    assert story.after(Asked(Meaning.UPGRADE, 5)) == [
        Answer(3, False, text),
        Answer(4, False, text),
    ]
