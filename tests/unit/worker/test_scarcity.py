"""Who makes room, and in which order."""

from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from quaich.worker.connection import BODY, HEAD, LINGER, REPLY
from quaich.worker.scarcity import LEAST_PAUSE, PAUSE, Timeouts, choose, threshold

NOW = 1000.0
TIMEOUTS = Timeouts(60.0, 30.0, 20.0, 3.0)
_numbers = count()


def conn(state: int, waited: float, *, http: bool = True, **more: Any) -> Any:
    """A connection for which nothing has come for that long."""
    timeout = TIMEOUTS.linger if state == LINGER else TIMEOUTS[0 if http else 1]
    made = {
        "state": state,
        "deadline": NOW - waited + timeout,
        "heard": NOW - waited,
        "body_began": NOW - waited,
        "body_size": 0,
        "http": http,
        "served": 0,
        "buffer": b"",
        "number": next(_numbers),
    }
    return SimpleNamespace(**{**made, **more})


def idle(waited: float) -> Any:
    return conn(HEAD, waited, served=1, deadline=NOW - waited + TIMEOUTS.idle)


def chosen(*conns: Any) -> list[Any]:
    return choose(conns, NOW, TIMEOUTS)[0]


def test_kinds_have_an_order() -> None:
    kept = idle(0.1)
    head = conn(HEAD, 9.0, buffer=b"GET")
    refused = conn(LINGER, 2.0)
    body = conn(BODY, 9.0)
    reply = conn(REPLY, 9.0)
    left = [reply, body, refused, head, kept]
    while left:
        assert chosen(*left) == [left.pop()]


@pytest.mark.parametrize("http", [True, False])
@pytest.mark.parametrize(
    ("state", "enough", "little"), [(HEAD, 0.1, 0.05), (LINGER, 0.1, 0.05), (BODY, 0.5, 0.4)]
)
def test_little_patience_where_nobody_is_late(
    state: int, enough: float, little: float, http: bool
) -> None:
    late, reply = conn(state, enough + 0.01, http=http), conn(REPLY, 5.1)
    assert chosen(late, reply) == [reply]
    assert chosen(late, conn(REPLY, 1.0)) == [late]
    assert chosen(conn(state, little, http=http)) == []


def test_a_reply_has_some_seconds() -> None:
    assert chosen(conn(REPLY, 1.9)) == []
    assert chosen(slow := conn(REPLY, 2.1)) == [slow]


def test_a_body_has_to_go_on() -> None:
    """What came fast gives no right to stop, and what comes too slowly is as if it did not come."""
    stopped = conn(BODY, 9.0, body_size=1_000_000, heard=NOW - 1.0)
    dripping = conn(BODY, 9.0, body_size=4_000, heard=NOW)
    coming = conn(BODY, 9.0, body_size=5_000, heard=NOW - 0.1)
    assert chosen(coming, stopped) == [stopped]
    assert chosen(coming, dripping) == [dripping]
    assert chosen(coming) == []


def test_who_was_just_parked_is_left_alone() -> None:
    assert chosen(idle(0.04)) == []


def test_the_oldest_first_and_several_at_once() -> None:
    few = [idle(seconds) for seconds in (1.0, 3.0, 2.0, 4.0)]
    assert chosen(*few) == [few[3], few[1]]
    assert len(chosen(*(idle(1.0) for _ in range(40)))) == 8
    many = [idle(1.0 + number) for number in range(100)]
    assert chosen(*many) == many[:-13:-1]


def test_when_to_look_again() -> None:
    assert choose([], NOW, TIMEOUTS) == ([], PAUSE)
    assert choose([conn(REPLY, 1.7)], NOW, TIMEOUTS)[1] == pytest.approx(0.3)
    assert choose([conn(REPLY, 0.0), conn(HEAD, 0.09)], NOW, TIMEOUTS)[1] == LEAST_PAUSE
    assert choose([conn(REPLY, 0.0)], NOW, TIMEOUTS)[1] == PAUSE
    many = [conn(HEAD, 0.09) for _ in range(10_000)]
    assert choose(many, NOW, TIMEOUTS)[1] == pytest.approx(0.1)


def test_some_are_kept_back() -> None:
    assert threshold(64) == 56
    assert threshold(1024) == 992
    assert threshold(3) == 3
