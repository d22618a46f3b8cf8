"""A zygote as its master meets it: executed, asked over its channel, and what it says and does."""

import array
import errno
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from quaich import __version__
from quaich.config.effective import Config
from quaich.log.board import Board
from quaich.net.listen import BoundListener
from quaich.stats.appmetrics import read
from quaich.stats.scoreboard import ACCEPTING, Scoreboard
from quaich.sys import family, process
from quaich.sys.process import adopt_orphans
from quaich.worker import logswitch, zygote
from quaich.worker.bootstrap import Bootstrap
from quaich.worker.lounge import open_pair
from quaich.worker.messages import (
    LIMIT,
    Fork,
    Forked,
    ForkFailed,
    Loaded,
    LoadFailed,
    Message,
    Metrics,
    Modules,
    NotReady,
    Ready,
    Refork,
    Reforked,
    ReforkFailed,
    Spent,
    decode,
    encode,
)
from quaich.wsgi.loader import Apps
from tests.support.desk import DEADLINE, GET, reply_from
from tests.support.logs import Lines
from tests.support.processes import stat, wait_until
from tests.support.server import environment

RUN = "import sys; from quaich.worker.zygote import main; sys.argv[1:] = sys.argv[1:2]; main()"
HELLO = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]
"""
LATE = """
import atexit
import sys

atexit.register(print, "the end", flush=True)

def application(environ, start_response):
    import late
    if environ["PATH_INFO"] == "/raise":
        raise LookupError
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]
"""
FORKING = """
import os

def application(environ, start_response):
    if os.fork():
        os.wait()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]
"""
BREAKING = """
from quaich.errors import QuaichError
from quaich.worker import zygote

def fail(*arguments):
    raise QuaichError("broken on purpose")

def application(environ, start_response):
    zygote.open_doors = fail
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]
"""
_PR_SET_CHILD_SUBREAPER = 36


class Master:
    """What a zygote takes for its master; its workers are this process's children too."""

    def __init__(self, directory: Path, application: str = HELLO) -> None:
        self.directory = directory
        (directory / "app.py").write_text(application)
        (directory / "late.py").write_text("")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.board = Scoreboard.create(2, 1)
        self.channel, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.channel.settimeout(DEADLINE)
        self.lifeline, self.life = os.pipe()
        self.lounge = open_pair()
        self.log = directory / "log"
        self.workers: list[int] = []

    def start(
        self,
        *,
        generation: int = 1,
        master: int = 0,
        version: str = __version__,
        board: int | None = None,
        courier: int | None = None,
        **options: Any,
    ) -> None:
        bootstrap = Bootstrap(
            config=Config(module="app", pythonpath=(str(self.directory),), **options),
            generation=generation,
            master=master or os.getpid(),
            listeners=(
                BoundListener(self.listener.fileno(), "http", "test", int(self.listener.family)),
            ),
            scoreboard=self.board.fd,
            channel=self.theirs.fileno(),
            lifeline=self.lifeline,
            lounge=self.lounge,
            need_app=True,
            leftovers=(self.leftover(),),
            board=board,
            courier=courier,
        )
        file = os.memfd_create("bootstrap", 0)
        os.write(file, bootstrap.to_json().replace(f'"{__version__}"', f'"{version}"').encode())
        with self.log.open("ab") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-c", RUN, str(file)],
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                pass_fds=[*bootstrap.descriptors(), file],
            )
        os.close(file)
        self.theirs.close()

    def leftover(self) -> tuple[str, int, int]:
        path = self.directory / "leftover"
        path.write_text("")
        return str(path), path.stat().st_dev, path.stat().st_ino

    def ask(self, message: Message, fds: tuple[int, ...] = ()) -> None:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.channel.sendmsg([encode(message)], rights)

    def told(self, channel: socket.socket | None = None) -> Message:
        packet = (channel or self.channel).recv(LIMIT)
        assert packet, self.log.read_text()
        message = decode(packet)
        if isinstance(message, (Forked, Reforked)):
            self.workers.append(message.pid)
        return message

    def load(self, **options: Any) -> None:
        self.start(**options)
        told = self.told()
        while isinstance(told, Modules):
            told = self.told()
        assert told == Loaded(), self.log.read_text()

    def fork(self, slot: int = 1) -> int:
        """A worker that serves; its pid."""
        self.ask(Fork(slot, 0))
        forked = self.told()
        assert isinstance(forked, Forked)
        assert self.told() == Ready(slot), self.log.read_text()
        return forked.pid

    def status(self) -> int:
        return self.process.wait(DEADLINE)

    def wait_worker(self, pid: int) -> int:
        ended: list[int] = []

        def has_ended() -> bool:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                ended.append(os.waitstatus_to_exitcode(status))
            return bool(done)

        wait_until(has_ended, DEADLINE, f"the end of {pid}: {self.log.read_text()}")
        self.workers.remove(pid)
        return ended[0]

    def serves(self) -> bool:
        with socket.create_connection(self.listener.getsockname(), DEADLINE) as client:
            client.sendall(GET)
            return reply_from(client).endswith(b"hello")

    def close(self) -> None:
        self.channel.close()
        os.close(self.life)
        self.process.wait(DEADLINE)
        for pid in list(self.workers):
            self.wait_worker(pid)
        self.listener.close()
        for fd in (self.lifeline, *self.lounge, self.board.fd):
            os.close(fd)


