"""When the log is set aside, and under which name."""

import pytest

from quaich.log.rotation import Step, backup, pause, step


@pytest.mark.parametrize(
    ("size", "most", "reopen", "rotate", "expected"),
    [
        (10, 0, False, False, Step.NOTHING),
        (10, 10, False, False, Step.NOTHING),
        (11, 10, False, False, Step.ROTATE),
        (1, 10, True, False, Step.REOPEN),
        (1, 10, False, True, Step.ROTATE),
        (1, 0, True, True, Step.ROTATE),
        (11, 10, True, False, Step.ROTATE),
    ],
)
def test_step(size: int, most: int, reopen: bool, rotate: bool, expected: Step) -> None:
    assert step(size=size, most=most, reopen=reopen, rotate=rotate) is expected


def test_the_name_is_never_one_that_is_taken() -> None:
    taken = {"/l.7", "/l.7.1"}
    assert backup("/l", None, 7, taken.__contains__) == "/l.7.2"
    assert backup("/l", None, 8, taken.__contains__) == "/l.8"
    assert backup("/l", "/old", 8, {"/old"}.__contains__) == "/old"


def test_pauses_grow_and_are_bounded() -> None:
    assert [pause(n) for n in (1, 2, 3, 99)] == [2.0, 4.0, 8.0, 60.0]
