import pytest

from quaich.config.effective import Config
from quaich.worker.grievance import Grievances, listener, of


class Rude(ValueError):
    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__


class Outer:
    class Inner(Exception):
        pass


@pytest.mark.parametrize(
    ("grievances", "error", "matches"),
    [
        (Grievances(), ValueError("x"), False),
        (Grievances(any=True), SystemExit(1), True),
        (Grievances(types=("ValueError",)), ValueError("x"), True),
        (Grievances(types=("builtins.ValueError",)), ValueError("x"), True),
        (Grievances(types=(f"{__name__}.Outer.Inner",)), Outer.Inner(), True),
        # As except would not: a type is meant, not its descendants.
        (Grievances(types=("Exception",)), ValueError("x"), False),
        (Grievances(values=("x",)), ValueError("x"), True),
        (Grievances(values=("x",)), ValueError("xy"), False),
        (Grievances(reprs=("ValueError('x')",)), ValueError("x"), True),
        (Grievances(values=("x",), reprs=("x",)), Rude(), False),
    ],
)
def test_what_matters(grievances: Grievances, error: BaseException, matches: bool) -> None:
    assert grievances.match(error) is matches


def test_the_first_that_matters_is_told_once() -> None:
    told: list[str] = []
    listen = listener(of(Config(reload_on_exception_type=("KeyError",))), told.append)
    assert listen is not None
    for error in (ValueError("x"), KeyError("x"), KeyError("y")):
        listen(error)
    assert told == ["exception=KeyError"]


def test_without_any_option_nobody_listens() -> None:
    assert listener(of(Config()), lambda cause: None) is None
