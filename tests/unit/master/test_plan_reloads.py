"""The plan's reloads: in a chain, timed, restored, scaled, paused, and answered."""

import pytest

from quaich.master.generation import Stage
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
    Loaded,
    LoadFailed,
    Meaning,
    Perform,
    Progress,
    Ready,
    Resize,
    Signal,
    StartFailed,
    StartZygote,
    Tick,
    Touched,
    WorkerFailed,
    ZygoteStarted,
)
from quaich.values import replace
from tests.unit.master.story import COMPATIBLE, MODERN, Story

SNAPSHOTS = replace(COMPATIBLE, snapshots=1)
TIMED = replace(COMPATIBLE, startup=30.0)


def reloaded(story: Story, generation: int = 2) -> list[Action]:
    """A whole reload; the actions at its end."""
    story.after(Asked(Meaning.RELOAD))
    return story.bring_up(generation)


def answers_of(actions: list[Action]) -> list[Answer]:
    return [each for each in actions if isinstance(each, Answer)]


def test_a_reload_is_answered_when_the_new_generation_serves() -> None:
    story = Story().serve()
    assert story.after(Asked(Meaning.RELOAD, 7)) == [
        StartZygote(2, reload=True),
        Progress(7, "generation=2 loads"),
    ]
    assert answers_of(story.bring_up(2)) == []
    # The old code must answer nobody any more.
    assert answers_of(story.leave(1)) == [Answer(7, True, "generation=2 serves")]


def test_a_reload_is_answered_soon_though_an_old_request_runs_on() -> None:
    story = Story().serve()
    story.after(Asked(Meaning.RELOAD, 7))
    story.bring_up(2)
    assert story.plan.deadline() == story.now + 1.0
    assert story.after(Tick(), 1.1) == [Answer(7, True, "generation=2 serves")]


def test_a_reload_that_fails_is_answered_with_the_reason() -> None:
    story = Story().serve()
    story.after(Asked(Meaning.RELOAD, 7))
    story.after(ZygoteStarted(2, 200, COMPATIBLE))
    actions = story.after(LoadFailed(2, 200, "no module named x", 22))
    assert actions == [Kill(200, "SIGKILL"), Answer(7, False, "no module named x")]


def test_a_reload_whose_configuration_is_refused_is_answered() -> None:
    story = Story().serve()
    story.after(Asked(Meaning.RELOAD, 7))
    assert story.after(StartFailed(2, "bad")) == [Answer(7, False, "bad")]


def test_reloads_asked_for_meanwhile_become_one_and_all_are_answered() -> None:
    story = Story().serve()
    story.after(Asked(Meaning.RELOAD, 1))
    assert story.after(Asked(Meaning.RELOAD, 2)) == []
    assert story.after(Asked(Meaning.BRUTAL_RELOAD, 3)) == []
    assert StartZygote(3, reload=True) in story.bring_up(2)
    assert answers_of(story.leave(1)) == [Answer(1, True, "generation=2 serves")]
    assert Kill(201, "SIGTERM") in story.bring_up(3)
    assert {each.ticket for each in answers_of(story.leave(2))} == {2, 3}


def test_a_reload_is_answered_when_the_server_stops_instead() -> None:
    story = Story(MODERN).serve()
    story.after(Asked(Meaning.RELOAD, 1))
    story.after(Asked(Meaning.RELOAD, 2))
    actions = story.after(Asked(Meaning.STOP, 3))
    refused = [Answer(1, False, "the server stops"), Answer(2, False, "the server stops")]
    assert answers_of(actions) == refused
    assert story.after(Asked(Meaning.RELOAD, 4)) == [Answer(4, False, "the server stops")]
    story.after(Died(100, "x"))
    story.after(Died(101, "x"))
    end = story.after(Died(102, "x"))
    assert end == [Forget(1), Answer(3, True, "the server has ended"), Leave(0)]


def test_a_generation_that_is_not_ready_in_time_is_dropped() -> None:
    story = Story(TIMED).serve()
    story.after(Asked(Meaning.RELOAD, 7))
    story.after(ZygoteStarted(2, 200, TIMED))
    assert story.plan.deadline() == story.now + 30
    assert story.after(Tick(), 29) == []
    actions = story.after(Tick(), 1.1)
    reason = "still loading after startup-timeout=30s"
    assert actions == [Kill(200, "SIGKILL"), Answer(7, False, reason)]
    assert story.after(Died(200, "signal=SIGKILL")) == [Forget(2)]
    assert story.plan.current == 1


