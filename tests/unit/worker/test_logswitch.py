"""Going over to another log file when a signal says so, and what a worker prints."""

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from quaich.log import board
from quaich.worker import logswitch


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    before = signal.getsignal(logswitch.SIGNAL)
    yield
    signal.signal(logswitch.SIGNAL, before)


def test_everything_is_done_in_its_order() -> None:
    done: list[str] = []
    act = logswitch.listen(lambda: done.append("one"), lambda: done.append("two"))
    assert done == []
    signal.raise_signal(logswitch.SIGNAL)
    assert done == ["one", "two"]
    act()
    assert done == ["one", "two"] * 2


def test_what_was_posted_before_is_taken_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[Any] = []
    monkeypatch.setattr(board, "take", taken.append)
    take = logswitch.follow(7)
    assert taken == [7]
    signal.raise_signal(logswitch.SIGNAL)
    take()
    assert taken == [7, 7, 7]
