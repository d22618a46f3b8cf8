"""The plan, as data: a story of events, and the actions each one leads to."""

import pytest

from quaich.master.generation import Post, Stage
from quaich.master.plan import Phase
from quaich.master.vocabulary import (
    Action,
    Breach,
    Died,
    Event,
    Forget,
    Fork,
    Forked,
    ForkFailed,
    Kill,
    Leave,
    Limits,
    Loaded,
    LoadFailed,
    Policy,
    Ready,
    Shown,
    Signal,
    StartFailed,
    StartZygote,
    Tick,
    Touched,
    Verdict,
    ZygoteStarted,
    meanings,
)
from tests.unit.master.story import COMPATIBLE, DIE_ON_TERM, MODERN, Story


def test_a_start_loads_then_forks_every_worker() -> None:
    story = Story()
    assert story.plan.start() == [StartZygote(1, reload=False)]
    assert story.after(ZygoteStarted(1, 100, COMPATIBLE)) == []
    assert story.after(Loaded(1, 100)) == [Fork(1, 1), Fork(1, 2)]
    assert story.raise_worker(1, 1) == []
    assert story.plan.phase is Phase.STARTING
    assert story.raise_worker(1, 2) == []
    assert story.plan.phase is Phase.SERVING
    assert story.heard("worker=2 pid=102 ready generation=1")
    assert story.plan.deadline() is None


@pytest.mark.parametrize("status", [22, 1])
def test_a_first_generation_without_application_ends_the_server(status: int) -> None:
    story = Story()
    story.plan.start()
    story.after(ZygoteStarted(1, 100, COMPATIBLE))
    assert story.after(LoadFailed(1, 100, "no module", status)) == [Kill(100, "SIGKILL")]
    assert story.after(Died(100, "exit=22")) == [Forget(1), Leave(status)]


def test_a_zygote_that_dies_while_loading_the_first_time_ends_the_server() -> None:
    story = Story()
    story.plan.start()
    story.after(ZygoteStarted(1, 100, COMPATIBLE))
    assert story.after(Died(100, "signal=SIGSEGV")) == [Forget(1), Leave(22)]
    assert story.heard("signal=SIGSEGV")


def test_a_zygote_that_cannot_be_started_ends_the_server() -> None:
    story = Story()
    story.plan.start()
    assert story.after(StartFailed(1, "out of memory")) == [Leave(1)]


def test_a_worker_that_lived_is_replaced_at_once() -> None:
    story = Story().serve()
    assert story.after(Died(101, "signal=SIGSEGV"), 3.2) == [Fork(1, 1)]
    assert story.heard("worker=1 pid=101 died signal=SIGSEGV after=13.2s generation=1")


def test_a_worker_that_dies_at_once_is_replaced_after_a_growing_pause() -> None:
    story = Story().serve()
    assert story.after(Died(101, "exit=1")) == [Fork(1, 1)]
    pauses = []
    for _ in range(9):
        story.after(Forked(1, 1, 101))
        assert story.after(Died(101, "exit=1"), 0.1) == []
        deadline = story.plan.deadline()
        assert deadline is not None
        pauses.append(deadline - story.now)
        assert story.after(Tick(), pauses[-1] - 0.01) == []
        assert story.after(Tick(), 0.02) == [Fork(1, 1)]
    assert pauses == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60, 60])


def test_a_loop_of_requests_that_kill_stops_the_service_for_a_moment_only() -> None:
    story = Story().serve()
    assert story.after(Died(101, "signal=SIGSEGV")) == [Fork(1, 1)]
    pauses = []
    for _ in range(8):
        story.after(Forked(1, 1, 101))
        story.after(Ready(1, 1, 101))
        made = story.after(Died(101, "signal=SIGSEGV"), 0.1)
        deadline = story.plan.deadline()
        pauses.append(0.0 if made else (deadline or 1e9) - story.now)
        if not made:
            assert story.after(Tick(), pauses[-1] + 0.01) == [Fork(1, 1)]
    assert pauses == pytest.approx([0, 0.1, 0.2, 0.25, 0.25, 0.25, 0.25, 0.25])


