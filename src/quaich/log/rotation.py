"""When the log file is to be opened again or set aside, and under which name; as data.

Setting aside is renaming: what other processes still write goes to the renamed file until each of
them has the new one, so no line is lost.  Nothing is ever copied or truncated.
"""

from collections.abc import Callable
from enum import Enum

_LONGEST_PAUSE = 60.0


class Step(Enum):
    """What is to be done with the log file."""

    NOTHING = "nothing"
    REOPEN = "reopen"
    ROTATE = "rotate"


def step(*, size: int, most: int, reopen: bool, rotate: bool) -> Step:
    """What to do about a file of this size; ``most`` is 0 without a limit.

    Asked for both, it is rotated, which opens it again too.
    """
    if rotate or (most and size > most):
        return Step.ROTATE
    return Step.REOPEN if reopen else Step.NOTHING


def backup(path: str, given: str | None, seconds: int, taken: Callable[[str], bool]) -> str:
    """The name for the file that is set aside.

    A name that was given is used again and again, as in uWSGI; otherwise it is the file's own with
    the time, and never one that is taken.
    """
    if given is not None:
        return given
    name = first = f"{path}.{seconds}"
    number = 0
    while taken(name):
        number += 1
        name = f"{first}.{number}"
    return name


def pause(failures: int) -> float:
    """Seconds before the next try, after so many failures in a row."""
    return min(2.0 ** min(failures, 10), _LONGEST_PAUSE)