@pytest.fixture
def adopting() -> Iterator[None]:
    adopt_orphans()
    yield
    family.prctl(_PR_SET_CHILD_SUBREAPER, 0)


@pytest.fixture
def master(tmp_path: Path, adopting: None) -> Iterator[Master]:
    made = Master(tmp_path)
    yield made
    try:
        made.close()
    finally:
        for pid in made.workers:
            os.kill(pid, signal.SIGKILL)


class TestLoading:
    def test_and_forking_and_the_end(self, master: Master) -> None:
        master.load()
        pid = master.fork()
        assert master.board.slot(1).get(ACCEPTING) == 1
        assert master.serves()
        os.kill(pid, signal.SIGHUP)
        assert master.wait_worker(pid) == 17
        assert (master.directory / "leftover").exists()
        master.channel.close()
        assert master.status() == 0

    def test_what_cannot_be_loaded(self, master: Master) -> None:
        (master.directory / "app.py").write_text("import no_such_module\n")
        master.start(py_auto_reload=1)
        seen: list[Message] = []
        while not (seen and isinstance(seen[-1], LoadFailed)):
            seen.append(master.told())
        failed = seen[-1]
        assert isinstance(failed, LoadFailed)
        assert "no_such_module" in failed.reason
        assert master.status() == failed.status != 0
        assert "Traceback" in master.log.read_text()
        # What has to be mended is watched.
        paths = [path for each in seen[:-1] for path in getattr(each, "paths", ())]
        assert str(master.directory / "app.py") in paths

    def test_of_a_later_generation(self, master: Master) -> None:
        """What a master does at its start; and what would be shared by mistake is named."""
        (master.directory / "app.py").write_text(
            HELLO + "\nimport socket\nkept = socket.socketpair()\n"
        )
        master.load(generation=2, hook_master_start=("log:the master has started",))
        said = master.log.read_text()
        assert "the master has started" in said
        assert said.count("warning: fork: the workers share a pair of sockets") == 2

    def test_for_another_version(self, master: Master) -> None:
        master.start(version="0.0.1")
        failed = master.told()
        assert isinstance(failed, LoadFailed)
        assert "the master is still quaich=0.0.1" in failed.reason
        assert master.status() == 1

    def test_for_a_master_that_is_gone(self, master: Master) -> None:
        master.start(master=1)
        assert master.status() == 1
        assert master.channel.recv(100) == b"", "it says nothing"

    def test_a_process_that_the_application_forks_and_loses(self, master: Master) -> None:
        (master.directory / "app.py").write_text(
            "import os\npid = os.fork()\nif pid:\n    os.waitpid(pid, 0)\n" + HELLO
        )
        master.load()
        assert "was forked by the application and came back from it" in master.log.read_text()
        master.fork()
        assert master.serves()