def test_a_long_life_ends_the_pauses() -> None:
    story = Story().serve()
    story.after(Died(101, "exit=1"))
    story.after(Forked(1, 1, 101))
    story.after(Died(101, "exit=1"), 0.1)
    story.after(Tick(), 1.0)
    story.raise_worker(1, 1)
    assert story.after(Died(101, "exit=1"), 5.0) == [Fork(1, 1)]


def test_a_load_that_takes_its_time_before_it_crashes_is_paused_for_as_well() -> None:
    story = Story().serve()
    story.after(Died(101, "exit=1"))
    pauses = []
    for _ in range(3):
        story.after(Forked(1, 1, 101))
        assert story.after(Died(101, "signal=SIGSEGV"), 5.0) == []
        pauses.append((story.plan.deadline() or 0.0) - story.now)
        assert story.after(Tick(), pauses[-1]) == [Fork(1, 1)]
    assert pauses == [1, 2, 4]


@pytest.mark.parametrize("how", ["exit=0", "exit=3", "exit=17", "exit=22", "exit=30"])
def test_no_exit_code_of_a_worker_means_anything(how: str) -> None:
    story = Story().serve()
    assert story.after(Died(102, how)) == [Fork(1, 2)]
    assert story.plan.phase is Phase.SERVING


def test_a_fork_that_fails_is_tried_again_after_a_pause() -> None:
    story = Story().serve()
    story.after(Died(101, "exit=1"))
    assert story.after(ForkFailed(1, 1, "no memory")) == []
    assert story.plan.deadline() == story.now + 1
    assert story.after(Tick(), 1.0) == [Fork(1, 1)]


def test_a_lost_zygote_is_replaced_while_the_workers_serve_on() -> None:
    story = Story().serve()
    assert story.after(Died(100, "signal=SIGKILL")) == [StartZygote(1, reload=False)]
    assert story.after(Died(101, "exit=1")) == []
    story.after(ZygoteStarted(1, 900, COMPATIBLE))
    assert story.after(Loaded(1, 900)) == [Fork(1, 1)]
    assert story.raise_worker(1, 1) == []
    assert story.plan.generations[1].workers[2].post is Post.READY


def test_a_fork_asked_of_a_zygote_that_dies_is_asked_of_the_next() -> None:
    story = Story().serve()
    assert story.after(Died(101, "exit=1")) == [Fork(1, 1)]
    assert story.after(Died(100, "signal=SIGKILL")) == [StartZygote(1, reload=False)]
    story.after(ZygoteStarted(1, 900, COMPATIBLE))
    assert story.after(Loaded(1, 900)) == [Fork(1, 1)]


def test_a_replaced_zygote_that_cannot_load_is_tried_again_after_pauses() -> None:
    story = Story().serve()
    story.after(Died(100, "signal=SIGKILL"))
    for pause in (1, 2, 4):
        story.after(ZygoteStarted(1, 900, COMPATIBLE))
        assert story.after(LoadFailed(1, 900, "syntax error", 22), 5.0) == []
        assert story.after(Died(900, "exit=22")) == []
        assert story.after(Tick(), pause) == [StartZygote(1, reload=False)]
    assert story.plan.phase is Phase.SERVING


