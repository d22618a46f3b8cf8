"""Another version of quaich: tried first, while everything else goes on, and then become or not."""

import pytest

from quaich.master.succession import PATIENCE
from quaich.master.vocabulary import (
    Action,
    Answer,
    Asked,
    Become,
    Breach,
    Died,
    EndTrial,
    Fork,
    Kill,
    Meaning,
    Progress,
    Signal,
    StartZygote,
    Tick,
    Touched,
    Tried,
    Try,
    Verdict,
)
from quaich.values import replace
from tests.unit.master.story import COMPATIBLE, Story

TRIED = "the installed quaich is tried"
OTHER = "another quaich is installed; the master becomes it before the reload"


def outdated() -> Story:
    story = Story().serve()
    story.plan.outdated = True
    return story


def stays(ticket: int, actions: list[Action]) -> bool:
    """Whether the trial is over and whoever asked for it is told why."""
    assert actions[0] == EndTrial()
    answers = [each for each in actions if isinstance(each, Answer) and each.ticket == ticket]
    return [each.ok for each in answers] == [False] and "stays what it is" in answers[0].text


def test_an_upgrade_is_tried_before_it_is_done() -> None:
    story = Story().serve()
    assert story.after(Asked(Meaning.UPGRADE, 1)) == [Try(1), Progress(1, TRIED)]
    assert story.after(Tried(1), 3.0) == [Become(1)]
    # The other master answers it, from what this one tells it.
    assert story.plan.wishes.now is not None
    assert story.plan.wishes.now.tickets == (1,)
    assert story.plan.following() == []


def test_a_trial_that_ends_badly_changes_nothing() -> None:
    story = Story().serve()
    story.after(Asked(Meaning.UPGRADE, 1))
    actions = story.after(Tried(1, "ZeroDivisionError"))
    assert stays(1, actions)
    assert story.heard("stays what it is, quaich=")
    assert story.heard("ZeroDivisionError")
    # An upgrade is asked for, so it is tried again.
    assert story.after(Asked(Meaning.UPGRADE, 2)) == [Try(2), Progress(2, TRIED)]


def test_a_master_that_cannot_be_executed_stays() -> None:
    story = Story().serve()
    story.after(Asked(Meaning.UPGRADE, 1))
    story.after(Tried(1))
    assert stays(1, story.after(Tried(1, "no such file or directory")))


def test_a_trial_that_takes_too_long_is_ended() -> None:
    story = Story().serve()
    story.after(Asked(Meaning.UPGRADE, 1))
    assert story.plan.deadline() == story.now + PATIENCE
    assert story.after(Tick(), PATIENCE - 0.1) == []
    assert stays(1, story.after(Tick(), 0.1))
    assert story.heard("does not start within 10 s")
    # It ended by itself in that moment.
    assert story.after(Tried(1)) == []
    story.after(Asked(Meaning.UPGRADE, 2))
    assert story.after(Tried(1)) == []
    assert story.after(Tried(2)) == [Become(2)]


def test_the_trial_has_no_deadline_when_it_is_over() -> None:
    story = Story().serve()
    story.after(Asked(Meaning.UPGRADE, 1))
    story.after(Tried(1))
    assert story.plan.deadline() is None
    assert story.after(Tick(), 60.0) == []


def test_workers_are_looked_after_during_a_trial() -> None:
    story = Story().serve()
    story.after(Asked(Meaning.UPGRADE, 1))
    assert story.after(Died(101, "signal=SIGKILL")) == [Fork(1, 1)]
    breach = Breach(1, 2, 102, Verdict.KILL, "too large")
    assert Kill(102, "SIGKILL") in story.after(breach)


@pytest.mark.parametrize(
    "event",
    [
        Asked(Meaning.RELOAD, 5),
        Asked(Meaning.CHAIN_RELOAD, 5),
        Asked(Meaning.BRUTAL_RELOAD, 5),
        Signal("SIGHUP"),
        Touched("a file"),
    ],
)
def test_a_reload_is_preceded_by_it_where_another_version_is_installed(
    event: Asked | Signal | Touched,
) -> None:
    story = outdated()
    actions = story.after(event)
    told = [Progress(5, OTHER)] if isinstance(event, Asked) else []
    assert actions == [*told, Try(1)]
    assert story.heard("another quaich is installed")
    assert story.after(Tried(1)) == [Become(1)]
    meaning = event.meaning if isinstance(event, Asked) else Meaning.RELOAD
    ticket = event.ticket if isinstance(event, Asked) else 0
    assert story.plan.following() == [Asked(meaning, ticket)]


