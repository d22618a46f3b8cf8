"""The statistics of real servers: true values, uWSGI's clients, health, clients that misbehave."""

import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.conftest import StartServer
from tests.support.net import Address, connect, exchange, read_to_end
from tests.support.processes import wait_until
from tests.support.server import Server, command, run
from tests.support.terminal import Terminal

APPLICATION = """
import os, time

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/boom":
        raise ValueError("boom")
    while path == "/wait" and not os.path.exists("go"):
        time.sleep(0.01)
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello"]
"""
# What uWSGI 2.0.31 counts as sent for such an answer: its head and its body.
SIZE = len(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")


class Site:
    """A server and its two addresses."""

    def __init__(self, start: StartServer, directory: Path, *options: str, workers: int) -> None:
        (directory / "counted.py").write_text(APPLICATION)
        self.directory = directory
        self.server: Server = start(
            *("--http-socket", "127.0.0.1:0", "--stats", "127.0.0.1:0", "-w", "counted"),
            *("--master", "-p", str(workers), "--disable-logging", *options),
        )
        self.server.wait_ready(workers)
        self.server.wait_line(r"^generation=1 serves")
        self.http = self._address(r"^listening (?P<host>[0-9.]+):(?P<port>\d+) ")
        self.stats = self._address(r"^stats=(?P<host>[0-9.]+):(?P<port>\d+)$")

    def _address(self, pattern: str) -> Address:
        match = self.server.wait_line(pattern)
        return match["host"], int(match["port"])

    def get(self, path: str = "/") -> bytes:
        request = f"GET {path} HTTP/1.1\r\nHost: h\r\nCookie: secret\r\nConnection: close\r\n\r\n"
        return exchange(self.http, request.encode(), 20.0)

    def ask(self, path: str, method: str = "GET", fields: str = "") -> tuple[int, str]:
        """Status and body of a page of the statistics."""
        request = f"{method} {path} HTTP/1.1\r\nHost: h\r\n{fields}\r\n"
        reply = exchange(self.stats, request.encode(), 20.0).decode()
        head, _, body = reply.partition("\r\n\r\n")
        return int(head.split(" ")[1]), body

    def data(self) -> Any:
        return json.loads(self.ask("/")[1])

    def sum(self, name: str) -> int:
        return sum(worker[name] for worker in self.data()["workers"])

    def wait_sum(self, name: str, value: int) -> None:
        wait_until(lambda: self.sum(name) >= value, 20, f"{name} is {value}")
        assert self.sum(name) == value


class StartSite:
    def __init__(self, start: StartServer, directory: Path) -> None:
        self._start, self._directory = start, directory

    def __call__(self, *options: str, workers: int = 2) -> Site:
        return Site(self._start, self._directory, *options, workers=workers)


@pytest.fixture
def site(start: StartServer, tmp_path: Path) -> StartSite:
    return StartSite(start, tmp_path)


@contextlib.contextmanager
def waiting(site: Site) -> Iterator[None]:
    """While a request runs."""
    thread = threading.Thread(target=site.get, args=("/wait?token=secret",))
    thread.start()
    try:
        wait_until(lambda: _busy(site), 20, "a worker is busy")
        yield
    finally:
        (site.directory / "go").touch()
        thread.join(20)


def _busy(site: Site) -> bool:
    return any(worker["status"] == "busy" for worker in site.data()["workers"])


def test_a_client_that_sends_nothing_gets_the_statistics(site: StartSite) -> None:
    running = site("--threads", "2")
    with connect(running.stats) as sock:
        data = json.loads(read_to_end(sock))
    assert data["pid"] == running.server.pid
    assert data["cwd"] == str(running.directory)
    assert [each["proto"] for each in data["sockets"]] == ["http"]
    assert [len(worker["cores"]) for worker in data["workers"]] == [2, 2]
    for worker in data["workers"]:
        assert worker["status"] == "idle"
        assert worker["rss"] > 1 << 20
        assert worker["vsz"] > worker["rss"]
        assert abs(worker["last_spawn"] - time.time()) < 60


def test_a_request_that_runs_is_shown_without_its_secrets(site: StartSite) -> None:
    running = site()
    with waiting(running):
        text = running.ask("/")[1]
        cores = [core for each in json.loads(text)["workers"] for core in each["cores"]]
        (core,) = [each for each in cores if each["in_request"]]
        assert core["vars"][:2] == ["REQUEST_METHOD=GET", "REQUEST_URI=/wait"]
        assert "secret" not in text
        assert abs(core["req_info"]["request_start"] - time.time()) < 60


def test_counts_survive_reloads_and_deaths(site: StartSite) -> None:
    running = site()
    sent = 0
    for _ in range(5):
        assert running.get().endswith(b"hello")
        sent += 1
    assert b" 500 " in running.get("/boom")
    running.wait_sum("requests", sent + 1)
    running.wait_sum("exceptions", 1)
    running.server.send(signal.SIGHUP)
    running.server.wait_line(r"^generation=2 serves")
    victim = running.data()["workers"][0]["pid"]
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: running.data()["workers"][0]["pid"] not in (0, victim), 20, "another worker")
    for _ in range(5):
        assert running.get().endswith(b"hello")
        sent += 1
    running.wait_sum("requests", sent + 1)
    running.server.send(signal.SIGUSR1)
    running.server.wait_line(rf"^statistics .* requests={sent + 1} exceptions=1 ")
    first = running.data()["workers"][0]
    assert first["respawn_count"] == 3
    assert first["delta_requests"] <= 5
    text = running.ask("/metrics", fields="Accept: application/openmetrics-text\r\n")[1]
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["quaich_reloads_total", "done"] == 1
    assert samples["quaich_worker_deaths_total",] == 1
    assert samples["quaich_generation",] == 2
    counts = [samples["quaich_request_duration_seconds_count", each] for each in ("1", "2")]
    assert sum(counts) == sent + 1