def test_a_reload_replaces_the_generation_only_when_the_new_one_is_ready() -> None:
    story = Story().serve()
    assert story.after(Signal("SIGHUP")) == [StartZygote(2, reload=True)]
    assert story.load(2) == [Fork(2, 1), Fork(2, 2)]
    assert story.raise_worker(2, 1) == []
    assert story.raise_worker(2, 2) == [
        Kill(100, "SIGKILL"),
        Kill(101, "SIGHUP"),
        Kill(102, "SIGHUP"),
    ]
    assert story.plan.deadline() == story.now + 60
    assert story.after(Died(100, "signal=SIGKILL")) == []
    assert story.after(Died(101, "exit=17"), 2) == []
    assert story.after(Died(102, "exit=17"), 2) == [Forget(1)]
    assert story.heard("worker=1 pid=101 left exit=17 after=12.0s generation=1")
    assert story.plan.current == 2


def test_a_worker_that_does_not_leave_is_killed() -> None:
    story = Story().serve()
    story.after(Signal("SIGHUP"))
    story.bring_up(2)
    story.after(Died(102, "exit=17"))
    assert story.after(Tick(), 59.9) == []
    assert story.after(Tick(), 0.2) == [Kill(101, "SIGKILL")]
    assert story.after(Tick(), 100) == []


def test_a_brutal_reload_tells_the_old_workers_to_leave_at_once() -> None:
    story = Story().serve()
    story.after(Signal("SIGTERM"))
    assert Kill(102, "SIGTERM") in story.bring_up(2)


@pytest.mark.parametrize(
    "event",
    [
        LoadFailed(2, 200, "syntax error", 22),
        Died(200, "signal=SIGSEGV"),
    ],
)
def test_a_new_generation_that_cannot_load_is_dropped(event: Event) -> None:
    story = Story().serve()
    story.after(Signal("SIGHUP"))
    story.after(ZygoteStarted(2, 200, COMPATIBLE))
    story.after(event)
    story.after(Died(200, "exit=22"))
    assert set(story.plan.generations) == {1}
    assert story.plan.generations[1].stage is Stage.SERVING
    assert story.heard("generation=2 dropped, generation=1 serves on")
    assert story.after(Signal("SIGHUP")) == [StartZygote(3, reload=True)]


def test_a_new_generation_whose_worker_dies_before_all_are_ready_is_dropped() -> None:
    story = Story().serve()
    story.after(Signal("SIGHUP"))
    story.load(2)
    story.raise_worker(2, 1)
    story.after(Forked(2, 2, 202))
    # The first one may be serving a request already: it is asked, not killed.
    assert story.after(Died(202, "exit=1")) == [Kill(200, "SIGKILL"), Kill(201, "SIGHUP")]
    story.after(Died(201, "exit=17"))
    assert story.after(Died(200, "signal=SIGKILL")) == [Forget(2)]
    assert story.plan.phase is Phase.SERVING


def test_a_configuration_that_is_refused_leaves_everything_as_it_is() -> None:
    story = Story().serve()
    story.after(Signal("SIGHUP"))
    assert story.after(StartFailed(2, "site.ini:3: no such option")) == []
    assert story.heard("reload refused, generation=1 serves on: site.ini:3: no such option")


def test_reloads_during_a_reload_become_one_more() -> None:
    story = Story().serve()
    assert story.after(Signal("SIGHUP")) == [StartZygote(2, reload=True)]
    for _ in range(5):
        assert story.after(Signal("SIGHUP")) == []
    assert StartZygote(3, reload=True) in story.bring_up(2)
    assert not [a for a in story.bring_up(3) if isinstance(a, StartZygote)]


def test_a_reload_before_the_first_generation_is_ready_comes_after_it() -> None:
    story = Story()
    story.plan.start()
    story.load()
    assert story.after(Signal("SIGHUP")) == []
    story.raise_worker(1, 1)
    assert story.raise_worker(1, 2) == [StartZygote(2, reload=True)]


def test_stop_ends_everything_within_a_bounded_time() -> None:
    story = Story().serve()
    assert story.after(Signal("SIGINT")) == [
        Kill(100, "SIGKILL"),
        Kill(101, "SIGTERM"),
        Kill(102, "SIGTERM"),
    ]
    story.after(Died(100, "signal=SIGKILL"))
    story.after(Died(102, "exit=30"))
    assert story.after(Tick(), 1.0) == [Kill(101, "SIGKILL")]
    assert story.after(Died(101, "signal=SIGKILL")) == [Forget(1), Leave(0)]
    assert story.plan.phase is Phase.OVER


