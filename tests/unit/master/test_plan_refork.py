"""The plan's reforks: a reload whose zygote comes from the one that serves."""

from quaich.master.generation import Post
from quaich.master.vocabulary import (
    Answer,
    Asked,
    Died,
    Forget,
    Fork,
    Kill,
    Loaded,
    LoadFailed,
    Meaning,
    Progress,
    StartFailed,
    StartZygote,
    Tick,
    ZygoteStarted,
)
from quaich.values import replace
from tests.unit.master.story import COMPATIBLE, Story

REFORKS = replace(COMPATIBLE, reforks=True)
TIMED = replace(COMPATIBLE, startup=30.0)
REFORK = Asked(Meaning.REFORK, 7)
FORKED = StartZygote(2, reload=False, parent=1)


def test_it_replaces_the_workers_one_after_the_other() -> None:
    story = Story().serve()
    assert story.after(REFORK) == [FORKED, Progress(7, "generation=2 loads")]
    story.after(ZygoteStarted(2, 200, COMPATIBLE))
    assert story.after(Loaded(2, 200)) == [Fork(2, 1)]
    assert Kill(101, "SIGHUP") in (first := story.raise_worker(2, 1))
    assert Fork(2, 2) in first
    last = story.raise_worker(2, 2)
    assert Kill(102, "SIGHUP") in last
    assert story.plan.current == 2
    story.after(Died(101, "exit=17"))
    assert Answer(7, True, "generation=2 serves") in story.after(Died(102, "exit=17"))


def test_it_comes_by_itself_after_a_start_and_a_reload() -> None:
    story = Story(REFORKS)
    story.plan.start()
    assert story.bring_up() == [FORKED]
    # Not after itself.
    assert StartZygote(3, reload=False, parent=2) not in story.bring_up(2)
    assert story.after(Asked(Meaning.RELOAD)) == [StartZygote(3, reload=True)]
    assert StartZygote(4, reload=False, parent=3) in story.bring_up(3)


def test_one_that_cannot_be_forked_is_forgotten() -> None:
    story = Story().serve()
    story.after(REFORK)
    assert story.after(StartFailed(2, "no memory")) == [Answer(7, False, "no memory"), Forget(2)]
    assert story.heard("generation=2 dropped, generation=1 serves on: no memory")
    assert story.plan.generations[1].zygote.post is Post.READY


def test_one_that_fails_leaves_the_old() -> None:
    story = Story().serve()
    story.after(REFORK)
    story.after(ZygoteStarted(2, 200, COMPATIBLE))
    assert Kill(200, "SIGKILL") in story.after(LoadFailed(2, 200, "why", 1))
    assert story.after(Died(200, "exit=1")) == [Forget(2)]
    assert story.plan.current == 1


def test_a_zygote_that_never_answers_is_not_waited_for() -> None:
    story = Story(TIMED).serve()
    story.after(REFORK)
    assert Forget(2) not in story.after(Tick(), 29)
    assert Forget(2) in story.after(Tick(), 1)
    assert story.plan.raising is None


def test_it_is_refused_while_something_starts() -> None:
    story = Story().serve()
    story.after(Asked(Meaning.RELOAD))
    refused = Answer(7, False, "something else is under way; try again")
    assert story.after(REFORK) == [refused]


def test_it_is_refused_while_there_is_no_zygote() -> None:
    story = Story().serve()
    story.after(Died(100, "signal=SIGKILL"), -9.5)
    answer = story.after(REFORK)
    assert answer == [Answer(7, False, "the zygote of generation=1 cannot fork now; try again")]


def test_a_reload_that_is_asked_for_meanwhile_follows() -> None:
    story = Story().serve()
    story.after(REFORK)
    story.after(Asked(Meaning.RELOAD))
    assert StartZygote(3, reload=True) in story.bring_up(2)


def test_a_stop_ends_it() -> None:
    story = Story().serve()
    story.after(REFORK)
    actions = story.after(Asked(Meaning.STOP))
    assert Forget(2) in actions
