"""What packaging/ holds, run as far as a machine without those service managers can."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from quaich.machine import unit
from tests.conftest import StartServer
from tests.server.test_lifecycle import get, listening, write
from tests.server.test_service import can_unshare, children, gone, log_address
from tests.support.processes import wait_until
from tests.support.server import START, environment, install_commands

# The unit that quaich setup writes.
SITES = unit.NAME

# What OpenRC does with a script's variables, in the words of a shell.
OPENRC = """
ebegin() { echo "$@"; }
eend() { return "$1"; }
. "$SCRIPT"
case "$1" in
start) start_pre && eval "$command $command_args" ;;
stop) kill -TERM "$(cat "$pidfile")" ;;
*) "$1" ;;
esac
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A site shop.ini, a command, and directories; a server that a test leaves is stopped."""
    install_commands(tmp_path / "bin", "quaich")
    write(tmp_path)
    (tmp_path / "shop.ini").write_text(
        f"[uwsgi]\nhttp-socket = 127.0.0.1:0\nchdir = {tmp_path}\nmodule = site_app\n"
    )
    yield tmp_path
    pidfile = tmp_path / "run" / "shop.pid"
    if pidfile.exists():
        pid = int(pidfile.read_text())
        os.kill(pid, signal.SIGINT)
        wait_until(lambda: gone(pid), START, "the server gone")


def shell(place: Path, argv: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    env = environment({"PATH": f"{place / 'bin'}:{os.environ['PATH']}", **variables})
    return subprocess.run(
        argv, cwd=place, env=env, capture_output=True, text=True, timeout=60, check=False
    )


def exercise(place: Path, call: "object") -> None:
    """Start, reload, a broken reload, stop; and a start that fails."""
    assert callable(call)
    done = call("start")
    assert done.returncode == 0, done.stdout + done.stderr
    log = place / "logs" / "shop.log"
    address = log_address(log)
    assert get(address) == "one"
    pid = int((place / "run" / "shop.pid").read_text())
    write(place, "two")
    assert call("reload").returncode == 0
    wait_until(lambda: get(address) == "two", START, "the new code")
    family = [pid, *(each.pid for each in children(pid))]
    assert call("stop").returncode == 0
    wait_until(lambda: all(map(gone, family)), START, "stopped")
    assert not (place / "run" / "shop.pid").exists()
    (place / "site_app.py").write_text("raise ValueError('out of tea')\n")
    done = call("start")
    # OpenRC's script checks the configuration first.
    assert done.returncode in (1, 22)
    assert "out of tea" in done.stdout + done.stderr


def test_sysv(root: Path, place: Path) -> None:
    script = str(root / "packaging" / "sysv" / "quaich")
    where = {"QUAICH": str(place / "bin" / "quaich"), "CONFIGS": str(place)}
    where |= {"RUN": str(place / "run"), "LOGS": str(place / "logs")}

    def call(action: str) -> subprocess.CompletedProcess[str]:
        return shell(place, [script, action, "shop"], **where)

    assert call("status").returncode == 3
    exercise(place, call)
    # A pid that is another program's now is left alone.
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        (place / "run" / "shop.pid").write_text(f"{bystander.pid}\n")
        assert "does not run" in call("stop").stdout
        assert bystander.poll() is None
    finally:
        (place / "run" / "shop.pid").unlink()
        bystander.kill()
        bystander.wait()
    assert shell(place, [script, "dance"], **where).returncode == 2


def test_openrc(root: Path, place: Path) -> None:
    (place / "openrc").write_text(OPENRC)
    variables = {
        "SCRIPT": str(root / "packaging" / "openrc" / "quaich"),
        "RC_SVCNAME": "quaich.shop",
        "quaich": str(place / "bin" / "quaich"),
        "config": str(place / "shop.ini"),
        "logfile": str(place / "logs" / "shop.log"),
        "pidfile": str(place / "run" / "shop.pid"),
    }

    def call(action: str) -> subprocess.CompletedProcess[str]:
        return shell(place, ["sh", "openrc", action], **variables)

    exercise(place, call)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize(
    "name", ["quaich@.service", "quaich@.socket", "quaich-report.timer", SITES]
)
def test_systemd_units(root: Path, place: Path, name: str) -> None:
    texts = {path.name: path.read_text() for path in (root / "packaging/systemd").iterdir()}
    texts[SITES] = unit.system(("/usr/bin/quaich",), "/var/lib/quaich")
    for each, text in texts.items():
        (place / each).write_text(text.replace("/usr/bin/quaich", "/bin/true"))
    if "@" in name:
        (place / name.replace("@", "@shop")).symlink_to(place / name)
    path = place / name.replace("@", "@shop")
    done = shell(place, ["systemd-analyze", "verify", "--man=no", str(path)])
    ours = [line for line in done.stderr.splitlines() if "quaich" in line]
    assert ours == []


@pytest.mark.skipif(not can_unshare(), reason="the kernel refuses a pid namespace")
@pytest.mark.parametrize("arguments", [(), ("--ini", "shop.ini"), ("shop.ini",)])
def test_container(root: Path, place: Path, start: StartServer, arguments: tuple[str, ...]) -> None:
    entry = str(root / "packaging" / "container" / "entrypoint")
    inside = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", entry]
    env = {"PATH": f"{place / 'bin'}:{os.environ['PATH']}", "APP": "site_app", "PORT": "0"}
    server = start(*arguments, argv=inside, env=env | {"WORKERS": "2"})
    server.wait_ready(1 if arguments else 2)
    port = int(listening(server)[1])
    assert get(("127.0.0.1", port)) == "one"
    (first,) = children(server.pid)
    os.kill(first.pid, signal.SIGTERM)
    # Without a master the status is uWSGI's of a worker that is told to end.
    assert server.wait_exit() == (30 if arguments else 0)