def test_the_reload_follows_where_the_trial_ends_badly() -> None:
    story = outdated()
    story.after(Asked(Meaning.RELOAD, 5))
    assert story.after(Tried(1, "ZeroDivisionError")) == [
        EndTrial(),
        StartZygote(2, reload=True),
        Progress(5, "generation=2 loads"),
    ]


def test_a_restore_reads_nothing_anew() -> None:
    story = Story(replace(COMPATIBLE, snapshots=1)).serve()
    story.after(Asked(Meaning.RELOAD))
    story.bring_up(2)
    story.leave(1)
    story.plan.outdated = True
    assert story.after(Asked(Meaning.RESTORE)) == [Fork(1, 1), Fork(1, 2)]


def test_a_reload_that_waits_for_another_is_preceded_by_it_too() -> None:
    story = Story().serve()
    story.after(Asked(Meaning.RELOAD))
    story.plan.outdated = True
    assert story.after(Asked(Meaning.RELOAD, 5)) == []
    actions = story.bring_up(2)
    assert [each for each in actions if isinstance(each, Try | StartZygote)] == [Try(1)]
    story.after(Tried(1))
    assert story.plan.following() == [Asked(Meaning.RELOAD, 5)]


def test_a_reload_that_was_dropped_is_followed_by_one_that_is_preceded_by_it() -> None:
    story = Story().serve()
    story.after(Asked(Meaning.RELOAD))
    story.after(Asked(Meaning.RELOAD, 5))
    story.load(2)
    story.plan.outdated = True
    assert Try(1) in story.after(Died(200, "signal=SIGKILL"))


def test_reloads_during_a_trial_become_one() -> None:
    story = outdated()
    story.after(Asked(Meaning.RELOAD, 1))
    assert story.after(Asked(Meaning.CHAIN_RELOAD, 2)) == []
    story.after(Tried(1))
    # Until the other master is there, more may come.
    assert story.after(Asked(Meaning.RELOAD, 3)) == []
    follow = [Asked(Meaning.RELOAD, ticket) for ticket in (1, 2, 3)]
    assert story.plan.following() == follow
    other = Story().serve()
    assert other.plan.go_on(follow, other.now) == [
        StartZygote(2, reload=True),
        *(Progress(ticket, "generation=2 loads") for ticket in (1, 2, 3)),
    ]
    assert other.plan.wishes.next is None


def test_who_asks_for_an_upgrade_during_a_trial_waits_for_it() -> None:
    story = outdated()
    story.after(Asked(Meaning.RELOAD, 1))
    assert story.after(Asked(Meaning.UPGRADE, 2)) == [Progress(2, TRIED)]
    assert stays(2, story.after(Tried(1, "ZeroDivisionError")))
    assert story.plan.raising == 2


def test_an_upgrade_waits_for_a_reload_and_for_what_is_forked_after_it() -> None:
    story = Story(replace(COMPATIBLE, reforks=True)).serve()
    # The first generation was forked anew as well.
    story.bring_up(2)
    story.after(Asked(Meaning.RELOAD))
    story.after(Asked(Meaning.UPGRADE, 1))
    assert StartZygote(4, reload=False, parent=3) in story.bring_up(3)
    assert Try(1) in story.bring_up(4)


def test_nothing_is_forked_anew_during_a_trial() -> None:
    story = Story().serve()
    story.after(Asked(Meaning.UPGRADE))
    text = "something else is under way; try again"
    assert story.after(Asked(Meaning.REFORK, 3)) == [Answer(3, False, text)]


@pytest.mark.parametrize("executed", [False, True])
@pytest.mark.parametrize("meaning", [Meaning.DRAIN, Meaning.STOP])
def test_a_server_that_ends_ends_its_trial(meaning: Meaning, executed: bool) -> None:
    story = outdated()
    story.after(Asked(Meaning.RELOAD, 1))
    story.after(Asked(Meaning.UPGRADE, 2))
    if executed:
        story.after(Tried(1))
    actions = story.after(Asked(meaning, 3))
    assert actions[:3] == [
        EndTrial(),
        Answer(2, False, "the server stops"),
        Answer(1, False, "the server stops"),
    ]
    assert not story.plan.trying
    assert story.after(Tried(1)) == []
    assert story.after(Asked(Meaning.UPGRADE, 4)) == [Answer(4, False, "the server stops")]


def test_with_exit_on_reload_nothing_is_tried() -> None:
    story = Story(replace(COMPATIBLE, exit_on_reload=True)).serve()
    story.plan.outdated = True
    assert Try(1) not in story.after(Asked(Meaning.RELOAD, 1))


def test_nothing_follows_an_upgrade_that_was_asked_for_alone() -> None:
    other = Story().serve()
    assert other.plan.go_on([], other.now) == []
