"""What settings must be of each other."""

from typing import Any

import pytest

from quaich.config.base import ListenSpec
from quaich.config.together import Together, socket_map

HTTP = ListenSpec("127.0.0.1:80", "http", "http-socket", "a.ini:2")
FEWEST = "cheaper is the fewest workers, processes the most"


def errors(listeners: tuple[ListenSpec, ...] = (HTTP,), **values: Any) -> list[str]:
    places = {name.replace("_", "-"): "a.ini:7" for name in values}
    found = Together(values, places).errors(listeners)
    assert all(error.code == "QX134" for error in found)
    return [str(error) for error in Together(values, places).errors(listeners)]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"cheaper": 4, "processes": 4},
            f"a.ini:7: cheaper: expected fewer than processes = 4, got 4; {FEWEST}",
        ),
        (
            {"cheaper": 2},
            f"a.ini:7: cheaper: expected fewer than processes = 1, got 2; {FEWEST}",
        ),
        (
            {"cheaper_rss_limit_hard": 5},
            "a.ini:7: cheaper-rss-limit-hard: expected cheaper-rss-limit-soft to be set too",
        ),
        (
            {"cheaper_rss_limit_soft": 9, "cheaper_rss_limit_hard": 9},
            "a.ini:7: cheaper-rss-limit-hard: expected more than cheaper-rss-limit-soft = 9, got 9",
        ),
        (
            {"cheaper_algo": "busyness", "cheaper_busyness_min": 60},
            "a.ini:7: cheaper-busyness-min: expected less than cheaper-busyness-max = 50, got 60",
        ),
        (
            {"cheaper_algo": "busyness", "cheaper_busyness_max": 20},
            "a.ini:7: cheaper-busyness-max: expected more than cheaper-busyness-min = 25, got 20",
        ),
        (
            {"map_socket": ("1:1",)},
            "a.ini:7: map-socket: expected the number of a socket, from 0 to 0, got 1",
        ),
        (
            {"map_socket": ("0:1,3",), "processes": 2},
            "a.ini:7: map-socket: expected workers from 1 to processes = 2, got 3",
        ),
    ],
)
def test_contradictions(values: dict[str, Any], message: str) -> None:
    assert errors(**values) == [message]


def test_what_fits_is_no_error() -> None:
    assert errors(processes=4, cheaper=3, map_socket=("0:1,4",)) == []
    assert errors(cheaper_busyness_min=60) == []


@pytest.mark.parametrize(("initial", "bounded"), [(1, 2), (2, 2), (4, 4), (9, 4)])
def test_initial_is_brought_within_its_bounds_with_a_word(initial: int, bounded: int) -> None:
    values = {"processes": 4, "cheaper": 2, "cheaper_initial": initial}
    notes = list(Together(values, {}).bounded())
    assert values["cheaper_initial"] == bounded
    assert [note.code for note in notes] == ([] if initial == bounded else ["QX135"])


def test_shared_sockets_take_the_place_of_their_numbers() -> None:
    together = Together({"shared_socket": ("127.0.0.1:81", "/run/x")}, {})
    specs = [HTTP, ListenSpec("=1", "uwsgi", "socket", "a.ini:3")]
    assert [spec.address for spec in together.shared(specs)] == ["127.0.0.1:80", "/run/x"]


@pytest.mark.parametrize("address", ["=", "=2", "=x", "=-1", "=99999999999"])
def test_a_shared_socket_that_is_not_there(address: str) -> None:
    spec = ListenSpec(address, "uwsgi", "socket", "a.ini:3")
    expected = "a.ini:3: socket: expected the number of a shared-socket"
    (found,) = errors((spec,), shared_socket=("a", "b"))
    assert found == f'{expected}, from 0 to 1, got "{address}"'
    (found,) = errors((spec,))
    assert found == f'{expected}, and there is none, got "{address}"'
    assert Together({"shared_socket": ("a", "b")}, {}).shared([spec]) == []


def test_a_socket_map_collects() -> None:
    assert socket_map(("0:1", "2:3,4", "0:5")) == {0: {1, 5}, 2: {3, 4}}