def test_a_worker_that_is_never_ready_counts_too() -> None:
    story = Story(TIMED).serve()
    story.after(Asked(Meaning.RELOAD, 7))
    story.load(2)
    story.raise_worker(2, 1)
    story.after(Forked(2, 2, 202))
    actions = story.after(Tick(), 31)
    assert {Kill(200, "SIGKILL"), Kill(201, "SIGHUP"), Kill(202, "SIGHUP")} <= set(actions)
    assert story.plan.generations[1].stage is Stage.SERVING


def test_the_first_start_has_any_time_unless_it_is_set() -> None:
    story = Story(TIMED)
    story.plan.start()
    story.after(ZygoteStarted(1, 100, TIMED))
    assert story.plan.deadline() is None
    timed = replace(TIMED, first_startup=5.0)
    story = Story(timed)
    story.plan.start()
    story.after(ZygoteStarted(1, 100, timed))
    assert story.after(Tick(), 6) == [Kill(100, "SIGKILL")]
    assert story.after(Died(100, "x")) == [Forget(1), Leave(22)]


def test_a_worker_that_says_it_cannot_serve_drops_the_generation() -> None:
    story = Story().serve()
    story.after(Asked(Meaning.RELOAD, 7))
    story.load(2)
    story.raise_worker(2, 1)
    story.after(Forked(2, 2, 202))
    actions = story.after(WorkerFailed(2, 2, 202, "GET /ready: 500", 1))
    assert Kill(201, "SIGHUP") in actions
    (answer,) = answers_of(actions)
    assert not answer.ok
    assert "GET /ready: 500" in answer.text


def test_such_a_worker_ends_a_first_start_and_no_running_server() -> None:
    story = Story()
    story.plan.start()
    story.load()
    story.after(Forked(1, 1, 101))
    story.after(WorkerFailed(1, 1, 101, "no app", 22))
    assert story.plan.phase is Phase.STOPPING
    assert story.plan.status == 22
    story = Story().serve()
    story.after(Died(101, "signal=SIGKILL"), 5)
    story.after(Forked(1, 1, 111))
    assert story.after(WorkerFailed(1, 1, 111, "no app", 22)) == []
    assert story.heard("worker=1 pid=111 is not ready: no app")


def test_a_chain_reload_replaces_one_worker_after_the_other() -> None:
    story = Story().serve()
    story.after(Asked(Meaning.CHAIN_RELOAD, 7))
    assert story.load(2) == [Fork(2, 1)]
    actions = story.raise_worker(2, 1)
    progress = Progress(7, "worker=1 of 2 is replaced")
    assert actions == [Kill(101, "SIGHUP"), progress, Fork(2, 2)]
    assert story.after(Died(101, "exit=17")) == []
    actions = story.raise_worker(2, 2)
    assert Kill(102, "SIGHUP") in actions
    assert Kill(100, "SIGKILL") in actions
    assert answers_of(actions) == []
    story.after(Died(100, "x"))
    assert story.after(Died(102, "exit=17")) == [
        Forget(1),
        Answer(7, True, "generation=2 serves"),
    ]


def test_a_chain_that_breaks_gives_the_old_generation_its_workers_back() -> None:
    story = Story().serve()
    story.after(Asked(Meaning.CHAIN_RELOAD, 7))
    story.load(2)
    story.raise_worker(2, 1)
    story.after(Died(101, "exit=17"))
    story.after(Forked(2, 2, 202))
    actions = story.after(Died(202, "signal=SIGSEGV"), 0.1)
    assert actions[:3] == [Kill(200, "SIGKILL"), Kill(201, "SIGHUP"), Fork(1, 1)]
    assert not answers_of(actions)[0].ok
    assert story.plan.current == 1


