"""Hooks with real processes: their order, who they run as, what a failure means, reloads."""

import os
import signal
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.support.net import exchange
from tests.support.processes import wait_until
from tests.support.server import Server, run
from tests.support.server import command as quaich

APPLICATION = """
import os
with open("trail", "a") as trail:
    trail.write(f"LOAD {os.environ.get('HOOKED')}\\n")

def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""
MASTER = ("asap", "pre-jail", "in-jail", "as-root")
ZYGOTE = ("as-user", "pre-app", "LOAD", "post-app")
WORKER = ("post-fork", "accepting", "accepting-once", "accepting1", "accepting1-once")
PHASES = (*MASTER, "as-user", "pre-app", "post-app", *WORKER, "master-start", "as-user-atexit")


class Hooked:
    """Starts servers whose hooks leave a trail in a file."""

    def __init__(self, start: StartServer, directory: Path) -> None:
        self._start, self.directory = start, directory
        (directory / "hooked.py").write_text(APPLICATION)
        self.trail = directory / "trail"

    def __call__(self, *lines: str, ready: int = 1) -> Server:
        (self.directory / "site.ini").write_text(
            "\n".join(
                (
                    "[uwsgi]",
                    "http-socket = 127.0.0.1:0",
                    "module = hooked",
                    "need-app = true",
                    *lines,
                )
            )
            + "\n"
        )
        server = self._start("--ini", "site.ini", cwd=self.directory)
        if ready:
            server.wait_ready(ready)
        return server

    def steps(self) -> list[str]:
        """The words that the trail begins its lines with."""
        return [line.split()[0] for line in self.trail.read_text().splitlines()]

    def pids(self) -> dict[str, int]:
        lines = (line.split() for line in self.trail.read_text().splitlines())
        return {words[0]: int(words[1]) for words in lines if words[0] != "LOAD"}


@pytest.fixture
def hooked(start: StartServer, tmp_path: Path) -> Hooked:
    return Hooked(start, tmp_path)


def marks(phases: tuple[str, ...] = PHASES) -> list[str]:
    return [f"hook-{phase} = exec:echo {phase} $PPID >> trail" for phase in phases]


def test_the_order_at_start_reload_and_end(hooked: Hooked) -> None:
    server = hooked("master = true", "hook-asap = putenv:HOOKED=yes", *marks())
    assert hooked.steps() == [*MASTER, "master-start", *ZYGOTE, *WORKER]
    assert "LOAD yes" in hooked.trail.read_text()
    pids = hooked.pids()
    assert {pids[each] for each in MASTER} == {server.pid}
    assert len({pids[each] for each in ("as-user", "pre-app", "post-app")}) == 1
    assert len({pids[each] for each in WORKER}) == 1
    assert len({pids["asap"], pids["pre-app"], pids["post-fork"], pids["master-start"]}) == 4

    hooked.trail.unlink()
    server.send(signal.SIGHUP)
    server.wait_line(r"^generation=2 serves")
    again = [each for each in MASTER if each != "pre-jail"]
    assert hooked.steps() == [*again, *ZYGOTE, "master-start", *WORKER]
    assert "LOAD yes" in hooked.trail.read_text()
    assert hooked.pids()["asap"] != server.pid, "the master does not wait for hooks"

    hooked.trail.unlink()
    worker = hooked_worker(server)
    os.kill(worker, signal.SIGKILL)
    server.wait_line(r"worker=1 pid=\d+ ready generation=2", count=2)
    once = [each for each in WORKER if not each.endswith("-once")]
    assert hooked.steps() == once, "a worker that replaces one"

    hooked.trail.unlink()
    assert server.stop() == 0
    assert hooked.steps() == ["as-user-atexit"]


def hooked_worker(server: Server) -> int:
    return int(server.wait_line(r"worker=1 pid=(\d+) ready generation=2")[1])


def test_without_a_master(hooked: Hooked) -> None:
    server = hooked(*marks())
    assert hooked.steps() == [*MASTER, *ZYGOTE, *WORKER]
    server.stop()
    assert hooked.steps()[-1] == "as-user-atexit"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_who_they_run_as(hooked: Hooked) -> None:
    hooked.directory.chmod(0o777)
    phases = ("as-root", "master-start", "as-user", "pre-app", "as-user-atexit")
    lines = [f"hook-{each} = exec:echo {each} $(id -u) >> trail.{each}" for each in phases]
    lines.append("touch-exec = touched echo touched $(id -u) >> trail.touched")
    server = hooked("master = true", "uid = 65534", "gid = 65534", "need-app = false", *lines)
    (hooked.directory / "touched").touch()
    trail = hooked.directory / "trail.touched"
    server.wait_line("^touched=touched exec")
    wait_until(lambda: trail.exists() and trail.read_text(), 10, "the errand is done")
    server.stop()
    found = [(hooked.directory / f"trail.{each}").read_text().split()[1] for each in phases]
    assert found == ["0", "65534", "65534", "65534", "65534"]
    assert trail.read_text() == "touched 65534\n"


@pytest.mark.parametrize(
    "phase",
    [
        *(*MASTER, "master-start", "as-user", "pre-app", "post-app"),
        *("post-fork", "accepting", "accepting1-once"),
    ],
)
def test_a_failure_ends_the_start(hooked: Hooked, phase: str) -> None:
    server = hooked("master = true", f"hook-{phase} = exec:exit 9", ready=0)
    assert server.wait_exit() != 0
    assert f"hook-{phase}" in server.log
    assert "Traceback" not in server.log
    server.wait_gone()


@pytest.mark.parametrize("phase", ["asap", "as-user", "post-app", "accepting"])
def test_a_failure_drops_a_reload(hooked: Hooked, phase: str) -> None:
    server = hooked("master = true", f"hook-{phase} = exec:test ! -e broken")
    (hooked.directory / "broken").touch()
    match = server.wait_line(r"^listening ([0-9.]+):(\d+) ")
    server.send(signal.SIGHUP)
    server.wait_line(r"generation=2 dropped, generation=1 serves on")
    assert f"hook-{phase}" in server.log
    request = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    assert exchange((match[1], int(match[2])), request, 10.0).endswith(b"ok")
    (hooked.directory / "broken").unlink()
    server.send(signal.SIGHUP)
    server.wait_line(r"generation=3 serves")


def test_a_failure_at_the_end_is_only_said(hooked: Hooked) -> None:
    server = hooked("master = true", "hook-as-user-atexit = exec:exit 9")
    assert server.stop() == 0
    assert "hook-as-user-atexit = exec:exit 9: the command ended with exit=9" in server.log


def test_a_mistake_is_found_before_anything_is_done(hooked: Hooked) -> None:
    server = hooked("hook-asap = create:made", "hook-post-app = exce:true", ready=0)
    assert server.wait_exit() == 1
    assert "site.ini:6: hook-post-app: expected an action such as exec:" in server.log
    assert "did you mean exec:?" in server.log
    assert not (hooked.directory / "made").exists()
    checked = run([*quaich(), "check", "site.ini"], cwd=hooked.directory)
    assert checked.returncode != 0
    assert "did you mean exec:?" in checked.stdout + checked.stderr


def test_term_as_a_graceful_stop(hooked: Hooked) -> None:
    server = hooked("master = true", "hook-master-start = unix_signal:15 gracefully_kill_them_all")
    assert "QX003" not in server.log
    server.send(signal.SIGTERM)
    assert server.wait_exit() == 0
    assert "signal=SIGTERM action=drain" in server.log


def test_touches(hooked: Hooked) -> None:
    server = hooked(
        "master = true",
        "hook-touch = flag appendn:trail.touched hook",
        "touch-exec = flag sleep 0.3; echo exec >> trail.touched",
        "touch-exec = flag exit 3",
    )
    flag, trail = hooked.directory / "flag", hooked.directory / "trail.touched"
    flag.touch()
    server.wait_line(r"error: touched flag exit 3: the command ended with exit=3")
    wait_until(lambda: trail.exists() and "exec" in trail.read_text(), 10, "both were done")
    assert sorted(trail.read_text().split()) == ["exec", "hook"]
    assert server.stop() == 0


def test_a_hook_does_not_outlive_a_killed_master(hooked: Hooked) -> None:
    server = hooked("master = true", "touch-exec = flag echo $$ > pid; exec sleep 1000")
    (hooked.directory / "flag").touch()
    path = hooked.directory / "pid"
    wait_until(lambda: path.exists() and path.read_text().strip(), 10, "the errand runs")
    pid = int(path.read_text())
    server.send(signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{pid}").exists() or _zombie(pid), 10, "its end")


def _zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_signal_that_comes_before_the_server_is_there(hooked: Hooked) -> None:
    once = "test -e once || { touch once; kill -HUP $PPID; kill -USR1 $PPID; }"
    server = hooked("master = true", f"hook-as-root = exec:{once}")
    server.wait_line("^signal=SIGHUP action=reload")
    server.wait_line("^generation=2 serves")
    server.wait_line("^statistics pid=")
    assert server.stop() == 0
