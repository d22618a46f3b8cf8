"""The screen of ``quaich top``, without a terminal."""

import pytest

from quaich.cli import topscreen
from quaich.cli.topmodel import Model
from quaich.cli.topscreen import duration, plain, rate, screen, short, sparkline
from quaich.stats.figures import Core, Figures, Listener, Worker
from quaich.values import asdict, replace
from tests.unit.stats.samples import FIGURES


def shown(figures: Figures = FIGURES) -> Model:
    model = Model()
    model.add(asdict(figures))
    return model


def text(model: Model, height: int = 24, width: int = 80, **more: object) -> str:
    values = {"chosen": None, "inside": False} | more
    return plain(screen(model, height, width, **values))  # type: ignore[arg-type]


@pytest.mark.parametrize(("height", "width"), [(24, 80), (10, 40), (5, 10), (1, 1), (60, 200)])
def test_it_fits(height: int, width: int) -> None:
    for inside in (False, True):
        lines = screen(shown(), height, width, chosen=1, inside=inside)
        assert len(lines) <= max(height, 1)
        assert all(sum(len(part) for part, _ in line) <= width for line in lines)


def test_what_one_wants_to_know_is_there() -> None:
    found = text(shown())
    assert "quaich 1.2.3  pid 10  serving  generation 4  up 1m 0s  reloads 3 (1 failed)" in found
    assert "busy 1/2  queue 3/100" in found
    assert "2.5s GET /path?token=secret" in text(shown(), width=120)
    assert "cheap" in found
    assert found.rstrip().endswith(topscreen.HELP)


def test_one_worker() -> None:
    found = text(shown(), chosen=1, inside=True)
    assert "worker 1  pid 11  busy  generation 4" in found
    assert "thread 0  2.5s  192.0.2.1 GET /path?token=secret" in found
    assert "up to 1.0ms        4 " in found
    assert "over 30.0s        1 " in found


def test_a_message_takes_the_place_of_the_help() -> None:
    found = text(shown(), message="reload? y or n")
    assert found.rstrip().endswith("reload? y or n")


def test_what_comes_from_a_server_cannot_move_the_cursor() -> None:
    odd = Worker(1, pid=1, status="busy", cores=(Core(0, age=1.0, note="- GET /\x1b[2J"),))
    model = shown(replace(FIGURES, version="\x1b[H", workers=(odd,)))
    for inside in (False, True):
        assert "\x1b" not in text(model, width=200, chosen=1, inside=inside)


def test_many_workers_scroll_to_the_chosen_one() -> None:
    workers = tuple(Worker(number, pid=number, status="idle") for number in range(1, 101))
    model = shown(Figures(phase="serving", workers=workers, listeners=(Listener("a", "http"),)))
    found = text(model, chosen=77).splitlines()
    assert any(line.split()[:1] == ["77"] for line in found)
    assert not any(line.split()[:1] == ["1"] for line in found)


def test_a_filter_that_nothing_matches() -> None:
    model = shown()
    model.pattern = "nothing"
    assert "no worker matches" in text(model)


def test_bars() -> None:
    assert sparkline([], 10) == ""
    assert sparkline([0, 0], 10) == "\u2581\u2581"
    assert sparkline([0, 1, 2], 2) == "\u2585\u2588"
    assert sparkline([1], 0) == ""


def test_numbers() -> None:
    assert [rate(each) for each in (None, 1.25, 123.4, 12345)] == ["-", "1.2", "123", "12.3k"]
    assert [duration(each) for each in (None, 0.0005, 0.25, 2)] == ["-", "0.5ms", "250ms", "2.0s"]
    assert [short(each) for each in (None, 5, 90, 7200, 200000)] == ["-", "5s", "1m", "2h", "2d"]
