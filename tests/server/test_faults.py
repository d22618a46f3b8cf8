"""Applications that misbehave as a process does, and a machine that runs out: the outcome of each.

Whatever an application does to its own process, the server replaces the process, serves on and
stops when it is told to, and leaves no process, socket file or pid file behind.
"""

import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.support import http
from tests.support.net import Address, accepts, exchange
from tests.support.ports import free_port
from tests.support.processes import stat, wait_until
from tests.support.server import START, Server, command, run

APPLICATION = """
import ctypes, os, signal, subprocess, sys, threading, time

kept = []


def application(environ, start_response):
    path, query = environ["PATH_INFO"], environ["QUERY_STRING"]
    open("entered", "a").write(path + "\\n")
    if path == "/segfault":
        ctypes.string_at(0)
    elif path == "/abort":
        os.abort()
    elif path == "/exit":
        os._exit(0)
    elif path == "/system-exit":
        sys.exit(3)
    elif path == "/interrupt":
        raise KeyboardInterrupt
    elif path == "/ignore":
        for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"):
            signal.signal(signal.Signals[name], signal.SIG_IGN)
    elif path == "/block":
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    elif path == "/fork":
        if not (child := os.fork()):
            time.sleep(3600)
        open("child", "w").write(str(child))
    elif path == "/fork-and-return":
        if not os.fork():
            pass
    elif path == "/spawn":
        open("child", "w").write(str(subprocess.Popen(["sleep", "3600"]).pid))
    elif path == "/thread":
        threading.Thread(target=time.sleep, args=(3600,)).start()
    elif path == "/never":
        time.sleep(3600)
    elif path == "/loop":
        while True:
            pass
    elif path == "/memory":
        kept.append(bytearray(int(query) << 20))
    elif path == "/recurse":
        recurse(0)
    elif path == "/close":
        os.closerange(0, 256)
    elif path == "/kill-group":
        os.killpg(0, signal.SIGKILL)
    elif path == "/chdir":
        os.chdir("/")
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


def recurse(depth):
    return recurse(depth + 1)
"""


def get(address: Address, path: str = "/", timeout: float = 10.0) -> str:
    """The body of an answer 200, or the status line of another, or nothing."""
    request = f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    reply = b""
    with contextlib.suppress(ConnectionError):
        reply = exchange(address, request.encode(), timeout)
    head, _, body = reply.decode().partition("\r\n\r\n")
    return body if " 200 " in head.partition("\r\n")[0] else head.partition("\r\n")[0]


class Place:
    """A directory with the application, and servers of it."""

    def __init__(self, start: StartServer, directory: Path) -> None:
        self._start, self.directory = start, directory
        self.address: Address = ("127.0.0.1", 0)
        (directory / "faulty.py").write_text(APPLICATION)

    def __call__(self, *options: str, workers: int = 2, argv: list[str] | None = None) -> Server:
        self.address = ("127.0.0.1", free_port())
        server = self._start(
            *("--http-socket", "{}:{}".format(*self.address), "--socket", "site.sock"),
            *("--pidfile", "site.pid", "--vacuum", "--master", "-p", str(workers)),
            *("-w", "faulty", "--disable-logging", *options),
            argv=argv,
        )
        server.wait_ready(workers)
        return server

    def serves(self, count: int = 20) -> None:
        """The server answers, that often in a row, once it does."""
        wait_until(lambda: get(self.address).isdigit(), START, "it answers again")
        for _ in range(count):
            assert get(self.address).isdigit()

    def stopped(self, server: Server, how: int = signal.SIGINT, timeout: float = 10.0) -> None:
        """It stops in time, and nothing of it is left."""
        assert server.stop(how, timeout) == 0
        assert not (self.directory / "site.sock").exists()
        assert not (self.directory / "site.pid").exists()


@pytest.fixture
def place(start: StartServer, tmp_path: Path) -> Place:
    return Place(start, tmp_path)


@pytest.mark.parametrize(
    ("path", "how"),
    [
        ("/segfault", "signal=SIGSEGV"),
        ("/abort", "signal=SIGABRT"),
        ("/exit", "exit=0"),
    ],
)
@pytest.mark.parametrize("threads", ["1", "3"])
def test_a_request_that_ends_its_worker(place: Place, path: str, how: str, threads: str) -> None:
    server = place("--threads", threads)
    workers = server.wait_ready(2)
    # Older than a second: what dies younger is replaced after a pause.
    wait_until(lambda: age(workers[1]) > 1.1, 5, "the workers are not new")
    assert get(place.address, path) == ""
    server.wait_line(rf"^warning: worker=\d pid=\d+ died {how} ")
    ended = time.monotonic()
    server.wait_ready(3)
    assert time.monotonic() - ended < 1.5
    place.serves()
    assert sum(stat(pid) is not None for pid in workers) == 1
    place.stopped(server)


