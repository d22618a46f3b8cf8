"""When the workers of a server without requests go, and when they come back."""

import pytest

from quaich.master.slumber import Deed, Look, Rules, State, decide

IDLE = Rules(idle=3)


def deeds(rules: Rules, state: State, *looks: Look) -> list[str]:
    found = []
    for look in looks:
        state, deed = decide(rules, state, look)
        found.append(deed.value)
    return found


def test_after_the_time_without_a_request_it_sleeps() -> None:
    looks = [Look(float(second), 7) for second in range(5)]
    assert deeds(IDLE, State(), *looks) == ["nothing"] * 3 + ["sleep", "nothing"]


def test_a_server_that_just_started_has_its_time() -> None:
    assert decide(IDLE, State(), Look(10.0**6)) == (State(since=10.0**6), Deed.NOTHING)


@pytest.mark.parametrize(
    "look",
    [Look(3.5, requests=8), Look(3.5, requests=7, running=1), Look(3.5, requests=7, waiting=True)],
    ids=["answered", "running", "waiting"],
)
def test_what_happens_starts_the_time_again(look: Look) -> None:
    state = State(since=0.0, requests=7)
    after, deed = decide(IDLE, state, look)
    assert deed is Deed.NOTHING
    assert after == State(since=3.5, requests=look.requests)


def test_without_the_option_it_never_sleeps() -> None:
    assert deeds(Rules(), State(), Look(0.0), Look(10.0**9)) == ["nothing", "nothing"]


def test_a_connection_wakes_it() -> None:
    state, deed = decide(IDLE, State(asleep=True), Look(9.0, workers=False))
    assert deed is Deed.NOTHING
    assert state.asleep
    state, deed = decide(IDLE, state, Look(10.0, waiting=True, workers=False))
    assert deed is Deed.WAKE
    assert state == State(since=10.0)


def test_workers_that_somebody_else_brought_count_as_awake() -> None:
    assert decide(IDLE, State(asleep=True), Look(9.0)) == (State(since=9.0), Deed.NOTHING)


def test_die_on_idle_is_said_once() -> None:
    looks = [Look(0.0), Look(3.0), Look(4.0), Look(5.9), Look(6.0)]
    assert deeds(Rules(idle=3, die=True), State(), *looks) == [
        *("nothing", "die", "nothing", "nothing", "die")
    ]
