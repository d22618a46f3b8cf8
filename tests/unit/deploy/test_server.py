"""By what a site's server is started: systemd where it runs, for root and for a user."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from quaich.deploy import server
from quaich.deploy.faults import ApplicationFault
from quaich.deploy.layout import layout
from quaich.machine import unit
from tests.support.processes import wait_until

Make = Callable[[int, Mapping[str, str]], server.Manager]


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What was run, on a machine where systemd runs."""
    calls: list[list[str]] = []

    def run(argv: list[str], **more: object) -> "subprocess.CompletedProcess[str]":
        calls.append(argv)
        failed = argv[-2:] == ["start", "quaich-site@broken.service"]
        return subprocess.CompletedProcess(argv, int(failed), "", "Job failed.\nSee the log.\n")

    real = os.path.isdir
    monkeypatch.setattr(os.path, "isdir", lambda path: path == "/run/systemd/system" or real(path))
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(subprocess, "run", run)
    return calls


def test_root_has_the_systems(called: list[list[str]]) -> None:
    found = layout(0, {})
    manager = server.Manager(found, {})
    assert manager.is_systemd
    manager.start(found.site("shop"), 5)
    assert called == [
        ["systemctl", "enable", "quaich-site@shop.service"],
        ["systemctl", "start", "quaich-site@shop.service"],
    ]
    said = r"^systemctl start .*: See the log\. \(journalctl -u"
    with pytest.raises(ApplicationFault, match=said) as caught:
        manager.start(found.site("broken"), 5)
    assert caught.value.detail.startswith("Job failed.")
    called.clear()
    manager.stop(found.site("shop"))
    assert [words[1] for words in called] == ["disable", "stop"]


def test_a_user_has_it_where_the_unit_is(called: list[list[str]], tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "run")}
    found = layout(1000, environ)
    assert not server.Manager(found, environ).is_systemd
    (tmp_path / "run" / "systemd").mkdir(parents=True)
    (tmp_path / "run" / "systemd" / "private").touch()
    units = tmp_path / ".config" / "systemd" / "user"
    units.mkdir(parents=True)
    (units / unit.NAME).touch()
    manager = server.Manager(found, environ)
    manager.start(found.site("shop"), 5)
    assert called[0][:3] == ["systemctl", "--user", "enable"]


def test_a_server_that_only_begins_is_ended(tmp_path: Path) -> None:
    environ = {"QUAICH_PREFIX": str(tmp_path)}
    paths = layout(0, environ).site("shop")
    code = "import time; time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code, "--ini", paths.configuration]) as begun:
        # Popen returns a moment before the kernel shows the arguments.
        line = Path(f"/proc/{begun.pid}/cmdline")
        wait_until(lambda: b"--ini" in line.read_bytes(), 10, "its arguments are seen")
        assert not server.Manager(layout(0, environ), environ).stop(paths)
        assert begun.wait(10) == -signal.SIGKILL


def test_below_a_prefix_nothing_of_the_machine_is_used(called: list[list[str]]) -> None:
    environ = {"QUAICH_PREFIX": "/nowhere"}
    assert not server.Manager(layout(0, environ), environ).is_systemd
    assert called == []
