"""Daemons with real processes: reloads, deaths of everybody, and nothing left behind."""

import os
import signal
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.support.processes import stat, wait_until
from tests.support.server import Server

APPLICATION = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""
# It says that it lives, and what it is told; "stubborn" ends for nothing.
DAEMON = """
import os, signal, sys, time

name = sys.argv[1]

def note(text):
    with open(f"{name}.log", "a") as log:
        log.write(f"{text} {os.getpid()}\\n")

def told(number, frame):
    note(signal.Signals(number).name)
    if number != signal.SIGHUP and "stubborn" not in sys.argv:
        sys.exit(0)

for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
    signal.signal(number, told)
if "background" in sys.argv:
    if os.fork():
        sys.exit(0)
    os.setsid()
    with open(f"{name}.pid", "w") as file:
        file.write(str(os.getpid()))
note(f"START {os.getuid()} {os.getcwd()} {os.readlink('/proc/self/fd/0')}")
while True:
    time.sleep(0.05)
"""


def lives(pid: int) -> bool:
    found = stat(pid)
    return found is not None and found.state != "Z"


class Kept:
    """Starts servers with daemons, and knows who they were."""

    def __init__(self, start: StartServer, directory: Path) -> None:
        self._start, self.directory = start, directory
        (directory / "kept.py").write_text(APPLICATION)
        (directory / "prog.py").write_text(DAEMON)
        self.prog = f"{sys.executable} {directory}/prog.py"

    def __call__(self, *lines: str) -> Server:
        head = ("[uwsgi]", "http-socket = 127.0.0.1:0", "module = kept", "reload-mercy = 3")
        (self.directory / "site.ini").write_text("\n".join((*head, *lines)) + "\n")
        server = self._start("--ini", "site.ini", cwd=self.directory)
        server.wait_ready(1)
        return server

    def notes(self, name: str) -> list[list[str]]:
        try:
            text = (self.directory / f"{name}.log").read_text()
        except FileNotFoundError:
            return []
        return [line.split() for line in text.splitlines()]

    def starts(self, name: str) -> list[int]:
        return [int(words[-1]) for words in self.notes(name) if words[0] == "START"]

    def wait(self, name: str, count: int = 1) -> int:
        """The pid of the daemon's ``count``-th life."""
        wait_until(lambda: len(self.starts(name)) >= count, 15, f"{name} started {count} times")
        return self.starts(name)[count - 1]

    def told(self, name: str) -> list[str]:
        return [words[0] for words in self.notes(name)]


@pytest.fixture
def kept(start: StartServer, tmp_path: Path) -> Iterator[Kept]:
    found = Kept(start, tmp_path)
    yield found
    for log in tmp_path.glob("*.log"):
        for pid in found.starts(log.stem):
            if lives(pid):
                os.kill(pid, signal.SIGKILL)


def test_it_lives_with_the_server(kept: Kept) -> None:
    server = kept(f"attach-daemon = {kept.prog} one", f"attach-daemon = {kept.prog} two")
    first, second = kept.wait("one"), kept.wait("two")
    assert kept.notes("one")[0][1:4] == [str(os.getuid()), str(kept.directory), "/dev/null"]
    found = stat(first)
    assert found is not None
    assert found.parent == server.pid
    assert found.session == first
    assert server.stop() == 0
    assert not lives(first)
    assert not lives(second)
    assert kept.told("one") == ["START", "SIGTERM"]


def test_it_is_started_again_with_a_pause(kept: Kept) -> None:
    server = kept(f"attach-daemon = {kept.prog} one")
    for life in (1, 2):
        pid = kept.wait("one", life)
        os.kill(pid, signal.SIGKILL)
        server.wait_line(f"pid={pid} ended signal=SIGKILL")
        server.wait_line(f"starts again in {life}s")
    kept.wait("one", 3)


def test_a_reload_never_doubles_it(kept: Kept) -> None:
    server = kept(
        f"attach-daemon = {kept.prog} one",
        f"attach-daemon2 = cmd={kept.prog} told,reloadsignal=1",
        f"smart-attach-daemon2 = smart.pid {kept.prog} smart",
    )
    before = {name: kept.wait(name) for name in ("one", "told", "smart")}
    for generation in (2, 3):
        server.send(signal.SIGHUP)
        server.wait_line(f"generation={generation} serves")
        kept.wait("one", generation)
        wait_until(lambda: sum(lives(each) for each in kept.starts("one")) == 1, 10, "one of them")
    assert not lives(before["one"])
    assert kept.starts("told") == [before["told"]]
    wait_until(lambda: kept.told("told").count("SIGHUP") == 2, 10, "it was told twice")
    assert kept.starts("smart") == [before["smart"]]
    assert kept.told("smart") == ["START"]