def age(pid: int) -> float:
    """Seconds since a process was started."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    since_boot = float(Path("/proc/uptime").read_text().split()[0])
    return since_boot - int(fields[19]) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("path", ["/system-exit", "/interrupt", "/recurse"])
def test_a_request_that_raises_what_is_no_ordinary_error(place: Place, path: str) -> None:
    server = place(workers=1)
    (first,) = server.wait_ready(1)
    assert get(place.address, path) in ("", "HTTP/1.1 500 Internal Server Error")
    place.serves()
    if path == "/recurse":
        assert get(place.address) == str(first)
    place.stopped(server)


@pytest.mark.parametrize("path", ["/ignore", "/block"])
@pytest.mark.parametrize("how", ["stop", "reload", "brutal"])
def test_a_worker_deaf_to_signals(place: Place, path: str, how: str) -> None:
    server = place("--reload-mercy", "2", "--worker-reload-mercy", "2")
    deaf = int(get(place.address, path))
    if how == "stop":
        place.stopped(server, timeout=8)
        return
    server.send(signal.SIGHUP if how == "reload" else signal.SIGTERM)
    server.wait_line(r"^generation=2 serves")
    wait_until(lambda: stat(deaf) is None, 8, "the deaf worker is gone")
    place.serves()
    place.stopped(server)


@pytest.mark.parametrize("path", ["/fork", "/spawn"])
@pytest.mark.parametrize("how", ["stop", "reload", "worker-killed"])
def test_a_child_of_the_application_holds_up_nothing(place: Place, path: str, how: str) -> None:
    server = place()
    # A forked child holds what its parent held, this connection too: it does not end.
    worker = int(http.get(place.address, path).body)
    child = int((place.directory / "child").read_text())
    try:
        if how == "reload":
            server.send(signal.SIGHUP)
            server.wait_line(r"^generation=2 serves")
            wait_until(lambda: stat(worker) is None, 10, "the old worker is gone")
            place.serves()
        elif how == "worker-killed":
            os.kill(worker, signal.SIGKILL)
            server.wait_ready(3)
            place.serves()
        server.send(signal.SIGINT)
        assert server.wait_exit() == 0
        # It may outlive the server, as any process that was started may.
        place(workers=1)
        place.serves()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


FORKS = """
import os, time
if not (child := os.fork()):
    time.sleep(3600)
