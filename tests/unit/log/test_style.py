"""The form of the server's lines."""

import json

import pytest

from quaich.config.effective import Config
from quaich.log.style import ERROR, INFO, WARNING, Style, style_of


def test_plain() -> None:
    style = Style()
    found = [style.line(level, "a\nb") for level in (INFO, WARNING, ERROR)]
    assert found == [b"a\\nb\n", b"warning: a\\nb\n", b"error: a\\nb\n"]
    assert style.block("Traceback\n  x\x1b\n\n") == b"Traceback\n  x\\x1b\n"


def test_a_date() -> None:
    style = Style(date="<%%>")
    assert style.line(INFO, "a") == b"<%> - a\n"
    assert style.block("a\nb") == b"<%> - a\nb\n"


def test_colour() -> None:
    style = Style(colour=True)
    assert style.line(WARNING, "a") == b"\x1b[33mwarning: a\x1b[0m\n"
    assert style.line(ERROR, "a\x1b[0m") == b"\x1b[31merror: a\\x1b[0m\x1b[0m\n"
    assert style.line(INFO, "a") == b"a\n"


def test_json() -> None:
    style = Style(as_json=True, date="%Y", colour=True, worker=2)
    found = json.loads(style.line(WARNING, 'a"\n\x1b\udcff'))
    assert found.pop("time").endswith("Z")
    assert found.pop("pid") > 0
    assert found == {"type": "server", "level": "warning", "message": 'a"\n\x1b\udcff', "worker": 2}
    (line,) = style.block("Traceback\n  x\n").splitlines()
    assert json.loads(line)["message"] == "Traceback\n  x"


def test_what_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert style_of(Config(), terminal=True) == Style(colour=True)
    assert style_of(Config(log_json=True, log_date="%Y"), False, 3) == Style(True, "%Y", False, 3)
    monkeypatch.setenv("NO_COLOR", "1")
    assert style_of(Config(), terminal=True) == Style()