def test_a_snapshot_stays_asleep_and_is_restored() -> None:
    story = Story(SNAPSHOTS).serve()
    assert reloaded(story) == [Kill(101, "SIGHUP"), Kill(102, "SIGHUP")]
    story.leave(1)
    assert story.plan.generations[1].stage is Stage.ASLEEP
    assert story.after(Asked(Meaning.RESTORE, 9)) == [Fork(1, 1), Fork(1, 2)]
    story.after(Forked(1, 1, 111))
    story.after(Ready(1, 1, 111))
    story.after(Forked(1, 2, 112))
    actions = story.after(Ready(1, 2, 112))
    assert actions == [
        Kill(201, "SIGHUP"),
        Kill(202, "SIGHUP"),
    ]
    assert story.plan.current == 1
    assert answers_of(story.leave(2)) == [Answer(9, True, "generation=1 serves")]
    assert story.plan.generations[2].stage is Stage.ASLEEP
    assert story.after(Asked(Meaning.RESTORE)) == [Fork(2, 1), Fork(2, 2)]


def test_only_so_many_snapshots_are_kept() -> None:
    story = Story(SNAPSHOTS).serve()
    reloaded(story, 2)
    story.leave(1)
    actions = reloaded(story, 3)
    assert Kill(100, "SIGKILL") in actions
    assert story.after(Died(100, "signal=SIGKILL")) == [Forget(1)]
    story.leave(2)
    assert story.plan.generations[2].stage is Stage.ASLEEP


def test_there_may_be_nothing_to_restore() -> None:
    story = Story().serve()
    (answer,) = story.after(Asked(Meaning.RESTORE, 9))
    assert isinstance(answer, Answer)
    assert not answer.ok
    assert "snapshot" in answer.text
    story = Story(SNAPSHOTS).serve()
    reloaded(story)
    (answer,) = story.after(Asked(Meaning.RESTORE, 9, 5))
    assert isinstance(answer, Answer)
    assert answer.text == "no generation 5 to restore; kept: 1"


def test_a_snapshot_whose_zygote_dies_is_forgotten() -> None:
    story = Story(SNAPSHOTS).serve()
    reloaded(story)
    story.leave(1)
    assert story.after(Died(100, "signal=SIGKILL")) == [Forget(1)]
    assert story.heard("snapshot lost generation=1")
    assert not story.after(Asked(Meaning.RESTORE, 9))[0].ok  # type: ignore[union-attr]


def test_a_restored_generation_that_fails_sleeps_again() -> None:
    story = Story(SNAPSHOTS).serve()
    reloaded(story)
    story.leave(1)
    story.after(Asked(Meaning.RESTORE, 9))
    story.after(Forked(1, 1, 111))
    actions = story.after(Died(111, "signal=SIGSEGV"), 0.1)
    assert Kill(100, "SIGKILL") not in actions
    assert not answers_of(actions)[0].ok
    assert story.plan.current == 2
    assert story.plan.generations[1].stage is Stage.ASLEEP
    assert story.after(Asked(Meaning.RESTORE)) == [Fork(1, 1), Fork(1, 2)]


def test_a_restored_generation_whose_zygote_dies_is_dropped() -> None:
    story = Story(SNAPSHOTS).serve()
    reloaded(story)
    story.leave(1)
    story.after(Asked(Meaning.RESTORE, 9))
    actions = story.after(Died(100, "signal=SIGKILL"), 0.1)
    assert not answers_of(actions)[0].ok
    assert 1 not in story.plan.generations
    assert story.plan.current == 2


def test_the_end_takes_snapshots_along() -> None:
    story = Story(SNAPSHOTS).serve()
    reloaded(story)
    story.leave(1)
    assert set(story.after(Asked(Meaning.STOP))) == {
        Kill(100, "SIGKILL"),
        Kill(200, "SIGKILL"),
        Kill(201, "SIGTERM"),
        Kill(202, "SIGTERM"),
    }


def test_workers_come_and_go_when_asked() -> None:
    story = Story().serve()
    assert story.after(Signal("SIGTTIN")) == [Fork(1, 3)]
    story.raise_worker(1, 3)
    assert story.after(Signal("SIGTTOU")) == [Kill(103, "SIGHUP")]
    assert story.after(Died(103, "exit=17")) == []
    assert story.after(Asked(Meaning.SCALE, 5, 1)) == [
        Kill(102, "SIGHUP"),
        Answer(5, True, "workers=1"),
    ]
    (answer,) = story.after(Asked(Meaning.FEWER, 6))
    assert isinstance(answer, Answer)
    assert not answer.ok


