"""How a change looks: lines for a person, one object for a program, a question for neither."""

import io
import json
import sys

import pytest

from quaich.cli import sayings
from quaich.errors import QuaichError


def test_steps_are_numbered_and_control_characters_are_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    say = sayings.say(as_json=False)
    say.step(1, "build", "release 1")
    say.note("a\x1b[2Jb")
    say.failed(2, "check", "no module")
    say.done("one\ntwo", {})
    assert capsys.readouterr().out == (
        " 1 build    release 1\n            a\\x1b[2Jb\n 2 check    FAILED no module\none\ntwo\n"
    )


def test_a_terminal_has_colours_unless_they_are_not_wanted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    sayings.Terminal({}).failed(1, "x", "y")
    sayings.Terminal({"NO_COLOR": "1"}).failed(1, "x", "y")
    coloured, plain = capsys.readouterr().out.splitlines()
    assert coloured == " 1 x        \x1b[31mFAILED\x1b[0m y"
    assert plain == " 1 x        FAILED y"


def test_a_program_gets_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    say = sayings.Json()
    say.step(1, "build", "ok")
    say.note("by the way")
    say.failed(2, "check", "no module")
    say.error(QuaichError("no module"), 3)
    assert json.loads(capsys.readouterr().out) == {
        "ok": False,
        "status": 3,
        "error": "no module",
        "steps": [
            {"step": "build", "ok": True, "text": "ok"},
            {"step": "check", "ok": False, "text": "no module"},
        ],
        "notes": ["by the way"],
    }


@pytest.mark.parametrize(("answer", "agreed"), [("y\n", True), ("YES\n", True), ("\n", False)])
def test_a_question(monkeypatch: pytest.MonkeyPatch, answer: str, agreed: bool) -> None:
    stdin = io.StringIO(answer)
    monkeypatch.setattr(sys, "stdin", stdin)
    with pytest.raises(QuaichError, match="--yes says so"):
        sayings.confirm("Really?")
    monkeypatch.setattr(stdin, "isatty", lambda: True)
    if agreed:
        sayings.confirm("Really?")
    else:
        with pytest.raises(QuaichError, match="nothing was changed"):
            sayings.confirm("Really?")
