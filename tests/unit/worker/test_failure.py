"""Whose exception it is, by its traceback."""

import os
import sys
from typing import Any

import pytest

from quaich.errors import ApplicationError
from quaich.sys.io import receive
from quaich.worker.failure import Failures, raised_by_us, shown
from tests.support.desk import desk
from tests.support.logs import Lines


def test_of_a_handler() -> None:
    with pytest.raises(RuntimeError) as caught:
        raise RuntimeError
    assert not raised_by_us(caught.value)


def test_of_the_server() -> None:
    assert raised_by_us(OSError(9, "never raised"))
    with pytest.raises(OSError) as caught:
        receive(10**6, 1)
    assert raised_by_us(caught.value)


class Ended(BaseException):
    pass


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (None, 1, "was forked by the application and came back"),
        (SystemExit(), 0, ""),
        (SystemExit(3), 3, ""),
        (SystemExit(-1), 255, ""),
        (SystemExit("no more"), 1, "no more"),
        (ValueError("mine"), 1, "ValueError: mine"),
    ],
)
@pytest.mark.parametrize("closed", [False, True])
def test_a_process_that_comes_back_ends_as_python_does(
    error: BaseException | None,
    status: int,
    said: str,
    closed: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended: list[int] = []

    def end(status: int) -> None:
        ended.append(status)
        raise Ended

    class Closed:
        def flush(self) -> None:
            raise ValueError("I/O operation on closed file")

    monkeypatch.setattr(os, "_exit", end)
    if closed:
        monkeypatch.setattr("sys.stdout", Closed())
    log = Lines()
    with pytest.raises(Ended):
        Failures(log).end_astray(error)
    assert ended == [status]
    assert said in log.text
    assert bool(said) == bool(log.lines)


def test_an_exception_that_cannot_be_looked_at() -> None:
    """Its attributes and its text are the application's own code."""

    class Evil(Exception):
        @property
        def __traceback__(self) -> Any:
            raise ValueError("not this")

        @property
        def __cause__(self) -> Any:
            raise SystemExit("nor this")

        @property
        def __class__(self) -> Any:
            raise KeyboardInterrupt("nor that")

        def __str__(self) -> str:
            raise Ended

    def application() -> None:
        raise Evil

    log = Lines()
    error: BaseException | None = None
    try:
        application()
    except BaseException as caught:
        error = caught
    assert error is not None
    with desk(None) as here:
        Failures(log).raised(here.conn, error, "the application raised")
    assert not raised_by_us(error)
    said = shown(error)
    for text in (log.text, said):
        assert "in application" in text
        assert "Evil'> (it raises itself when it is shown)" in text


def test_an_exception_from_too_deep_is_shown_in_part() -> None:
    def deeper(depth: int) -> int:
        if depth == 0:
            raise ValueError("at the bottom")
        return deeper(depth - 1) if depth % 2 else sideways(depth - 1)

    def sideways(depth: int) -> int:
        return deeper(depth)

    before = sys.getrecursionlimit()
    sys.setrecursionlimit(20000)
    error: BaseException | None = None
    try:
        deeper(8000)
    except ValueError as caught:
        error = caught
    finally:
        sys.setrecursionlimit(before)
    assert error is not None
    said = shown(error)
    assert said.endswith("ValueError: at the bottom\n")
    assert 1000 < said.count("in deeper") + said.count("in sideways") <= 1100


def test_whose_mistake_it_is_before_its_head_is_read() -> None:
    log = Lines()
    with desk(None) as here:
        Failures(log).raised(here.conn, ApplicationError("a word"), "the application raised")
    assert log.lines == ["error: application error: - -: a word"]
