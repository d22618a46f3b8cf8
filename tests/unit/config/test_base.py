"""The frozen configuration and its way through JSON."""

import pytest

from quaich.config.base import WARNING, printable
from quaich.config.effective import Config, Diagnostic, ListenSpec
from quaich.errors import ConfigError
from quaich.values import replace

FULL = Config(
    door="modern",
    listeners=(ListenSpec("/run/\u00e9.sock", "http", "bind", "a.ini:3"),),
    notes=(Diagnostic(WARNING, "a.ini:4", "odd"), Diagnostic("info", "", "fine")),
    places=(("processes", "a.ini:5"), ("workers", "a.ini:5"), ("chmod-socket", "a.ini:6")),
    processes=4,
    chmod_socket=0o660,
    env=("A=1", "B=\udc80"),
    master=True,
    module="m:app",
)


@pytest.mark.parametrize("config", [Config(), FULL])
def test_round_trip(config: Config) -> None:
    text = config.to_json()
    assert "\n" not in text
    assert Config.from_json(text) == config


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "1", '{"nonsense": 1}', '{"listeners": 1}', '{"notes": [{"a": 1}]}']
)
def test_what_is_no_configuration_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="not a configuration of this version"):
        Config.from_json(text)


def test_it_is_frozen() -> None:
    with pytest.raises(AttributeError):
        FULL.processes = 5  # type: ignore[misc]
    assert replace(FULL, processes=5).processes == 5


def test_place_of() -> None:
    assert FULL.place_of("workers") == "a.ini:5"
    assert FULL.place_of("chmod-socket") == FULL.place_of("chmod_socket") == "a.ini:6"
    assert FULL.place_of("threads") == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [("plain é", "plain é"), ("a\nb\x1b[31m\x00", "a\\nb\\x1b[31m\\x00"), ("\udc80", "\\udc80")],
)
def test_a_text_is_shown_on_one_line(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert str(Diagnostic(WARNING, "", text)) == shown


def test_a_note_is_printed_with_its_place() -> None:
    assert [str(note) for note in FULL.notes] == ["a.ini:4: odd", "fine"]