def test_octets_are_counted_as_uwsgi_counts_them(site: StartSite) -> None:
    running = site(workers=1)
    reply = running.get()
    running.wait_sum("tx", len(reply))
    assert len(reply) >= SIZE


def test_counts_survive_an_upgrade(site: StartSite) -> None:
    running = site("--control", "c.sock")
    for _ in range(3):
        running.get()
    running.wait_sum("requests", 3)
    running.server.send(signal.SIGHUP)
    running.server.wait_line(r"^generation=2 serves")
    argv = [*command(), "upgrade", "--control", "c.sock"]
    assert run(argv, cwd=running.directory).returncode == 0
    running.get()
    running.wait_sum("requests", 4)
    assert 'quaich_reloads_total{outcome="done"} 1' in running.ask("/metrics")[1]


def test_harakiri_is_counted(site: StartSite) -> None:
    running = site("--harakiri", "1", workers=1)
    with contextlib.suppress(ConnectionError):
        running.get("/wait")
    wait_until(lambda: running.sum("harakiri_count") == 1, 20, "a harakiri")
    (running.directory / "go").touch()


@pytest.mark.parametrize("leaves", [True, False])
def test_a_request_that_is_not_sent_to_its_end_is_counted(site: StartSite, leaves: bool) -> None:
    running = site("--http-timeout", "1", workers=1)
    with connect(running.http) as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab")
        if leaves:
            sock.shutdown(socket.SHUT_WR)
        read_to_end(sock)

    def errors() -> int:
        cores = running.data()["workers"][0]["cores"]
        return sum(core["read_errors"] for core in cores)

    wait_until(lambda: errors() > 0, 20, "a read error")
    assert errors() == 1


def test_pages(site: StartSite) -> None:
    running = site("--stats-http")
    assert running.ask("/-/live") == (200, "live\n")
    assert running.ask("/-/ready") == (200, "ready\n")
    assert running.ask("/-/live", "HEAD") == (200, "")
    assert running.ask("/", "POST")[0] == 405
    assert running.ask("/", "DELETE")[0] == 405
    assert running.ask("/favicon.ico")[0] == 404
    assert running.ask("/metrics?x")[0] == 200
    assert exchange(running.stats, b"hello\n").startswith(b"HTTP/1.1 400 ")


def test_not_ready_while_paused(site: StartSite) -> None:
    running = site("--stats-http")
    running.server.send(signal.SIGTSTP)
    running.server.wait_line(r"^paused ")
    # What was made a moment ago may be shown again.
    wait_until(lambda: running.ask("/-/ready") == (503, "the server is paused\n"), 10, "paused")
    wait_until(
        lambda: {each["status"] for each in running.data()["workers"]} == {"pause"}, 10, "pause"
    )
    running.server.send(signal.SIGTSTP)
    running.server.wait_line(r"^resumed ")
    wait_until(lambda: running.ask("/-/ready")[0] == 200, 10, "ready")


