"""From argv to a command, with the server itself replaced: what is started, said and returned."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from quaich.cli.consult import Again
from quaich.cli.main import INTERRUPTED, is_compatible, main
from quaich.config.effective import Config
from quaich.errors import BindError, LoadError
from quaich.sys.process import describe_end
from tests.support.server import command

Started = list[tuple[Config, Callable[[], Config]]]


def waited(reading: Again) -> Config:
    """As a master does that waits for it."""
    with os.fdopen(reading.fd, "rb") as file:
        data = file.read()
    return reading.finish(data, describe_end(os.waitpid(reading.pid, 0)[1]))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Started:
    """What would have been served; the real start is never reached."""
    calls: Started = []
    fake = ModuleType("quaich.master.run")

    def start(config: Config, reload: Callable[[], Again]) -> int:
        calls.append((config, lambda: waited(reload())))
        return 0

    fake.start = start  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "quaich.master.run", fake)
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("UWSGI_", "QUAICH_")):
            monkeypatch.delenv(name)
    return calls


@pytest.mark.parametrize(
    ("argv", "compatible"),
    [
        (["quaich", "--ini", "x"], True),
        (["quaich", "-w", "m"], True),
        (["quaich", "site.ini"], True),
        (["quaich", "/etc/site.json"], True),
        (["quaich", "site.xml"], True),
        (["quaich", "-"], True),
        (["uwsgi"], True),
        (["/usr/bin/uwsgi", "serve"], True),
        (["quaich"], False),
        (["quaich", "serve", "x.ini"], False),
        (["quaich", "ini"], False),
        (["/opt/uwsgi/quaich", "serve"], False),
    ],
)
def test_which_door(argv: list[str], compatible: bool) -> None:
    assert is_compatible(argv) is compatible


def test_the_compatible_door_serves(started: Started) -> None:
    assert main(["quaich", "-s", ":0", "-w", "m"]) == 0
    [(config, _)] = started
    assert (config.door, config.module) == ("compatible", "m")


def test_the_modern_door_serves(started: Started) -> None:
    assert main(["quaich", "serve", "m:app", "--workers", "2"]) == 0
    [(config, _)] = started
    assert (config.door, config.module, config.processes) == ("modern", "m:app", 2)


def test_a_reload_reads_the_files_again(started: Started, tmp_path: Path) -> None:
    site = tmp_path / "site.ini"
    site.write_text("[uwsgi]\nsocket = :0\nmodule = one\n")
    assert main(["quaich", "site.ini"]) == 0
    [(config, reload)] = started
    assert reload() == config
    site.write_text("[uwsgi]\nsocket = :0\nmodule = two\n")
    assert reload().module == "two"


def test_a_reload_keeps_the_environment_of_the_start(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UWSGI_THREADS", "3")
    assert main(["quaich", "-s", ":0"]) == 0
    monkeypatch.setenv("UWSGI_THREADS", "4")
    assert started[0][1]().threads == 3


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["quaich", "site.ini"], "quaich: site.ini: No such file or directory\n"),
        (
            ["quaich", "--harakri", "3"],
            "quaich: unknown option --harakri; did you mean --harakiri?\n",
        ),
        (["quaich", "serv"], 'quaich: unknown command "serv"; did you mean quaich serve?\n'),
        (
            ["quaich", "app.py"],
            'quaich: unknown command "app.py"; to serve it, write quaich serve app.py\n',
        ),
        (
            ["quaich", "m:app"],
            'quaich: unknown command "m:app"; to serve it, write quaich serve m:app\n',
        ),
        (
            ["quaich", "frobnicate"],
            (
                'quaich: unknown command "frobnicate": expected serve, check, config, explain, '
                "migrate, reload, stop, status, top, logs, pause, resume, scale, upgrade, restore, "
                "setup, new, dev, doctor, report, deploy, rollback, promote, releases, sites, "
                "start, restart, maintenance, env, exec, run, shell, lock, unlock, audit, destroy, "
                "nginx, help, version, or an option\n"
            ),
        ),
        (["quaich", "--a\nb\x1b[2J"], "quaich: unknown option --a\\nb\\x1b[2J\n"),
        (["uwsgi"], "quaich: nothing to serve: give a socket and an application"),
        (["quaich", "serve"], "quaich: nothing to serve: write quaich serve module:app\n"),
    ],
)
def test_a_mistake_is_one_line(
    started: Started, capsys: pytest.CaptureFixture[str], argv: list[str], message: str
) -> None:
    assert main(argv) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(message)
    assert err.count("\n") == 1
    assert started == []


def test_nothing_prints_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["quaich"]) == 1
    assert capsys.readouterr().err.startswith("Usage: quaich serve module:app")


@pytest.mark.parametrize(
    ("argv", "first"),
    [
        (["quaich", "--version"], "quaich "),
        (["quaich", "version"], "quaich "),
        (["uwsgi", "--version"], "quaich "),
        (["quaich", "-M", "--version"], "quaich "),
        (["quaich", "help"], "Usage: quaich serve"),
        (["quaich", "--help"], "Usage: quaich [options...]"),
        (["quaich", "-h"], "Usage: quaich [options...]"),
        (["uwsgi", "-h"], "Usage: uwsgi [options...]"),
        (["quaich", "serve", "--help"], "Usage: quaich serve [module:app]"),
        (["quaich", "serve", "-h"], "Usage: quaich serve [module:app]"),
    ],
)
def test_what_is_asked_for_goes_to_stdout(
    capsys: pytest.CaptureFixture[str], argv: list[str], first: str
) -> None:
    assert main(argv) == 0
    out, err = capsys.readouterr()
    assert out.startswith(first)
    assert err == ""


def test_show_config_goes_to_stderr_and_the_start_goes_on(
    started: Started, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["quaich", "-s", ":0", "--show-config"]) == 0
    assert ";uWSGI instance configuration\n[uwsgi]\nsocket = :0\n" in capsys.readouterr().err
    assert len(started) == 1


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (BindError("127.0.0.1:80: Address already in use"), 1, "quaich: 127.0.0.1:80: Address"),
        (LoadError("no module named m"), 22, "quaich: no module named m\n"),
        (LoadError("m failed", "Traceback:\n  x"), 22, "Traceback:\n  x\nquaich: m failed\n"),
        (KeyboardInterrupt(), INTERRUPTED, ""),
    ],
)
def test_how_a_failed_start_ends(
    started: Started,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    status: int,
    text: str,
) -> None:
    def fail(config: Config, reload: Callable[[], Config]) -> int:
        raise error

    monkeypatch.setattr(sys.modules["quaich.master.run"], "start", fail)
    assert main(["quaich", "-s", ":0"]) == status
    assert capsys.readouterr().err.startswith(text)


@pytest.mark.parametrize(
    "argv", [["explain", "QX101"], ["migrate", "gunicorn", "--bind", "127.0.0.1:80", "app:app"]]
)
def test_a_reader_that_leaves_gets_no_traceback(argv: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [*command(), *argv], stdout=writer, stderr=subprocess.PIPE, timeout=30, check=False
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")