def test_scaling_up_is_answered_when_the_workers_are_ready() -> None:
    story = Story().serve()
    assert story.after(Asked(Meaning.SCALE, 5, 3)) == [Fork(1, 3)]
    assert story.raise_worker(1, 3) == [Answer(5, True, "workers=3")]


def test_a_reload_keeps_the_number_that_was_asked_for() -> None:
    story = Story().serve()
    story.after(Asked(Meaning.SCALE, 0, 1))
    story.after(Asked(Meaning.RELOAD))
    assert story.load(2) == [Fork(2, 1)]


def test_a_size_beyond_what_there_is_room_for_is_refused() -> None:
    story = Story(replace(COMPATIBLE, most=4)).serve()
    (answer,) = story.after(Asked(Meaning.SCALE, 5, 5))
    assert isinstance(answer, Answer)
    assert not answer.ok
    assert "1 to 4" in answer.text


def test_cheaper_may_want_none() -> None:
    story = Story().serve()
    assert story.after(Resize(1, 0, "idle")) == [Kill(101, "SIGHUP"), Kill(102, "SIGHUP")]
    assert story.after(Resize(1, 1, "request")) == [Fork(1, 1, 1)]


def test_asked_to_be_cheap_it_lets_all_go() -> None:
    story = Story().serve()
    assert story.plan.heirs
    assert story.after(Asked(Meaning.CHEAP, 5)) == [
        Kill(101, "SIGHUP"),
        Kill(102, "SIGHUP"),
        Answer(5, True, "no workers until the next connection"),
    ]
    assert not story.plan.heirs


def test_a_generation_without_workers_serves_when_it_is_loaded() -> None:
    story = Story(replace(COMPATIBLE, workers=0))
    story.plan.start()
    assert story.load() == []
    assert story.plan.phase is Phase.SERVING


def test_the_workers_alone_are_replaced() -> None:
    story = Story().serve()
    assert story.after(Asked(Meaning.WORKERS_RELOAD, 5)) == [Fork(1, 1, 1), Fork(1, 2, 1)]
    story.after(Forked(1, 1, 111))
    assert story.after(Ready(1, 1, 111)) == [Kill(101, "SIGHUP")]
    story.after(Forked(1, 2, 112))
    actions = story.after(Ready(1, 2, 112))
    assert actions == [Kill(102, "SIGHUP"), Answer(5, True, "the workers are replaced")]


def test_the_workers_alone_are_replaced_brutally() -> None:
    story = Story().serve()
    assert story.after(Asked(Meaning.BRUTAL_WORKERS_RELOAD)) == [
        Kill(101, "SIGTERM"),
        Fork(1, 1, 1),
        Kill(102, "SIGTERM"),
        Fork(1, 2, 1),
    ]
    assert story.after(Tick(), 1.1) == [Kill(101, "SIGKILL"), Kill(102, "SIGKILL")]


def test_a_pause_is_a_toggle_and_new_workers_are_paused_too() -> None:
    story = Story().serve()
    assert story.after(Signal("SIGTSTP")) == [Kill(101, "SIGTSTP"), Kill(102, "SIGTSTP")]
    story.after(Died(102, "signal=SIGKILL"))
    assert Kill(112, "SIGTSTP") in story.after(Forked(1, 2, 112)) + story.after(Ready(1, 2, 112))
    assert story.after(Signal("SIGTSTP")) == [Kill(101, "SIGCONT"), Kill(112, "SIGCONT")]
    assert story.after(Asked(Meaning.SUSPEND, 4))[-1] == Answer(4, True, "paused")
    assert story.after(Asked(Meaning.SUSPEND, 4))[-1] == Answer(4, True, "paused")
    assert story.after(Asked(Meaning.RESUME, 4))[-1] == Answer(4, True, "resumed")


