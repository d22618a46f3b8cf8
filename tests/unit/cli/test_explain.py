"""Every name and every code can be asked for."""

import pytest

from quaich.cli.explain import run
from quaich.config.codes.table import CODES
from quaich.config.help import status
from quaich.config.options import BY_LONG_NAME
from quaich.errors import UsageError


def explain(capsys: pytest.CaptureFixture[str], *names: str) -> str:
    assert run(["explain", *names]) == 0
    return capsys.readouterr().out


def test_every_name_has_a_status(capsys: pytest.CaptureFixture[str]) -> None:
    for name, option in BY_LONG_NAME.items():
        text = explain(capsys, name)
        assert name in text
        assert status(option) in text


def test_every_code(capsys: pytest.CaptureFixture[str]) -> None:
    for code, row in CODES.items():
        text = explain(capsys, code.lower())
        assert all(part in text for part in (code, row.cause, row.consequence, row.remedy))


@pytest.mark.parametrize("name", ["processes", "--processes", "-p", "Processes", "workers"])
def test_spellings_of_a_name(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert explain(capsys, name).startswith("processes: ")


def test_several(capsys: pytest.CaptureFixture[str]) -> None:
    text = explain(capsys, "QX101", "module")
    assert "QX101" in text
    assert "\nmodule: " in text


@pytest.mark.parametrize(("name", "meant"), [("vaccum", "vacuum"), ("QX11", "qx1")])
def test_what_is_neither(name: str, meant: str) -> None:
    with pytest.raises(UsageError, match=f"did you mean .*{meant}"):
        run(["explain", name])


def test_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain"]) == 1
    assert "quaich explain CODE" in capsys.readouterr().err
