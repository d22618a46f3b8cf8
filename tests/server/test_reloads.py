"""Reloads in all their kinds, with real processes: chain, restored, timed out, of quaich itself."""

import os
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

import quaich
from tests.conftest import StartServer
from tests.support.net import Address, exchange
from tests.support.processes import stat, wait_until
from tests.support.server import START, STOP, Server, command, environment

APPLICATION = """
import os, time
WORDS = "one"

def application(environ, start_response):
    body = f"{WORDS} {os.getpid()}".encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


def get(address: Address, timeout: float = 10.0) -> str:
    request = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    head, _, body = exchange(address, request, timeout).decode().partition("\r\n\r\n")
    return body if " 200 " in head.partition("\r\n")[0] else head.partition("\r\n")[0]


def touch(server: Server, file: Path) -> None:
    """Touch a file until the server has seen it: it must have looked at it once before."""
    later = iter(range(1, 1000))

    def seen() -> bool:
        file.touch()
        stamp = time.time() + next(later)
        os.utime(file, (stamp, stamp))
        return f"touched={file}" in server.log

    wait_until(seen, START, "a touch that is seen")


class Load:
    """Clients that ask one request after the other, and count what is not answered by 200."""

    def __init__(self, address: Address, clients: int = 2) -> None:
        self.failures: list[str] = []
        self.words: set[str] = set()
        self.slowest = 0.0
        self._address = address
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]

    def _run(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                words = get(self._address).partition(" ")[0]
            except OSError as error:
                self.failures.append(repr(error))
                continue
            if words not in ("one", "two"):
                self.failures.append(words)
            self.words.add(words)
            self.slowest = max(self.slowest, time.monotonic() - began)

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(20)


ANY_TIME = "[uwsgi]\n"
SOON = "[uwsgi]\nstartup-timeout = 1\n"


class Site:
    """A server of the application above, whose source a test may change.

    ``limit`` is a configuration for the one generation that is to be late: what has to be in time
    beside it may take as long as the machine needs.
    """

    def __init__(self, start: StartServer, directory: Path) -> None:
        self._start = start
        self.limit = directory / "limit.ini"
        self.limit.write_text(ANY_TIME)
        self.file = directory / "pages.py"
        self.write("one")

    def write(self, words: str, more: str = "") -> None:
        self.file.write_text(APPLICATION.replace("one", words) + more)
        os.utime(self.file, (time.time() + 5, time.time() + 5))

    def serve(self, *options: str, workers: int = 2, **how: object) -> tuple[Server, Address]:
        server = self._start(
            *("--http-socket", "127.0.0.1:0", "--wsgi-file", str(self.file), "--disable-logging"),
            *("--master", "--need-app", "-p", str(workers)),
            *options,
            **how,  # type: ignore[arg-type]
        )
        match = server.wait_line(r"^listening (?P<host>[0-9.]+):(?P<port>\d+) ")
        server.wait_ready(workers)
        server.wait_line("^generation=1 serves")
        return server, (match["host"], int(match["port"]))


@pytest.fixture
def site(start: StartServer, tmp_path: Path) -> Site:
    return Site(start, tmp_path)


def test_a_chain_reload_brings_new_code_one_worker_after_the_other(
    site: Site, tmp_path: Path
) -> None:
    (tmp_path / "chain").write_text("")
    server, address = site.serve("--touch-chain-reload", str(tmp_path / "chain"), workers=3)
    site.write("two")
    with Load(address) as load:
        touch(server, tmp_path / "chain")
        server.wait_line("^generation=2 serves workers=3")
        wait_until(lambda: get(address).startswith("two"), START, "new code")
    assert load.failures == []
    log = server.log
    # The first of the old workers left before the last of the new ones was ready.
    assert log.index("ready generation=2") < log.index("left exit=17")
    server.wait_line(r"left exit=17 .* generation=1", count=3)


def test_a_chain_that_breaks_leaves_the_old_code_whole(site: Site, tmp_path: Path) -> None:
    (tmp_path / "chain").write_text("")
    server, address = site.serve("--touch-chain-reload", str(tmp_path / "chain"))
    # The second worker of the new generation does not survive its fork.
    site.write(
        "two",
        "\nimport os\nforks = []\n"
        "def child():\n    import sys\n    if len(forks) == 1: os._exit(9)\n"
        "os.register_at_fork(after_in_child=child, after_in_parent=lambda: forks.append(1))\n",
    )
    with Load(address) as load:
        touch(server, tmp_path / "chain")
        server.wait_line("generation=2 dropped, generation=1 serves on")
        wait_until(lambda: get(address).startswith("one"), START, "the old code")
    assert load.failures == []


def test_an_import_that_hangs_is_dropped_and_the_next_reload_works(site: Site) -> None:
    server, address = site.serve("--ini", str(site.limit))
    site.write("two", "\nimport time\ntime.sleep(600)\n")
    site.limit.write_text(SOON)
    with Load(address) as load:
        os.kill(server.pid, signal.SIGHUP)
        server.wait_line("generation=2 dropped.*still loading after startup-timeout=1s")
        site.write("two")
        site.limit.write_text(ANY_TIME)
        os.kill(server.pid, signal.SIGHUP)
        server.wait_line("^generation=3 serves")
        wait_until(lambda: "two" in load.words, START, "new code")
    assert load.failures == []
    assert load.words == {"one", "two"}


def test_a_first_start_that_hangs_ends_where_a_time_is_set(
    start: StartServer, tmp_path: Path
) -> None:
    (tmp_path / "hangs.py").write_text("import time\ntime.sleep(600)\n")
    server = start("--http-socket", "127.0.0.1:0", "-w", "hangs", "-M", "--startup-timeout", "1")
    assert server.process.wait(15) == 22
    assert "still loading after startup-timeout=1s" in server.log


def test_a_snapshot_is_restored_without_loading_anything(site: Site) -> None:
    server, address = site.serve("--snapshot", "1")
    site.write("two")
    os.kill(server.pid, signal.SIGHUP)
    server.wait_line("^generation=1 sleeps")
    assert get(address).startswith("two")
    site.file.unlink()
    with Load(address) as load:
        began = time.monotonic()
        os.kill(server.pid, signal.SIGURG)
        server.wait_line("^generation=1 serves", count=2)
        taken = time.monotonic() - began
        server.wait_line("^generation=2 sleeps")
        assert get(address).startswith("one")
    assert load.failures == []
    assert taken < 5
    assert server.log.count("application loaded") == 2


def test_without_snapshots_there_is_nothing_to_restore(site: Site) -> None:
    server, address = site.serve()
    os.kill(server.pid, signal.SIGURG)
    server.wait_line(r"no generation to restore; kept: none \(set snapshot = 1\)")
    assert get(address).startswith("one")


def test_workers_come_and_go_by_signal(site: Site) -> None:
    server, address = site.serve()
    with Load(address) as load:
        os.kill(server.pid, signal.SIGTTIN)
        server.wait_line("^worker=3 .* ready generation=1")
        os.kill(server.pid, signal.SIGTTOU)
        server.wait_line("^worker=3 .* left exit=17")
    assert load.failures == []


def test_exit_on_reload_is_an_end(site: Site) -> None:
    server, _ = site.serve("--exit-on-reload")
    os.kill(server.pid, signal.SIGHUP)
    assert server.process.wait(15) == 0


def test_the_workers_alone_are_replaced_when_a_file_is_touched(site: Site, tmp_path: Path) -> None:
    server, address = site.serve("--touch-workers-reload", str(tmp_path / "touch"))
    with Load(address) as load:
        touch(server, tmp_path / "touch")
        server.wait_line("left exit=17", count=2)
    assert load.failures == []
    assert server.log.count("application loaded") == 1


def test_what_a_reload_cannot_change_is_named(start: StartServer, tmp_path: Path) -> None:
    (tmp_path / "pages.py").write_text(APPLICATION)
    ini = tmp_path / "site.ini"
    text = "[uwsgi]\nhttp-socket = 127.0.0.1:0\nmodule = pages\nmaster = true\nprocesses = 1\n"
    ini.write_text(text)
    server = start("--ini", str(ini))
    server.wait_ready()
    ini.write_text(text.replace("processes = 1", "processes = 3") + "pidfile = other.pid\n")
    os.kill(server.pid, signal.SIGHUP)
    server.wait_line("warning: changed, but only by a restart: pidfile$")
    server.wait_line("^generation=2 serves workers=3")


class Installed:
    """A copy of quaich that a test may change under a server that runs it."""

    def __init__(self, directory: Path) -> None:
        self.package = directory / "quaich"
        shutil.copytree(
            Path(quaich.__file__).parent,
            self.package,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        self.env = {"PYTHONPATH": str(directory)}

    def change(self, more: str) -> None:
        file = self.package / "__init__.py"
        # As an installer does: another file in its place.
        other = file.with_suffix(".new")
        other.write_text(file.read_text() + more)
        other.replace(file)

    def edit(self, name: str, before: str, after: str) -> None:
        file = self.package / name
        text = file.read_text()
        assert before in text
        file.write_text(text.replace(before, after))

    def hold_trials(self, gate: Path) -> None:
        """Another version whose start waits as long as a file is there."""
        gate.touch()
        self.change(
            "\nimport os, time\n__version__ = '99.1'\n"
            "if 'QUAICH_RESUME_TRY' in os.environ:\n"
            f"    print(os.getpid(), file=open({f'{gate}.pid'!r}, 'w'))\n"
            f"    while os.path.exists({str(gate)!r}): time.sleep(0.01)\n"
        )


def trial_of(gate: Path) -> int:
    """The pid of the trial that waits."""
    file = Path(f"{gate}.pid")
    wait_until(lambda: file.exists() and file.read_text().strip(), START, "a trial")
    return int(file.read_text())


def test_another_version_takes_over_in_place_under_load(site: Site, tmp_path: Path) -> None:
    installed = Installed(tmp_path / "lib")
    pidfile = tmp_path / "pid"
    server, address = site.serve("--pidfile", str(pidfile), "--snapshot", "1", env=installed.env)
    workers = set(server.wait_ready(2))
    installed.change('\n__version__ = "99.1"\n')
    site.write("two")
    with Load(address) as load:
        os.kill(server.pid, signal.SIGHUP)
        server.wait_line(rf"^quaich=99.1 .*pid={server.pid} goes on generation=1")
        server.wait_line("^generation=2 serves")
        wait_until(lambda: not any(stat(pid) for pid in workers), START, "old workers to leave")
        wait_until(lambda: "two" in load.words, START, "new code")
        # What it supervised before it still supervises.
        os.kill(server.pid, signal.SIGURG)
        server.wait_line("^generation=1 serves", count=2)
        victim = server.wait_ready()[-1]
        os.kill(victim, signal.SIGKILL)
        server.wait_line(f"pid={victim} died signal=SIGKILL")
    # Only what the killed worker held may be lost.
    assert len(load.failures) <= 2, load.failures
    assert load.words - {""} == {"one", "two"}
    assert int(pidfile.read_text()) == server.pid
    assert sum("quaich" in command for command in [" ".join(server.argv)]) == 1
    os.kill(server.pid, signal.SIGINT)
    assert server.process.wait(15) == 0


@pytest.mark.parametrize(
    ("change", "patience", "reason"),
    [
        ("\n1 / 0\n", "60", "ZeroDivisionError"),
        ("\nimport time\ntime.sleep(60)\n", "1", "within 1 s"),
    ],
)
def test_a_version_that_does_not_work_changes_nothing(
    site: Site, tmp_path: Path, change: str, patience: str, reason: str
) -> None:
    installed = Installed(tmp_path / "lib")
    installed.edit("master/succession.py", "PATIENCE = 10.0", f"PATIENCE = {patience}.0")
    server, address = site.serve("--ini", str(site.limit), env=installed.env)
    installed.change(change)
    site.limit.write_text(SOON)
    with Load(address) as load:
        os.kill(server.pid, signal.SIGHUP)
        server.wait_line(f"the master stays what it is, quaich=.*{reason}", 30)
        server.wait_line("generation=2 dropped, generation=1 serves on", 30)
    assert load.failures == []
    assert get(address).startswith("one")


def test_a_master_that_cannot_be_replaced_refuses_the_zygote_of_another_version(
    site: Site, tmp_path: Path
) -> None:
    installed = Installed(tmp_path / "lib")
    server, address = site.serve(env=installed.env)
    # It runs, but cannot read what the running master would hand over.
    installed.edit("master/estate.py", 'data["lifeline"]', 'data["other"]')
    installed.change('\n__version__ = "99.1"\n')
    with Load(address) as load:
        os.kill(server.pid, signal.SIGHUP)
        server.wait_line("the master stays what it is, quaich=.*cannot be read: 'other'")
        server.wait_line("generation=2 dropped.*quaich=99.1 is installed, and the master is still")
    assert load.failures == []
    assert "Traceback" not in server.log
    assert get(address).startswith("one")


def test_the_master_supervises_while_another_version_is_tried(site: Site, tmp_path: Path) -> None:
    installed = Installed(tmp_path / "lib")
    gate = tmp_path / "gate"
    server, address = site.serve("--pidfile", str(tmp_path / "pid"), env=installed.env)
    installed.hold_trials(gate)
    upgrade = subprocess.Popen(
        [*command(), "upgrade", str(tmp_path / "pid")],
        env=environment(installed.env),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        trial = trial_of(gate)
        victim = server.wait_ready()[0]
        os.kill(victim, signal.SIGKILL)
        server.wait_ready(3)
        # What is asked for meanwhile follows, once.
        site.write("two")
        os.kill(server.pid, signal.SIGHUP)
        server.wait_line("^signal=SIGHUP action=reload")
        assert stat(trial)
        assert "goes on" not in server.log
        gate.unlink()
        _, said = upgrade.communicate(timeout=START)
    finally:
        upgrade.kill()
        upgrade.wait()
    assert said == "quaich: the installed quaich is tried\nquaich: quaich=99.1 goes on\n"
    assert upgrade.returncode == 0
    server.wait_line("^generation=2 serves")
    wait_until(lambda: get(address).startswith("two"), START, "the new code")
    assert "generation=3" not in server.log


def test_a_reload_that_waits_for_another_is_of_the_installed_version_too(
    site: Site, tmp_path: Path
) -> None:
    installed = Installed(tmp_path / "lib")
    gate = tmp_path / "slow"
    server, address = site.serve(env=installed.env)
    gate.touch()
    site.write("two", f"\nprint('loads')\nwhile os.path.exists({str(gate)!r}): time.sleep(0.01)\n")
    os.kill(server.pid, signal.SIGHUP)
    server.wait_line("^loads$")
    installed.change('\n__version__ = "99.1"\n')
    with Load(address) as load:
        os.kill(server.pid, signal.SIGHUP)
        server.wait_line("^signal=SIGHUP action=reload", count=2)
        gate.unlink()
        server.wait_line("^generation=2 serves")
        server.wait_line("^quaich=99.1 .* goes on generation=2")
        server.wait_line("^generation=3 serves")
    assert load.failures == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_of_a_trial_when_the_server_ends(
    site: Site, tmp_path: Path, number: int
) -> None:
    installed = Installed(tmp_path / "lib")
    gate = tmp_path / "gate"
    server, _ = site.serve(env=installed.env)
    installed.hold_trials(gate)
    os.kill(server.pid, signal.SIGHUP)
    trial = trial_of(gate)
    os.kill(server.pid, number)
    assert server.process.wait(STOP) == (0 if number == signal.SIGINT else -number)
    wait_until(lambda: not _lives(trial), 2, "the trial to end with the server")


def _lives(pid: int) -> bool:
    found = stat(pid)
    return found is not None and found.state != "Z"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_configuration_that_takes_its_time_holds_up_nothing(
    start: StartServer, tmp_path: Path, number: int
) -> None:
    (tmp_path / "pages.py").write_text(APPLICATION)
    gate, program = tmp_path / "gate", tmp_path / "more.sh"
    program.write_text(
        "#!/bin/sh\necho $$ > reader\nwhile [ -e gate ]; do sleep 0.05; done\necho '[uwsgi]'\n"
    )
    program.chmod(0o755)
    (tmp_path / "site.ini").write_text(
        "[uwsgi]\nhttp-socket = 127.0.0.1:0\nmodule = pages\nmaster = true\nini = exec://./more.sh\n"
    )
    server = start("--ini", "site.ini")
    victim = server.wait_ready()[0]
    gate.touch()
    os.kill(server.pid, signal.SIGHUP)
    server.wait_line("^signal=SIGHUP action=reload")
    os.kill(victim, signal.SIGKILL)
    server.wait_ready(2)
    gate.unlink()
    server.wait_line("^generation=2 serves")
    gate.touch()
    reader = tmp_path / "reader"
    reader.unlink()
    os.kill(server.pid, signal.SIGHUP)
    wait_until(lambda: reader.exists() and reader.read_text(), START, "the second reading")
    os.kill(server.pid, number)
    assert server.process.wait(STOP) == (0 if number == signal.SIGINT else -number)
    # The program that was started for it goes as well.
    wait_until(lambda: not _lives(int(reader.read_text())), 2, "the program to be ended")