def test_stop_during_a_reload_ends_both_generations() -> None:
    story = Story().serve()
    story.after(Signal("SIGHUP"))
    story.load(2)
    story.raise_worker(2, 1)
    actions = story.after(Signal("SIGINT"))
    assert {a.pid for a in actions if isinstance(a, Kill)} == {100, 101, 102, 200, 201}
    # A fork that was under way when its zygote was killed.
    assert story.after(Forked(2, 2, 202)) == [Kill(202, "SIGKILL")]
    for pid in (100, 101, 102, 200, 201):
        assert Leave(0) not in story.after(Died(pid, "exit=30"))
    assert story.after(Died(202, "signal=SIGKILL")) == [Forget(2), Leave(0)]


def test_nothing_is_replaced_while_stopping() -> None:
    story = Story().serve()
    story.after(Died(102, "exit=1"))
    story.after(Forked(1, 2, 102))
    story.after(Died(102, "exit=1"))
    story.after(Signal("SIGINT"))
    assert story.after(Tick(), 100) == [Kill(101, "SIGKILL")]
    story.after(Died(101, "exit=30"))
    assert story.after(Died(100, "exit=30")) == [Forget(1), Leave(0)]


def test_a_drain_waits_for_the_requests_and_a_second_signal_does_not() -> None:
    story = Story(MODERN).serve()
    assert story.after(Signal("SIGTERM")) == [
        Kill(100, "SIGKILL"),
        Kill(101, "SIGHUP"),
        Kill(102, "SIGHUP"),
    ]
    story.after(Died(100, "signal=SIGKILL"))
    assert story.plan.deadline() == story.now + 60
    assert story.after(Signal("SIGHUP")) == []
    assert story.after(Signal("SIGTERM")) == [Kill(101, "SIGTERM"), Kill(102, "SIGTERM")]
    assert story.plan.deadline() == story.now + 1


def test_a_message_of_the_wrong_process_changes_nothing() -> None:
    story = Story()
    story.plan.start()
    story.after(ZygoteStarted(1, 100, COMPATIBLE))
    assert story.after(Loaded(1, 999)) == []
    story.after(Loaded(1, 100))
    story.after(Forked(1, 1, 101))
    story.after(Ready(1, 1, 999))
    story.after(Ready(1, 7, 101))
    story.after(Ready(9, 1, 101))
    assert story.plan.generations[1].workers[1].post is Post.STARTED
    assert story.after(Died(999, "exit=0")) == []
    # A worker nobody asked for is not left alone with the sockets.
    assert story.after(Forked(1, 1, 555)) == [Kill(555, "SIGKILL")]


@pytest.mark.parametrize(
    ("policy", "signal", "phase", "reloads"),
    [
        (COMPATIBLE, "SIGHUP", Phase.SERVING, True),
        (COMPATIBLE, "SIGTERM", Phase.SERVING, True),
        (COMPATIBLE, "SIGINT", Phase.STOPPING, False),
        (COMPATIBLE, "SIGQUIT", Phase.STOPPING, False),
        (COMPATIBLE, "SIGUSR1", Phase.SERVING, False),
        (DIE_ON_TERM, "SIGHUP", Phase.SERVING, True),
        (DIE_ON_TERM, "SIGTERM", Phase.STOPPING, False),
        (DIE_ON_TERM, "SIGINT", Phase.STOPPING, False),
        (DIE_ON_TERM, "SIGQUIT", Phase.SERVING, True),
        (MODERN, "SIGHUP", Phase.SERVING, True),
        (MODERN, "SIGTERM", Phase.DRAINING, False),
        (MODERN, "SIGINT", Phase.DRAINING, False),
        (MODERN, "SIGQUIT", Phase.STOPPING, False),
    ],
)
def test_every_signal_of_every_door(
    policy: Policy, signal: str, phase: Phase, reloads: bool
) -> None:
    story = Story(policy).serve()
    actions = story.after(Signal(signal))
    assert story.plan.phase is phase
    assert (StartZygote(2, reload=True) in actions) is reloads