open("child", "w").write(str(child))
"""


@pytest.mark.parametrize("master", [True, False])
@pytest.mark.parametrize("when", ["request", "import"])
def test_a_child_that_outlives_the_server_holds_none_of_its_addresses(
    start: StartServer, tmp_path: Path, when: str, master: bool
) -> None:
    (tmp_path / "faulty.py").write_text(FORKS * (when == "import") + APPLICATION)
    address = ("127.0.0.1", free_port())
    argv = [
        *("--http-socket", "{}:{}".format(*address), "--socket", "site.sock", "-w", "faulty"),
        *(["--master"] if master else []),
    ]
    server = start(*argv)
    server.wait_ready()
    if when == "request":
        http.get(address, "/fork")
    child = int((tmp_path / "child").read_text())
    try:
        server.send(signal.SIGINT)
        assert server.wait_exit() == (0 if master else 30)
        assert stat(child)
        # It may have been slow to come to it.
        wait_until(lambda: not accepts(address), 10, "the address to be free")
        # Once more, at the same addresses.
        (tmp_path / "faulty.py").write_text(APPLICATION)
        start(*argv).wait_ready()
        assert get(address).isdigit()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


def test_a_child_does_not_keep_idle_clients(place: Place) -> None:
    """A client that is closed sees it, though a process that the application forked lives on."""
    place("--http-keepalive=2", workers=1)
    request = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
    with socket.create_connection(place.address, 10) as client:
        client.sendall(request)
        assert b"200 OK" in client.recv(65536)
        http.get(place.address, "/fork")
        child = int((place.directory / "child").read_text())
        try:
            assert client.recv(65536) == b""
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_child_that_returns_into_the_server(place: Place) -> None:
    server = place()
    get(place.address, "/fork-and-return")
    place.serves()
    server.send(signal.SIGHUP)
    server.wait_line(r"^generation=2 serves")
    place.serves()
    place.stopped(server)


@pytest.mark.parametrize("threads", ["1", "2"])
def test_a_thread_of_the_application_holds_up_nothing(place: Place, threads: str) -> None:
    server = place("--threads", threads, "--enable-threads", "--reload-mercy", "4")
    worker = int(get(place.address, "/thread"))
    began = time.monotonic()
    server.send(signal.SIGHUP)
    server.wait_line(r"^generation=2 serves")
    wait_until(lambda: stat(worker) is None, 10, "the old worker is gone")
    assert time.monotonic() - began < 8
    place.stopped(server)


def test_threads_that_exist_at_import(place: Place) -> None:
    (place.directory / "faulty.py").write_text(
        APPLICATION + "\nfor _ in range(3):\n"
        "    threading.Thread(target=time.sleep, args=(3600,)).start()\n"
    )
    server = place()
    place.serves()
    server.send(signal.SIGHUP)
    server.wait_line(r"^generation=2 serves")
    wait_until(lambda: len(server.children()) == 3, 10, "the old generation is gone")
    place.stopped(server)


def test_every_thread_of_a_worker_with_parked_connections_leaves(place: Place) -> None:
    server = place("--threads", "4")
    for number in range(2, 8):
        old = {each.pid for each in server.children()}
        # Kept connections keep one thread awake while the others sleep.
        clients = [http.Client(place.address) for _ in range(8)]
        for client in clients:
            assert client.request().status == 200
        server.send(signal.SIGHUP)
        server.wait_line(rf"^generation={number} serves")
        gone = lambda old=old: not any(stat(pid) for pid in old)  # noqa: E731
        wait_until(gone, 8, "the old generation is gone")
        for client in clients:
            client.close()
    place.stopped(server)


@pytest.mark.parametrize("path", ["/never", "/loop"])
def test_a_request_that_never_returns(place: Place, path: str) -> None:
    server = place("--reload-mercy", "2", "--worker-reload-mercy", "2")
    outcome: list[str] = []
    client = threading.Thread(target=lambda: outcome.append(get(place.address, path, 30.0)))
    client.start()
    wait_until((place.directory / "entered").exists, 10, "the request runs")
    place.serves()
    server.send(signal.SIGHUP)
    server.wait_line(r"^warning: worker=\d pid=\d+ killed: did not leave")
    client.join(10)
    assert outcome == [""]
    place.serves()
    place.stopped(server)


@pytest.mark.parametrize("option", ["--limit-as", "--evil-reload-on-rss"])
def test_a_request_that_fills_memory(place: Place, option: str) -> None:
    server = place(option, "600", workers=1)
    (first,) = server.wait_ready(1)
    with contextlib.suppress(AssertionError):
        reply = get(place.address, "/memory?800", 5.0)
        if option == "--limit-as":
            assert reply == "HTTP/1.1 500 Internal Server Error"
            assert get(place.address) == str(first)
    place.serves()
    if option == "--evil-reload-on-rss":
        wait_until(lambda: stat(first) is None, 10, "the worker is killed")
    place.serves()
    place.stopped(server)


def test_a_worker_that_closes_every_descriptor(place: Place) -> None:
    server = place("--reload-mercy", "2", workers=1)
    get(place.address, "/close", 3.0)
    server.wait_ready(2)
    place.serves()
    place.stopped(server)


def test_a_worker_that_kills_its_process_group(place: Place) -> None:
    server = place()
    wait_until(lambda: age(server.wait_ready(2)[1]) > 1.1, 5, "the workers are not new")
    get(place.address, "/kill-group")
    server.wait_ready(4)
    place.serves()
    place.stopped(server)


def test_a_stopped_worker_holds_up_no_reload(place: Place) -> None:
    server = place("--reload-mercy", "2")
    frozen = server.wait_ready(2)[0]
    os.kill(frozen, signal.SIGSTOP)
    server.send(signal.SIGHUP)
    server.wait_line(r"^generation=2 serves")
    wait_until(lambda: stat(frozen) is None, 8, "the frozen worker is gone")
    place.serves()
    place.stopped(server)


def test_harakiri_ends_the_request_of_a_stopped_worker(place: Place) -> None:
    server = place("--harakiri", "2")
    outcome: list[str] = []
    client = threading.Thread(target=lambda: outcome.append(get(place.address, "/never", 30.0)))
    client.start()
    wait_until((place.directory / "entered").exists, 10, "the request runs")
    worker = next(
        int(pid)
        for pid in server.wait_ready(2)
        if str(pid) not in {get(place.address) for _ in range(10)}
    )
    os.kill(worker, signal.SIGSTOP)
    client.join(10)
    assert outcome == [""]
    place.serves()
    place.stopped(server)


def test_a_stopped_zygote_holds_up_nothing(place: Place) -> None:
    server = place()
    (zygote,) = [each.pid for each in server.children() if os.getpgid(each.pid) == each.pid]
    os.kill(zygote, signal.SIGSTOP)
    place.serves()
    server.send(signal.SIGHUP)
    server.wait_line(r"^generation=2 serves")
    wait_until(lambda: stat(zygote) is None, 10, "the frozen zygote is gone")
    place.serves()
    place.stopped(server)


def test_stop_with_a_stopped_zygote(place: Place) -> None:
    server = place()
    (zygote,) = [each.pid for each in server.children() if os.getpgid(each.pid) == each.pid]
    os.kill(zygote, signal.SIGSTOP)
    place.stopped(server, timeout=5)


@pytest.mark.parametrize("frozen", ["worker", "zygote"])
def test_a_killed_master_takes_stopped_processes_along(place: Place, frozen: str) -> None:
    server = place()
    workers = server.wait_ready(2)
    zygotes = [each.pid for each in server.children() if each.pid not in workers]
    pid = (workers if frozen == "worker" else zygotes)[0]
    os.kill(pid, signal.SIGSTOP)
    # The kernel continues who is stopped in a group that loses its parent, not who stops later.
    wait_until(lambda: (found := stat(pid)) and found.state == "T", 10, "it is stopped")
    server.send(signal.SIGKILL)
    server.wait_exit()
    server.wait_gone(2.0)
    assert not (place.directory / "site.sock").exists()
    assert not (place.directory / "site.pid").exists()


LIMITED = """
import resource, os, sys
resource.setrlimit(getattr(resource, sys.argv[1]), (int(sys.argv[2]),) * 2)
os.execv(sys.argv[3], sys.argv[3:])
"""


def test_few_descriptors_are_enough_for_reloads(place: Place) -> None:
    server = place(argv=[sys.executable, "-c", LIMITED, "RLIMIT_NOFILE", "40", *command()])
    for number in range(2, 12):
        server.send(signal.SIGHUP)
        server.wait_line(rf"^generation={number} serves")
        wait_until(lambda: len(server.children()) == 3, 10, "one generation is left")
    place.serves()
    place.stopped(server)


def test_a_reload_without_descriptors_to_spare_is_refused(place: Place) -> None:
    server = place()
    held = len(os.listdir(f"/proc/{server.pid}/fd"))
    soft, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (held + 1, hard))
    server.send(signal.SIGHUP)
    server.wait_line(r"^error: .*generation=1 serves on")
    place.serves()
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (soft, hard))
    server.send(signal.SIGHUP)
    server.wait_line(r"^generation=\d+ serves", count=2)
    place.serves()
    place.stopped(server)


@pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can start it as a user who has no processes"
)
def test_a_user_who_may_have_no_more_processes(start: StartServer) -> None:
    # A user id of its own, so that only this server's processes count.
    user = 40000 + os.getpid() % 20000
    python = "/usr/bin/python3"
    if run([python, "-c", "import quaich"], cwd=Path("/")).returncode:
        pytest.skip("the system's Python cannot run quaich")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)
        (directory / "faulty.py").write_text(
            APPLICATION.replace('open("entered"', 'open("/dev/null"')
        )
        port = free_port()
        server = start(
            *("--http-socket", f"127.0.0.1:{port}", "--uid", str(user), "--gid", str(user)),
            *("--chdir", name, "-w", "faulty", "--master", "-p", "2", "--disable-logging"),
            argv=[python, "-c", LIMITED, "RLIMIT_NPROC", "6", python, "-m", "quaich"],
        )
        workers = server.wait_ready(2)
        wait_until(lambda: age(workers[1]) > 1.1, 5, "the workers are not new")
        others = [subprocess.Popen(["sleep", "600"], user=user) for _ in range(4)]
        try:
            os.kill(workers[0], signal.SIGKILL)
            server.wait_line(r"^error: worker=\d was not forked: resource temporarily unavailable")
            assert get(("127.0.0.1", port)) == str(workers[1])
        finally:
            for each in others:
                each.kill()
                each.wait()
        server.wait_ready(3)
        server.stop()
