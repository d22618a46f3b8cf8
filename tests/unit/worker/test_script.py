"""What runs in place of the server: its end is that of a Python program."""

import builtins
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quaich.config.effective import Config
from quaich.worker import script
from quaich.wsgi import loader
from tests.support.logs import Lines


@pytest.fixture(autouse=True)
def put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [*sys.argv])
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(loader, "prepare", lambda config, to_log=True: config)
    modules = set(sys.modules)
    yield
    for name in set(sys.modules) - modules:
        del sys.modules[name]
    sys.path_importer_cache.clear()


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        ("pass", 0, ""),
        ("import sys; sys.exit()", 0, ""),
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit(-1)", 255, ""),
        ("import sys; sys.exit('no more')", 1, "no more\n"),
        ("raise KeyboardInterrupt", 130, ""),
        ("raise ValueError('mine')", 1, "ValueError: mine\n"),
    ],
)
@pytest.mark.parametrize("kind", ["pyrun", "pyshell"])
def test_how_it_ends(
    text: str, status: int, said: str, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if kind == "pyrun":
        (tmp_path / "run.py").write_text(text)
        assert script.execute(Config(pyrun=str(tmp_path / "run.py")), Lines()) == status
        assert sys.argv[0] == str(tmp_path / "run.py")
    else:
        assert script.execute(Config(pyshell=text), Lines()) == status
    shown = capsys.readouterr().err
    assert shown.endswith(said)
    assert bool(shown) == bool(said)
    assert "quaich/worker" not in shown


def test_no_such_script() -> None:
    log = Lines()
    assert script.execute(Config(pyrun="/nowhere.py"), log) == 1
    assert log.lines[-1].startswith("error: pyrun = /nowhere.py: ")


def test_a_shell_has_the_application(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "shop.py").write_text("def application(environ, start_response): ...\n")
    typed = iter(["print(application.__module__)", "raise SystemExit(4)"])

    def read(prompt: str = "") -> str:
        return next(typed)

    monkeypatch.setattr(builtins, "input", read)
    for source in ("", "true"):
        typed = iter(["print(application.__module__)", "raise SystemExit(4)"])
        config = Config(pyshell=source, module="shop")
        assert script.execute(config, Lines()) == 4
        shown = capsys.readouterr()
        assert shown.out == "shop\n"
        assert "the application is named application" in shown.err


def test_an_import(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("")
    log = Lines()
    assert script.execute(Config(test_import="shop"), log) == 0
    assert log.lines[-1].startswith("test = shop: imported from ")
    assert script.execute(Config(test_import="no_such_module"), log) == 1
    assert "no_such_module" in log.lines[-1]


def test_the_configuration_comes_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executed: list[Any] = []

    def execute(config: Config, log: Any) -> int:
        executed.append(config)
        return 7

    monkeypatch.setattr(script, "execute", execute)
    file = os.memfd_create("config")
    os.write(file, Config(pyrun="x.py").to_json().encode())
    sys.argv[1:] = [str(file)]
    assert script.main() == 7
    assert executed == [Config(pyrun="x.py")]