@pytest.mark.parametrize("meaning", [Meaning.RELOAD, Meaning.CHAIN_RELOAD, Meaning.RESTORE])
def test_a_pause_ends_with_the_generation_that_was_paused(meaning: Meaning) -> None:
    story = Story(SNAPSHOTS).serve()
    reloaded(story)
    story.leave(1)
    story.after(Signal("SIGTSTP"))
    story.after(Asked(meaning))
    number = 1 if meaning is Meaning.RESTORE else 3
    if number == 3:
        story.load(3)
    first = story.raise_worker(number, 1)
    # Not before it is known that the generation will serve.
    assert Kill(number * 100 + 1, "SIGTSTP") in first
    assert Kill(number * 100 + 1, "SIGCONT") not in first
    last = story.raise_worker(number, 2)
    assert {Kill(number * 100 + slot, "SIGCONT") for slot in (1, 2)} <= set(last)
    assert not story.plan.paused


def test_a_pause_outlasts_a_reload_that_fails_and_a_refork() -> None:
    story = Story(SNAPSHOTS).serve()
    story.after(Signal("SIGTSTP"))
    story.after(Asked(Meaning.RELOAD))
    story.after(ZygoteStarted(2, 200, SNAPSHOTS))
    story.after(LoadFailed(2, 200, "no module named x", 22))
    assert story.plan.paused
    story.after(Asked(Meaning.REFORK))
    assert Kill(302, "SIGCONT") not in story.bring_up(3)
    assert story.plan.current == 3
    assert story.plan.paused


@pytest.mark.parametrize(
    ("meaning", "name"), [(Meaning.RELOAD, "SIGHUP"), (Meaning.BRUTAL_RELOAD, "SIGTERM")]
)
def test_a_reload_may_be_an_end(meaning: Meaning, name: str) -> None:
    story = Story(replace(COMPATIBLE, exit_on_reload=True)).serve()
    assert story.after(Asked(meaning))[1:] == [Kill(101, name), Kill(102, name)]


def test_what_is_no_matter_of_the_plan_is_handed_on() -> None:
    story = Story().serve()
    assert story.after(Signal("SIGUSR1")) == [Perform(Meaning.STATISTICS)]
    assert story.after(Asked(Meaning.REOPEN, 3)) == [Perform(Meaning.REOPEN, 3)]


def test_a_touched_file_asks_for_what_it_is_there_for() -> None:
    story = Story().serve()
    assert story.after(Touched("a", Meaning.WORKERS_RELOAD)) == [Fork(1, 1, 1), Fork(1, 2, 1)]
    assert story.heard("touched=a action=workers-reload")


def serving_for_a_time() -> Story:
    story = Story(TIMED).serve()
    assert story.plan.deadline() is None
    return story


def test_a_worker_that_is_never_ready_is_replaced_where_the_server_serves() -> None:
    story = serving_for_a_time()
    assert story.after(Died(101, "signal=SIGKILL"), 5) == [Fork(1, 1)]
    story.after(Forked(1, 1, 111))
    assert story.after(Tick(), 29) == []
    assert story.after(Tick(), 2) == [Kill(111, "SIGKILL")]
    assert story.heard("worker=1 pid=111 killed: not ready after startup-timeout=30s")
    assert story.after(Died(111, "signal=SIGKILL")) == []
    assert story.after(Tick(), 1) == [Fork(1, 1)]
    story.after(Forked(1, 1, 121))
    story.after(Ready(1, 1, 121))
    assert story.plan.deadline() is None


def test_a_zygote_that_does_not_fork_is_replaced() -> None:
    story = serving_for_a_time()
    assert story.after(Died(101, "signal=SIGKILL"), 5) == [Fork(1, 1)]
    assert story.after(Tick(), 31) == [Kill(100, "SIGKILL")]
    assert story.after(Died(100, "signal=SIGKILL")) == [StartZygote(1, reload=False)]


def test_a_zygote_that_loads_for_ever_is_replaced() -> None:
    story = serving_for_a_time()
    assert story.after(Died(100, "signal=SIGKILL")) == [StartZygote(1, reload=False)]
    story.after(ZygoteStarted(1, 800, TIMED))
    assert story.after(Tick(), 31) == [Kill(800, "SIGKILL")]
    assert story.heard("zygote pid=800 killed: still loading after startup-timeout=30s")
    story.after(Died(800, "signal=SIGKILL"))
    story.after(ZygoteStarted(1, 900, TIMED))
    story.after(Loaded(1, 900))
    assert story.plan.deadline() is None