def test_the_number_of_workers_may_change_in_a_reload() -> None:
    story = Story().serve()
    story.after(Signal("SIGHUP"))
    story.policy = Policy(3, COMPATIBLE.signals)
    assert story.load(2) == [Fork(2, 1), Fork(2, 2), Fork(2, 3)]


def breach(slot: int, verdict: Verdict = Verdict.RECYCLE, pid: int | None = None) -> Breach:
    return Breach(1, slot, pid or 100 + slot, verdict, "because=1")


def relieve(story: Story, slot: int, pid: int, seat: int = 1) -> list[Action]:
    """Recycle a worker, up to where its relief is ready."""
    assert story.after(breach(slot, pid=story.plan.generations[1].workers[slot].pid)) == [
        Fork(1, slot, seat)
    ]
    assert story.after(Forked(1, slot, pid)) == []
    return story.after(Ready(1, slot, pid))


def test_a_recycled_worker_leaves_when_its_relief_is_ready() -> None:
    story = Story().serve()
    assert relieve(story, 1, 900) == [Kill(101, "SIGHUP")]
    assert story.heard("worker=1 pid=101 recycled because=1 generation=1")
    assert story.heard("worker=1 pid=900 ready generation=1")
    assert story.after(Died(101, "exit=17"), 1.0) == []
    assert story.heard("worker=1 pid=101 left exit=17")
    # The seat is free again for the next.
    assert relieve(story, 1, 901, seat=0) == [Kill(900, "SIGHUP")]


def test_a_worker_is_recycled_once_however_often_it_is_seen() -> None:
    story = Story().serve()
    assert story.after(breach(1)) == [Fork(1, 1, 1)]
    assert story.after(breach(1), 1.0) == []
    story.after(Forked(1, 1, 900))
    assert story.after(breach(1), 1.0) == []
    assert story.after(Ready(1, 1, 900)) == [Kill(101, "SIGHUP")]
    assert story.after(breach(1), 1.0) == []


def test_a_recycled_worker_that_stays_is_killed_and_takes_no_other_along() -> None:
    policy = Policy(2, meanings("compatible", False), mercy=5.0, worker_mercy=7.0)
    story = Story(policy).serve()
    relieve(story, 1, 900)
    # Both seats are taken, so the relief itself cannot be relieved yet.
    assert story.after(breach(1, pid=900), 1.0) == []
    assert story.after(Tick(), 5.9) == []
    assert story.after(Tick(), 0.2) == [Kill(101, "SIGKILL")]
    # For that the relief of the relief has waited.
    assert story.after(Died(101, "signal=SIGKILL")) == [Fork(1, 1, 0)]
    assert story.after(breach(1, pid=900)) == []


def test_a_relief_that_dies_is_tried_again_and_the_worker_serves_on() -> None:
    story = Story().serve()
    story.after(breach(1))
    story.after(Forked(1, 1, 900))
    assert story.after(Died(900, "signal=SIGSEGV"), 0.1) == []
    assert story.heard("worker=1 pid=900 died signal=SIGSEGV after=0.1s generation=1; another")
    assert story.after(Tick(), 1.1) == [Fork(1, 1, 1)]
    story.after(Forked(1, 1, 901))
    assert story.after(Ready(1, 1, 901)) == [Kill(101, "SIGHUP")]