def test_not_ready_while_draining(start: StartServer, site: StartSite) -> None:
    running = site("--stats-http", "--hook-master-start", "unix_signal:15 gracefully_kill_them_all")
    with waiting(running):
        running.server.send(signal.SIGTERM)
        running.server.wait_line(r"^signal=SIGTERM ")
        assert running.ask("/-/ready") == (503, "the server is draining\n")
        assert running.ask("/-/live")[0] == 200


def test_not_ready_while_every_worker_is_stuck(site: StartSite) -> None:
    running = site("--stats-http", "--harakiri", "4", workers=1)
    with waiting(running):
        wait_until(lambda: running.ask("/-/ready")[0] == 503, 20, "not ready")
        assert "busy for more than 2 s" in running.ask("/-/ready")[1]


def test_live_but_not_ready_before_the_first_generation(start: StartServer, tmp_path: Path) -> None:
    (tmp_path / "late.py").write_text(
        "import os, time\nwhile not os.path.exists('go'):\n    time.sleep(0.01)\n"
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [])\n    return []\n"
    )
    server = start(
        *("--http-socket", "127.0.0.1:0", "--stats", "127.0.0.1:0", "--stats-http"),
        *("--master", "-w", "late"),
    )
    match = server.wait_line(r"^stats=127.0.0.1:(?P<port>\d+)$")
    address = ("127.0.0.1", int(match["port"]))
    ready = b"GET /-/ready HTTP/1.1\r\n\r\n"
    assert b" 503 " in exchange(address, ready).partition(b"\r\n")[0]
    (tmp_path / "go").touch()
    server.wait_line(r"^generation=1 serves")
    # An answer that took long to make is given for a moment more.
    wait_until(
        lambda: b" 200 " in exchange(address, ready).partition(b"\r\n")[0], 10, "it is ready"
    )


def test_clients_that_never_read_or_ask_hold_nobody(site: StartSite) -> None:
    running = site("--stats-http", "--threads", "8", workers=2)
    with contextlib.ExitStack() as stack:
        for number in range(300):
            sock = stack.enter_context(socket.socket())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            sock.settimeout(20)
            sock.connect(running.stats)
            if number % 2:
                with contextlib.suppress(ConnectionError):
                    sock.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        assert running.ask("/-/live") == (200, "live\n")
        assert running.get().endswith(b"hello")
        fds = len(os.listdir(f"/proc/{running.server.pid}/fd"))
        assert fds < 200


def test_statistics_beyond_this_machine_must_be_asked_for(
    start: StartServer, tmp_path: Path
) -> None:
    (tmp_path / "counted.py").write_text(APPLICATION)
    argv = [*command(), "--http-socket", "127.0.0.1:0", "--master", "-w", "counted"]
    done = run([*argv, "--stats", ":1717"], cwd=tmp_path)
    assert done.returncode == 1
    assert "write 127.0.0.1:1717, or set stats-public = true" in done.stderr
    server = start(*argv[len(command()) :], "--stats", "0.0.0.0:0", "--stats-public")
    server.wait_line(r"^stats=0.0.0.0:\d+$")


def test_a_unix_socket_is_its_owners(start: StartServer, tmp_path: Path) -> None:
    (tmp_path / "counted.py").write_text(APPLICATION)
    argv = ("--http-socket", "127.0.0.1:0", "--master", "-w", "counted", "--stats", "s")
    server = start(*argv, "--stats", "127.0.0.1:0", cwd=tmp_path)
    server.wait_line(r"^generation=1 serves")
    path = tmp_path / "s"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(os.path.relpath(path))
        assert json.loads(read_to_end(sock))["pid"] == server.pid
    server.wait_line(r"^stats=127")
    assert server.stop() == 0
    assert not path.exists()


def test_uwsgitop_renders_it(site: StartSite) -> None:
    program = Path(sys.executable).parent / "uwsgitop"
    if not program.exists():
        pytest.skip("uwsgitop is not installed")
    running = site()
    running.get()
    running.wait_sum("requests", 1)
    assert isinstance(running.stats, tuple)
    top = Terminal([sys.executable, str(program), f"127.0.0.1:{running.stats[1]}"])
    top.wait(r"uwsgi-2\.0\.0\+quaich")
    top.wait(r"req: 1 ")
    top.wait(r"idle")
    top.type("q")
    assert top.end() == 0


def test_connect_and_read_shows_it(site: StartSite) -> None:
    running = site()
    assert isinstance(running.stats, tuple)
    argv = [*command(), "--connect-and-read", f"127.0.0.1:{running.stats[1]}"]
    done: subprocess.CompletedProcess[str] = run(argv, cwd=running.directory)
    assert json.loads(done.stdout or done.stderr)["pid"] == running.server.pid
