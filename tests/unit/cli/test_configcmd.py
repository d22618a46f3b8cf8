"""The effective configuration: every value, its source, and no secret."""

import json
from pathlib import Path

import pytest

from quaich.cli.configcmd import run
from quaich.cli.secrets import MASK


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UWSGI_THREADS", "3")
    monkeypatch.setenv("QUAICH_LISTEN", "64")
    (tmp_path / "app.ini").write_text(
        "[uwsgi]\nhttp-socket = :0\nmodule = m\nprocesses = 4\nenv = API_TOKEN=abc\n"
        "env = DB=pg://u:p@h/d\nchmod-socket = 660\n"
    )
    return "app.ini"


def test_text(site: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", site]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "[uwsgi]"
    for line in ("processes = 4", "threads = 3", "listen = 64", "chmod-socket = 660"):
        assert line in lines
    assert f"env = API_TOKEN={MASK}" in lines
    assert f"env = DB=pg://{MASK}@h/d" in lines


def test_origin(site: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "--origin", site]) == 0
    lines = [line.split(None, 1) for line in capsys.readouterr().out.splitlines()]
    assert ["app.ini:2", "http-socket = :0"] in lines
    assert ["app.ini:4", "processes = 4"] in lines
    assert ["UWSGI_THREADS", "threads = 3"] in lines
    assert ["QUAICH_LISTEN", "listen = 64"] in lines
    assert ["default", "need-app = false"] in lines


def test_json(site: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "--json", "--origin", site]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {"name": "processes", "value": "4", "source": "app.ini:4"} in rows
    assert "abc" not in json.dumps(rows)


def test_the_modern_door(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "serve", "m:app", "--workers", "2"]) == 0
    out = capsys.readouterr().out
    assert "processes = 2\n" in out
    assert "need-app = true\n" in out


def test_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config"]) == 1
    assert "Usage" in capsys.readouterr().err
