"""Programs that a deployment runs: with what environment, and what their output says."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from quaich.deploy import commands
from quaich.deploy.commands import Actor
from quaich.deploy.faults import ApplicationFault


def test_nothing_of_the_callers_environment_that_is_not_needed() -> None:
    caller = {"LANG": "de", "LC_TIME": "C", "AWS_SECRET": "x", "QUAICH_PREFIX": "/x", "HOME": "/me"}
    assert commands.environment(Actor(home="/h"), caller).keys() == {
        "PATH",
        "LANG",
        "LC_TIME",
        "HOME",
    }
    assert commands.environment(Actor(home="/h"), caller)["HOME"] == "/h"
    builds = commands.build_environment(Actor(), {"PIP_INDEX_URL": "u", "HTTPS_PROXY": "p"})
    assert (builds["PIP_INDEX_URL"], builds["HTTPS_PROXY"]) == ("u", "p")


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("a\nb\n\n", "b"),
        ("ERROR: No match\n[notice] A new release of pip\n", "ERROR: No match"),
        ("", ""),
    ],
)
def test_the_line_that_says_what_went_wrong(output: str, said: str) -> None:
    assert commands.last_line(output) == said


def run(code: str, timeout: float = 20) -> str:
    argv = [sys.executable, "-c", code]
    return commands.run(argv, what="it", by=Actor(), env={}, cwd="/", timeout=timeout)


def test_a_program_that_fails_is_shown() -> None:
    assert run("print('fine')") == "fine\n"
    with pytest.raises(ApplicationFault, match=r"^it: no good$") as caught:
        run("print('first', flush=True); raise SystemExit('no good')")
    assert caught.value.detail == "first\nno good\n"
    with pytest.raises(ApplicationFault, match=r"^it: signal 9$"):
        run("import os; os.kill(os.getpid(), 9)")
    with pytest.raises(ApplicationFault, match=r"^it: /nowhere: no such file or directory$"):
        commands.run(["/nowhere"], what="it", by=Actor(), env={}, cwd="/")


def test_a_program_that_hangs_is_ended_with_what_it_started(tmp_path: Path) -> None:
    code = "import subprocess, sys, time; subprocess.Popen(['sleep', '60']); time.sleep(60)"
    with pytest.raises(ApplicationFault, match=r"^it: not finished after 0\.2 s; it was ended$"):
        run(code, timeout=0.2)


class Asked(Exception):
    """A signal asks for the end."""


def test_a_signal_while_a_program_starts_ends_that_too(monkeypatch: pytest.MonkeyPatch) -> None:
    children: list[int] = []
    real = subprocess.Popen

    class Popen(real):  # type: ignore[misc, valid-type]
        def _execute_child(self, *args: Any, **more: Any) -> None:
            super()._execute_child(*args, **more)
            children.append(self.pid)
            # As if the signal had come now: the program runs, and nobody has been told of it.
            # Another thread would take it that does not block it; the command has none.
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    def asked(number: int, frame: FrameType | None) -> None:
        raise Asked

    monkeypatch.setattr(subprocess, "Popen", Popen)
    before: Callable[[int, FrameType | None], Any] | int | None
    before = signal.signal(signal.SIGUSR1, asked)
    try:
        with pytest.raises(Asked):
            commands.run(["sleep", "60"], what="it", by=Actor(), env=dict(os.environ), cwd="/")
    finally:
        signal.signal(signal.SIGUSR1, before)
    with pytest.raises(ProcessLookupError):
        os.kill(children[0], 0)


@pytest.mark.skipif(os.getuid() != 0, reason="what only root could run is root's to find")
def test_a_program_in_a_closed_home_is_not_for_others(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(0o700)
    (home / "tool").touch(0o755)
    env = {"PATH": f"{home}:/usr/bin:/bin"}
    assert commands.program("tool", Actor(), env) == str(home / "tool")
    assert commands.program("tool", Actor(uid=65534), env) is None
    assert commands.program("sh", Actor(uid=65534), env) is not None