def test_a_worker_that_dies_before_its_relief_is_ready_is_followed_by_it() -> None:
    story = Story().serve()
    story.after(breach(1))
    story.after(Forked(1, 1, 900))
    assert story.after(Died(101, "signal=SIGSEGV"), 0.1) == []
    assert story.after(Ready(1, 1, 900)) == []
    assert story.after(Died(900, "signal=SIGSEGV"), 5.0) == [Fork(1, 1)]


def test_a_relief_that_cannot_be_forked_is_tried_again() -> None:
    story = Story().serve()
    story.after(breach(1))
    assert story.after(ForkFailed(1, 1, "no memory")) == []
    assert story.after(Tick(), 1.1) == [Fork(1, 1, 1)]


def test_a_relief_waits_for_a_zygote() -> None:
    story = Story().serve()
    story.after(breach(1))
    story.after(Died(100, "signal=SIGKILL"))
    story.after(ZygoteStarted(1, 800, COMPATIBLE))
    assert story.after(Loaded(1, 800)) == [Fork(1, 1, 1)]


def test_harakiri_shows_the_stacks_then_kills_and_replaces_at_once() -> None:
    story = Story().serve()
    assert story.after(breach(1, Verdict.HARAKIRI)) == [
        Kill(101, "SIGUSR2"),
        Kill(101, "SIGHUP"),
        Fork(1, 1, 1),
    ]
    assert story.heard("worker=1 pid=101 harakiri because=1")
    assert story.after(breach(1, Verdict.HARAKIRI)) == []
    story.after(Forked(1, 1, 900))
    story.after(Ready(1, 1, 900))
    story.after(Shown(1, 1, 101))
    assert story.after(Tick(), 0.5) == [Kill(101, "SIGKILL")]
    assert story.heard("worker=1 pid=101 killed: harakiri")
    assert story.after(Died(101, "signal=SIGKILL")) == []


def test_harakiri_of_a_worker_that_cannot_show_its_stacks_has_them_read_from_outside() -> None:
    story = Story().serve()
    story.after(breach(1, Verdict.HARAKIRI))
    # Another's, or of a generation that is not there.
    story.after(Shown(1, 2, 102))
    story.after(Shown(7, 1, 101))
    assert story.after(Tick(), 0.5) == [Kill(101, "SIGPWR")]
    assert story.after(Tick(), 0.1) == []
    assert story.after(Tick(), 0.2) == [Kill(101, "SIGKILL")]
    assert story.heard("worker=1 pid=101 killed: harakiri")


def test_harakiri_of_a_worker_whose_other_seat_is_taken_waits_for_it() -> None:
    story = Story().serve()
    relieve(story, 1, 900)
    assert story.after(breach(1, Verdict.HARAKIRI, 900), 5.0) == [
        Kill(900, "SIGUSR2"),
        Kill(900, "SIGHUP"),
    ]
    assert story.after(Died(900, "signal=SIGKILL"), 0.5) == [Fork(1, 1, 1)]


def test_harakiri_of_a_worker_that_leaves_is_not_replaced() -> None:
    story = Story().serve()
    relieve(story, 1, 900)
    assert story.after(breach(1, Verdict.HARAKIRI, 101)) == [
        Kill(101, "SIGUSR2"),
        Kill(101, "SIGHUP"),
    ]
    story.after(Shown(1, 1, 101))
    assert story.after(Tick(), 0.5) == [Kill(101, "SIGKILL")]
    assert story.after(Died(101, "signal=SIGKILL")) == []


def test_harakiri_promotes_a_relief() -> None:
    story = Story().serve()
    story.after(breach(1))
    assert story.after(breach(1, Verdict.HARAKIRI)) == [Kill(101, "SIGUSR2"), Kill(101, "SIGHUP")]
    story.after(Forked(1, 1, 900))
    assert story.after(Ready(1, 1, 900)) == []