def test_a_reload_that_fails_leaves_it_alone(kept: Kept) -> None:
    server = kept(f"attach-daemon = {kept.prog} one")
    pid = kept.wait("one")
    (kept.directory / "kept.py").write_text("raise ValueError")
    server.send(signal.SIGHUP)
    server.wait_line("generation=2 dropped")
    assert kept.told("one") == ["START"]
    assert lives(pid)


def test_a_reload_changes_what_is_kept(kept: Kept) -> None:
    server = kept(f"attach-daemon = {kept.prog} one")
    first = kept.wait("one")
    site = kept.directory / "site.ini"
    site.write_text(site.read_text().replace("prog.py one", "prog.py two"))
    server.send(signal.SIGHUP)
    kept.wait("two")
    wait_until(lambda: not lives(first), 10, "the first is gone")
    assert len(kept.starts("one")) == 1


@pytest.mark.parametrize(
    "command", ["{prog} one", "true && {prog} one stubborn; true", "NAME=x {prog} one stubborn"]
)
def test_nothing_outlives_a_killed_master(kept: Kept, command: str) -> None:
    server = kept(f"attach-daemon = {command.format(prog=kept.prog)}")
    pid = kept.wait("one")
    server.send(signal.SIGKILL)
    server.wait_exit()
    wait_until(lambda: not lives(pid), 5, "the daemon is gone")
    server.wait_gone()


def test_a_stubborn_one_is_killed(kept: Kept) -> None:
    server = kept(
        f"attach-daemon2 = cmd={kept.prog} one stubborn,stopsignal=10",
        f"attach-daemon = true && {kept.prog} two stubborn; true",
    )
    first, second = kept.wait("one"), kept.wait("two")
    assert server.stop() == 0
    assert not lives(first)
    wait_until(lambda: not lives(second), 5, "it is gone with its shell")
    assert kept.told("one") == ["START", "SIGUSR1"]
    assert "does not end, killed" in server.log


def test_the_end_of_a_control_daemon(kept: Kept) -> None:
    server = kept(f"attach-control-daemon = {kept.prog} one")
    os.kill(kept.wait("one"), signal.SIGTERM)
    assert server.wait_exit() == 0
    assert "the server stops: control daemon ended" in server.log


@pytest.mark.parametrize(
    "option",
    [
        "smart-attach-daemon2 = one.pid {prog} one",
        "attach-daemon2 = cmd={prog} one background,pidfile=one.pid,daemonize=true,freq=1",
        "smart-attach-daemon = one.pid {prog} one background",
    ],
)
def test_a_smart_one_is_found_again(kept: Kept, option: str) -> None:
    lines = (option.format(prog=kept.prog),)
    server = kept(*lines)
    pid = kept.wait("one")
    wait_until((kept.directory / "one.pid").exists, 10, "its pid file")
    assert server.stop() == 0
    assert lives(pid), "it outlives the server"
    server = kept(*lines)
    server.wait_line(f"pid={pid} runs already")
    assert kept.starts("one") == [pid]
    server.send(signal.SIGKILL)
    server.wait_exit()
    server.wait_gone()
    assert lives(pid), "and a killed master"


def test_one_that_was_found_is_replaced_when_it_ends(kept: Kept) -> None:
    option = f"attach-daemon2 = cmd={kept.prog} one,pidfile=one.pid,freq=1"
    kept(option).stop()
    pid = kept.wait("one")
    server = kept(option)
    server.wait_line(f"pid={pid} runs already")
    os.kill(pid, signal.SIGKILL)
    kept.wait("one", 2)


def test_a_stale_pid_file_names_another_program(kept: Kept) -> None:
    (kept.directory / "one.pid").write_text(str(os.getppid()))
    server = kept(f"smart-attach-daemon2 = one.pid {kept.directory}/own one")
    server.wait_line(f"one.pid names pid={os.getppid()}, another program")
    assert lives(os.getppid())


def test_a_touch_restarts_it(kept: Kept) -> None:
    server = kept(f"attach-daemon2 = cmd={kept.prog} one,touch=flag")
    first = kept.wait("one")
    server.wait_line(f"pid={first} started")
    wait_until(lambda: _touched(kept), 15, "it was started again")
    assert not lives(first)


def _touched(kept: Kept) -> bool:
    # Until the first look has been, a touch is no change.
    (kept.directory / "flag").touch()
    return len(kept.starts("one")) > 1


def _written(path: Path) -> bool:
    return path.exists() and bool(path.read_text())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_who_it_runs_as(kept: Kept) -> None:
    kept.directory.chmod(0o777)
    lines = ["attach-daemon = id -u > plain; sleep 1000"]
    lines.append("attach-daemon2 = cmd=id -u > own; sleep 1000,uid=1,gid=1")
    server = kept("uid = 65534", "gid = 65534", *lines)
    for name, uid in (("plain", "65534"), ("own", "1")):
        path = kept.directory / name
        wait_until(partial(_written, path), 10, f"{name} ran")
        assert path.read_text().strip() == uid
    assert server.stop() == 0