class TestForking:
    def test_a_worker_whose_path_does_not_answer(self, master: Master) -> None:
        (master.directory / "app.py").write_text(HELLO.replace("200 OK", "503 Wait"))
        told = not_ready(master, ready_path="/")
        assert "expected a status of 2xx or 3xx, got 503" in told.reason

    def test_a_worker_that_cannot_load(self, master: Master) -> None:
        (master.directory / "app.py").write_text("raise ValueError('mine')\n")
        told = not_ready(master, lazy_apps=True, py_auto_reload=1)
        assert "mine" in told.reason
        assert "ValueError: mine" in master.log.read_text()

    def test_a_process_that_a_worker_forks_and_loses(self, master: Master) -> None:
        (master.directory / "app.py").write_text(
            HELLO + "\nimport os\n"
            "def fork():\n    pid = os.fork()\n    if pid:\n        os.waitpid(pid, 0)\n"
        )
        master.load(post_fork=("app:fork",))
        master.fork()
        assert "came back from it" in master.log.read_text()
        assert master.serves()

    def test_what_fails_where_it_accepts_ends_the_worker(self, master: Master) -> None:
        master.load(hook_accepting=("unlink:/nowhere/x",))
        assert self.status_of_a_worker(master) == 1
        assert "worker=1 hook-accepting = unlink:/nowhere/x: no such" in master.log.read_text()

    def test_what_nobody_expects_ends_the_worker(self, master: Master) -> None:
        master.load(threads_stacksize=1)
        assert self.status_of_a_worker(master) == 1
        said = master.log.read_text()
        assert "worker=1 failed: ValueError: size not valid: 1024 bytes" in said
        assert "Traceback" in said

    def status_of_a_worker(self, master: Master) -> int:
        master.ask(Fork(1, 0))
        forked = master.told()
        assert isinstance(forked, Forked)
        return master.wait_worker(forked.pid)

    def test_what_a_worker_asks_its_master_for(self, master: Master) -> None:
        """To be replaced, and to watch what it imports."""
        (master.directory / "app.py").write_text(LATE)
        board = Board()
        os.close(master.board.fd)
        master.board = Scoreboard.create(2, 3)
        master.load(
            board=board.fd,
            threads=3,
            max_requests=3,
            py_auto_reload=1,
            reload_on_exception=True,
            dynamic_apps=(str(master.directory),),
            min_worker_lifetime=0,
        )
        pid = master.fork()
        with socket.create_connection(master.listener.getsockname(), DEADLINE) as client:
            client.sendall(GET.replace(b"/ ", b"/raise "))
            assert reply_from(client).startswith(b"HTTP/1.1 500 ")
        for _ in range(2):
            assert master.serves()
        causes: list[str] = []
        paths: list[str] = []
        while len(causes) < 2 or str(master.directory / "late.py") not in paths:
            told = master.told()
            causes += [told.cause] if isinstance(told, Spent) else []
            paths += told.paths if isinstance(told, Modules) else []
        assert causes == ["exception=LookupError", "requests=3 max-requests=3"]
        file = os.open(master.directory / "later", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        board.post(file)
        os.close(file)
        os.kill(pid, logswitch.SIGNAL)
        later = master.directory / "later"

        def writes_there() -> bool:
            # Of two signals that wait, the lower comes first.
            os.kill(pid, signal.SIGUSR1)
            return " statistics state=serving" in later.read_text()

        wait_until(writes_there, DEADLINE, "a line in the other file")
        os.kill(pid, signal.SIGHUP)
        assert master.wait_worker(pid) == 17
        assert "the end" in later.read_text()
        board.close()

    def test_at_once_between_two_requests_and_inside_one(self, master: Master) -> None:
        hung = master.directory / "hung"
        hang = f"    open({str(hung)!r}, 'w').close(); time.sleep(60)\n    start"
        (master.directory / "app.py").write_text(
            "import time\n" + HELLO.replace("    start", hang, 1)
        )
        master.load()
        busy = master.fork(1)
        with socket.create_connection(master.listener.getsockname(), DEADLINE) as client:
            client.sendall(GET)
            wait_until(hung.exists, DEADLINE, "it hangs")
            idle = master.fork(2)
            for pid in (busy, idle):
                os.kill(pid, signal.SIGINT)
                assert master.wait_worker(pid) == 30
            assert client.recv(100) == b"", "not a half answer"

    def test_what_a_worker_prints_is_lent_to_the_courier(self, master: Master) -> None:
        (master.directory / "app.py").write_text(
            HELLO.replace("    start", "    print('printed', flush=True)\n    start", 1)
        )
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(DEADLINE)
        master.load(
            courier=theirs.fileno(),
            logger=("socket:/nowhere",),
            log_worker_output=True,
            skip_atexit=True,
        )
        theirs.close()
        pid = master.fork()
        fds: list[int] = []
        while not fds:
            _, fds, _, _ = socket.recv_fds(ours, LIMIT, 1)
        assert master.serves()
        [pipe] = fds
        assert os.read(pipe, 100) == b"printed\n"
        os.close(pipe)
        ours.close()
        os.kill(pid, signal.SIGHUP)
        assert master.wait_worker(pid) == 17

    def test_what_a_worker_counts_is_handed_over(self, master: Master) -> None:
        """With the first request that has a route, and what came since when it leaves."""
        (master.directory / "app.py").write_text(
            HELLO.replace("    start", "    environ['quaich.route'] = '/a'\n    start", 1)
        )
        master.load(stats=("127.0.0.1:0",))
        pid = master.fork()
        assert master.serves()
        assert self.counted(master) == 1
        assert master.serves()
        os.kill(pid, signal.SIGHUP)
        assert master.wait_worker(pid) == 17
        assert self.counted(master) == 2

    def counted(self, master: Master) -> float:
        packet, [fd], _, _ = socket.recv_fds(master.channel, LIMIT, 1)
        assert decode(packet) == Metrics(1)
        groups = read(os.pread(fd, 65536, 0))
        os.close(fd)
        [series] = groups["quaich_route_duration_seconds"].series.values()
        return series["_count", (("route", "/a"),)]

    def test_a_worker_of_somebody_else_does_not_live(self, tmp_path: Path) -> None:
        """It waits at the gate until its master knows it, and its master is not its parent."""
        master = Master(tmp_path)
        master.load()
        master.ask(Fork(1, 0))
        forked = master.told()
        master.workers.clear()
        assert isinstance(forked, Forked)
        wait_until(
            lambda: (found := stat(forked.pid)) is None or found.state == "Z",
            *(DEADLINE, "it has ended"),
        )
        assert master.board.slot(1).get(ACCEPTING) == 0
        master.close()

    def test_what_was_left_when_the_master_is_killed_is_removed(self, master: Master) -> None:
        master.load()
        os.close(master.life)
        master.life = os.open(os.devnull, os.O_RDONLY)
        assert master.status() == 0
        assert not (master.directory / "leftover").exists()

    def test_what_is_not_for_it_is_read_over(self, master: Master) -> None:
        reader, writer = os.pipe()
        master.load()
        master.ask(Ready(1), (writer,))
        os.close(writer)
        master.fork()
        assert os.read(reader, 1) == b"", "a descriptor that came with it was closed"
        os.close(reader)


class TestReforking:
    """The zygote of a later generation, forked from this one."""

    @pytest.mark.parametrize("lazy", [False, True])
    def test_a_successor(self, master: Master, lazy: bool) -> None:
        master.load(lazy_apps=lazy)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(DEADLINE)
        board = Scoreboard.create(2, 1)
        master.ask(Refork(2, 3), (theirs.fileno(), board.fd))
        theirs.close()
        told = master.told()
        assert isinstance(told, Reforked)
        assert told.generation == 2
        assert master.told(ours) == Loaded()
        assert ("warmup requests=3 failed=0" in master.log.read_text()) == (not lazy)
        # The first is not needed any more.
        master.channel.close()
        master.channel = ours
        master.fork()
        assert board.slot(1).get(ACCEPTING) == 1
        assert master.serves()
        os.close(board.fd)

    def successor(self, master: Master, application: str) -> Message:
        """What a zygote that was forked from this one says after one request."""
        (master.directory / "app.py").write_text(application)
        master.load()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            ours.settimeout(DEADLINE)
            master.ask(Refork(2, 1), (theirs.fileno(), master.board.fd))
            theirs.close()
            assert isinstance(master.told(), Reforked)
            return master.told(ours)

    def test_a_process_that_a_request_forks_is_none(self, master: Master) -> None:
        assert self.successor(master, FORKING) == Loaded()
        assert master.log.read_text().count("was forked by the application") == 1

    def test_one_that_cannot_serve(self, master: Master) -> None:
        assert self.successor(master, BREAKING) == LoadFailed("broken on purpose", 1)

    def test_without_its_descriptors(self, master: Master) -> None:
        master.load()
        master.ask(Refork(2, 0))
        assert master.told() == ReforkFailed(2, "its descriptors did not arrive")


def not_ready(master: Master, **options: Any) -> NotReady:
    master.load(**options)
    master.ask(Fork(1, 0))
    forked = master.told()
    assert isinstance(forked, Forked)
    told = master.told()
    while not isinstance(told, NotReady):
        told = master.told()
    assert master.wait_worker(forked.pid) == told.status
    assert f"worker=1 pid={forked.pid} is not ready: {told.reason}" in master.log.read_text()
    return told


class Passed(BaseException):
    pass


class TestInThisProcess:
    """What goes wrong at a moment that no master can choose, and the other side of a fork."""

    @pytest.fixture
    def told(self) -> Iterator[socket.socket]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(DEADLINE)
        bootstrap: Any = SimpleNamespace(
            config=Config(), channel=theirs.detach(), master=os.getppid(), listeners=(), lifeline=-1
        )
        self.log = Lines()
        self.made = zygote.Zygote(bootstrap, self.log)
        yield ours
        self.made._channel.close()
        ours.close()

    def test_the_master_dies_while_privileges_are_dropped(
        self, told: socket.socket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The kernel's signal is forgotten then, so it is looked at once more."""
        alive = iter((True, False))
        loaded: list[object] = []
        monkeypatch.setattr(process, "die_with_parent", lambda parent: next(alive))
        monkeypatch.setattr(zygote.resources, "claim", lambda config: None)
        monkeypatch.setattr(zygote.startup, "drop_privileges", lambda config, log: None)
        monkeypatch.setattr(zygote.Zygote, "_load", lambda self, prepared: loaded.append(self))
        assert self.made.run() == 1
        assert not loaded

    @pytest.mark.parametrize(("long", "tidy"), [(60.0, False), (0.0, True)])
    def test_garbage_is_looked_for_after_a_long_load(
        self, long: float, tidy: bool, told: socket.socket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(zygote, "_LONG", long)
        monkeypatch.setattr(process, "die_with_parent", lambda parent: True)
        monkeypatch.setattr(zygote.resources, "claim", lambda config: None)
        monkeypatch.setattr(zygote.startup, "drop_privileges", lambda config, log: None)
        monkeypatch.setattr(zygote.Zygote, "_load", lambda self, prepared: None)
        asked: list[bool] = []
        monkeypatch.setattr(zygote.Zygote, "_prepare", lambda self, tidy: asked.append(tidy))
        monkeypatch.setattr(zygote.Zygote, "_wait_for_work", lambda self: 0)
        self.made._bootstrap.generation = 1
        assert self.made.run() == 0
        assert asked == [tidy]

    def test_no_descriptor_for_the_gate(
        self, told: socket.socket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def pipe() -> None:
            raise OSError(errno.EMFILE, "Too many open files")

        monkeypatch.setattr(os, "pipe", pipe)
        self.made._fork([Fork(1, 0), Fork(2, 1)])
        for slot in (1, 2):
            assert decode(told.recv(LIMIT)) == ForkFailed(slot, "too many open files")
        assert not self.made._forked

    def test_no_memory_for_the_second(
        self, told: socket.socket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The first lives, and the next worker of its slot is one that replaces it."""

        def fork(count: int, pids: list[int]) -> int:
            assert count == 2
            pids += [4711, -errno.ENOMEM]
            return -1

        monkeypatch.setattr(family, "fork_away", fork)
        self.made._fork([Fork(1, 0), Fork(2, 0)])
        assert decode(told.recv(LIMIT)) == Forked(1, 4711)
        assert decode(told.recv(LIMIT)) == ForkFailed(2, "cannot allocate memory")
        assert self.made._forked == {1}

    def test_what_is_said_to_nobody(self, told: socket.socket) -> None:
        told.close()
        self.made._send(Loaded())
        self.made._ready = {1: b"ready"}
        self.made._accepting_chores = False
        self.made._accepting(1)

    def test_the_end_of_the_gate_is_not_the_child_s(
        self, told: socket.socket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        passed: list[Any] = []

        def pass_(self: Any, birth: Any, gate: int) -> None:
            passed.append((birth.name, gate))
            raise Passed

        monkeypatch.setattr(family, "fork_away", lambda count, pids: 0)
        monkeypatch.setattr(zygote.Zygote, "_pass", pass_)
        with pytest.raises(Passed):
            self.made._fork([Fork(1, 0)])
        [(name, gate)] = passed
        assert name == "worker=1"
        assert os.read(gate, 1) == b"", "nobody can open it"
        os.close(gate)

    def test_a_process_that_a_hook_forked_serves_nobody(
        self, told: socket.socket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fork(self: zygote.Zygote, slot: int) -> None:
            # As in a child, whose number is another.
            self._pid = -1

        monkeypatch.setattr(zygote.Zygote, "_do_chores", fork)
        assert self.made._work(1, 0) == 1
        assert "was forked by the application" in self.log.text

    @pytest.fixture
    def limited(self, told: socket.socket, monkeypatch: pytest.MonkeyPatch) -> str:
        """What is said where memory runs out."""
        self.made._config = Config(limit_as=512, places=(("limit-as", "a.ini:2"),))
        return "a.ini:2: limit-as = 512: memory ran out under it; expected more megabytes"

    def run_out(self, *_: object) -> int:
        raise MemoryError

    def test_a_worker_short_of_memory_is_not_ready(
        self, told: socket.socket, limited: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(zygote.Zygote, "_do_chores", lambda self, slot: None)
        monkeypatch.setattr(zygote.Zygote, "_accept", self.run_out)
        assert self.made._work(1, 0) == 1
        said = decode(told.recv(LIMIT))
        assert isinstance(said, NotReady)
        assert said.reason.startswith(limited)

    def test_a_zygote_short_of_memory_says_so(
        self, told: socket.socket, limited: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for module, name in (
            (zygote.signal, "signal"),
            (zygote.gc, "freeze"),
            (process, "outlive_parent"),
        ):
            monkeypatch.setattr(module, name, lambda *_: None)
        monkeypatch.setattr(zygote.Zygote, "_serve", self.run_out)
        assert self.made._wait_for_work() == 1
        assert decode(told.recv(LIMIT)) == Loaded()
        assert f"zygote pid={os.getpid()}: {limited}" in self.log.text

    def test_a_process_that_a_request_forked_is_no_zygote(
        self, told: socket.socket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fork(*_: object) -> None:
            self.made._pid = -1

        monkeypatch.setattr(zygote.warm, "serve", fork)
        monkeypatch.setattr(zygote, "replace", lambda bootstrap, **more: bootstrap)
        self.made._apps = Apps(None)
        self.made._bootstrap.scoreboard = os.open(os.devnull, os.O_RDONLY)
        assert self.made._succeed(Refork(2, 1), os.dup(told.fileno()), -1) == 1
        assert "was forked by the application" in self.log.text