def test_an_evil_limit_kills_at_once() -> None:
    story = Story().serve()
    assert story.after(breach(2, Verdict.KILL)) == [Kill(102, "SIGKILL"), Fork(1, 2, 1)]
    assert story.after(Died(102, "signal=SIGKILL")) == []


def test_a_worker_that_is_over_its_limit_from_birth_is_replaced_after_a_growing_pause() -> None:
    story = Story().serve()
    story.after(breach(2, Verdict.KILL))
    story.after(Died(102, "signal=SIGKILL"))
    for pid, pause in ((900, 1.0), (901, 2.0), (902, 4.0)):
        story.after(Forked(1, 2, pid))
        story.after(Ready(1, 2, pid))
        assert story.after(breach(2, Verdict.KILL, pid), 0.5) == [Kill(pid, "SIGKILL")]
        story.after(Died(pid, "signal=SIGKILL"))
        assert story.after(Tick(), pause - 0.1) == []
        (fork,) = story.after(Tick(), 0.2)
        assert isinstance(fork, Fork)


def test_a_reload_takes_relief_and_outgoing_along() -> None:
    story = Story().serve()
    relieve(story, 1, 900)
    story.after(breach(2))
    story.after(Forked(1, 2, 901))
    story.after(Signal("SIGHUP"))
    killed = story.bring_up(2)
    assert set(killed) == {
        Kill(100, "SIGKILL"),
        Kill(900, "SIGHUP"),
        Kill(102, "SIGHUP"),
        Kill(901, "SIGHUP"),
    }
    for pid in (100, 101, 102, 900):
        assert story.after(Died(pid, "exit=17")) == []
    assert story.after(Died(901, "exit=17")) == [Forget(1)]


def test_nothing_is_recycled_while_the_server_ends() -> None:
    story = Story(MODERN).serve()
    story.after(Signal("SIGTERM"))
    assert story.after(breach(1)) == []
    assert story.after(breach(1, Verdict.HARAKIRI)) == [Kill(101, "SIGUSR2"), Kill(101, "SIGHUP")]
    story.after(Shown(1, 1, 101))
    assert story.after(Tick(), 0.5) == [Kill(101, "SIGKILL")]


def test_a_breach_of_somebody_who_is_gone_is_nothing() -> None:
    story = Story().serve()
    assert story.after(breach(1, Verdict.HARAKIRI, 4711)) == []
    assert story.after(Breach(7, 1, 101, Verdict.KILL, "x")) == []


def test_a_touch_reloads_once_however_often() -> None:
    story = Story().serve()
    assert story.after(Touched("a.ini, b")) == [StartZygote(2, reload=True)]
    assert story.heard("touched=a.ini, b action=reload")
    assert story.after(Touched("a.ini")) == []
    assert story.after(Touched("a.ini")) == []
    assert StartZygote(3, reload=True) in story.bring_up(2)


def test_a_touch_while_the_server_ends_is_nothing() -> None:
    story = Story(MODERN).serve()
    story.after(Signal("SIGTERM"))
    assert story.after(Touched("a.ini")) == []


def warning(since: float) -> Breach:
    return Breach(1, 1, 101, Verdict.WARN, "core=0 age=1.0s", since)


def test_a_worker_is_warned_once_for_each_request() -> None:
    policy = Policy(2, COMPATIBLE.signals, limits=Limits(harakiri_signal="SIGUSR1"))
    story = Story(policy).serve()
    told = [Kill(101, "SIGUSR2"), Kill(101, "SIGUSR1")]
    assert story.after(warning(7.0)) == told
    assert story.heard("worker=1 pid=101 graceful harakiri core=0 age=1.0s")
    assert story.after(warning(7.0), 1.0) == []
    assert story.after(warning(9.0), 1.0) == told
    # It serves on, unless it dies of that.
    assert story.plan.generations[1].workers[1].post is Post.READY
    assert story.after(Died(101, "exit=30")) == [Fork(1, 1, 0)]
    assert story.after(warning(9.0)) == []
