"""Limits of workers and requests, and files to touch, with real processes that pass them."""

import contextlib
import os
import re
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.support.net import Address, connect, exchange
from tests.support.processes import stat, wait_until
from tests.support.server import Server

APPLICATION = """
import os, re, time

kept = []

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path in ("/sleep", "/loop", "/stuck"):
        open("entered", "w").close()
    if path == "/sleep":
        time.sleep(60)
    elif path == "/loop":
        while True:
            pass
    elif path == "/stuck":
        re.match("(a+)+$", "a" * 60 + "b")
    elif path == "/slow":
        time.sleep(float(environ["QUERY_STRING"]))
    elif path == "/grow":
        kept.append(b"x" * (int(environ["QUERY_STRING"]) << 20))
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


def get(address: Address, path: str = "/", timeout: float = 10.0) -> str:
    """The body of an answer 200, or the status line of another, or nothing."""
    request = f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    reply = exchange(address, request.encode(), timeout).decode()
    head, _, body = reply.partition("\r\n\r\n")
    return body if " 200 " in head.partition("\r\n")[0] else head.partition("\r\n")[0]


def lost(address: Address, path: str) -> float:
    """How long it took until a request was cut off without an answer."""
    began = time.monotonic()
    with contextlib.suppress(ConnectionError):
        assert get(address, path, 20.0) == ""
    return time.monotonic() - began


def listening(server: Server) -> Address:
    match = server.wait_line(r"^listening (?P<host>[0-9.]+):(?P<port>\d+) ")
    return match["host"], int(match["port"])


class Limited:
    """Starts a server of the application above."""

    def __init__(self, start: StartServer, directory: Path) -> None:
        self._start, self.directory = start, directory

    def __call__(self, *options: str, workers: int = 2, master: bool = True) -> Server:
        (self.directory / "limited.py").write_text(APPLICATION)
        server = self._start(
            *("--http-socket", "127.0.0.1:0", "-w", "limited", "--disable-logging"),
            *(("--master", "-p", str(workers)) if master else ()),
            *options,
        )
        server.wait_ready(workers)
        return server


@pytest.fixture
def limited(start: StartServer, tmp_path: Path) -> Limited:
    return Limited(start, tmp_path)


class Load:
    """Clients, one request a connection and (``kept``) on kept ones, that count what fails."""

    def __init__(self, address: Address, kept: bool = True) -> None:
        self.failures: list[str] = []
        self.count = 0
        self._address = address
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._guarded, args=(each,))
            for each in ((self._one, self._kept) if kept else (self._one,))
        ]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(20)

    def _guarded(self, kind: object) -> None:
        while not self._stop.is_set():
            try:
                kind()  # type: ignore[operator]
            except OSError as error:
                self.failures.append(repr(error))

    def _one(self) -> None:
        body = get(self._address)
        if not body.isdigit():
            self.failures.append(body)
        self.count += 1

    def _kept(self) -> None:
        with connect(self._address) as client:
            client.settimeout(10)
            while not self._stop.is_set():
                client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                reply = client.recv(4096)
                if not reply.startswith(b"HTTP/1.1 200 "):
                    self.failures.append(repr(reply))
                    return
                self.count += 1
                if b"close" in reply:
                    return
                # Longer than nothing, so that a reply is one packet and others have a turn.
                self._stop.wait(0.001)


def test_max_requests_under_load_loses_none(limited: Limited) -> None:
    server = limited("--max-requests", "50", "--min-worker-lifetime", "0")
    with Load(listening(server)) as load:
        server.wait_line(r"^worker=\d pid=\d+ left exit=17 ", count=4)
    assert load.failures == []
    assert load.count > 200
    for match in re.finditer(r"recycled requests=(\d+) max-requests=50", server.log):
        assert int(match[1]) >= 50
    # Before a worker leaves, the next of its slot is ready.
    ready = set(server.wait_ready(2))
    there = {1: 0, 2: 0}
    for line in server.log.splitlines():
        slot = re.match(r"worker=(\d) pid=(\d+) (ready|left)", line)
        if slot:
            there[int(slot[1])] += 1 if slot[3] == "ready" else -1
            assert len(ready) < 2 or there[int(slot[1])] >= 1
    assert server.stop() == 0


@pytest.mark.parametrize("threads", ["1", "3"])
def test_a_worker_counts_its_requests_itself(limited: Limited, threads: str) -> None:
    """At once, and not at the next look of the master; so none of these is one too many."""
    server = limited(
        *("--max-requests", "50", "--min-worker-lifetime", "0", "--threads", threads), workers=1
    )
    server.wait_line("^generation=1 serves")
    (first,) = server.wait_ready(1)
    address = listening(server)
    with Load(address):
        server.wait_line(rf"^worker=1 pid={first} recycled requests=5[0-3] max-requests=50 ")
        server.wait_line(rf"^worker=1 pid={first} left exit=17 ")


def test_max_requests_delta_lets_the_second_serve_more(limited: Limited) -> None:
    server = limited(
        *("--max-requests", "20", "--max-requests-delta", "100000", "--min-worker-lifetime", "0")
    )
    with Load(listening(server)) as load:
        server.wait_line(r"^worker=1 pid=\d+ left exit=17 ", count=2)
    assert load.failures == []
    assert "worker=2 pid=" not in re.sub(r"(?m)^worker=2 .* ready .*$", "", server.log)


def test_no_worker_is_replaced_before_its_least_lifetime(limited: Limited) -> None:
    server = limited("--max-requests", "1", "--min-worker-lifetime", "3", workers=1)
    began = time.monotonic()
    get(listening(server))
    server.wait_line("recycled requests=1")
    assert time.monotonic() - began > 1.5


def test_a_recycled_worker_finishes_its_request(limited: Limited) -> None:
    server = limited("--max-worker-lifetime", "1", "--min-worker-lifetime", "0", workers=1)
    (first,) = server.wait_ready(1)
    assert get(listening(server), "/slow?3") == str(first)
    server.wait_line(rf"^worker=1 pid={first} recycled age=[12]\.\ds max-worker-lifetime=1s")
    server.wait_line(rf"^worker=1 pid={first} left exit=17 ")


def test_a_recycled_worker_that_stays_is_killed_after_its_mercy(limited: Limited) -> None:
    server = limited(
        *("--max-worker-lifetime", "1", "--min-worker-lifetime", "0"),
        *("--worker-reload-mercy", "1"),
        workers=1,
    )
    (first,) = server.wait_ready(1)
    lost(listening(server), "/sleep")
    server.wait_line(rf"^warning: worker=1 pid={first} killed: did not leave")


def test_reload_mercy_bounds_what_a_reload_waits_for(limited: Limited, tmp_path: Path) -> None:
    server = limited("--reload-mercy", "1", workers=1)
    (first,) = server.wait_ready(1)
    client = threading.Thread(target=lost, args=(listening(server), "/sleep"))
    client.start()
    wait_until((tmp_path / "entered").exists, 10, "the request runs")
    server.send(signal.SIGHUP)
    server.wait_line(rf"^warning: worker=1 pid={first} killed: did not leave")
    client.join(10)
    assert get(listening(server)) == str(server.wait_ready(2)[1])


@pytest.mark.parametrize("threads", ["1", "3"])
@pytest.mark.parametrize("kind", ["sleep", "loop", "stuck"])
def test_harakiri(limited: Limited, kind: str, threads: str) -> None:
    server = limited("--harakiri", "2", "--threads", threads, "--harakiri-verbose")
    address = listening(server)
    others = {str(pid) for pid in server.wait_ready(2)}
    took = [0.0]

    def ask() -> None:
        took[0] = lost(address, f"/{kind}?q=%22")

    client = threading.Thread(target=ask)
    client.start()
    match = server.wait_line(
        r"^error: worker=(?P<worker>\d) pid=(?P<pid>\d+) harakiri core=\d age=(?P<age>[\d.]+)s "
        rf"harakiri=2s 127\.0\.0\.1 GET /{kind}\?q=%22$"
    )
    ended = time.monotonic()
    client.join(20)
    assert 1.0 <= took[0] <= 3.0
    assert 2.0 <= float(match["age"]) <= 3.0
    server.wait_line(rf"^worker={match['worker']} pid={match['pid']} left signal=SIGKILL ")
    server.wait_ready(3)
    assert time.monotonic() - ended < 2.0
    # Its stack, and nobody else's death.
    assert re.search(r'File ".*limited\.py", line \d+ in application', server.log)
    survivor = (others - {match["pid"]}).pop()
    assert stat(int(survivor))
    assert server.log.count("left ") == 1
    assert server.stop() == 0


def test_harakiri_leaves_the_clients_of_other_workers_alone(limited: Limited) -> None:
    server = limited("--harakiri", "1", "--threads", "1")
    address = listening(server)
    # A kept connection may be the doomed worker's own, and then is lost with it.
    with Load(address, kept=False) as load:
        lost(address, "/sleep")
        server.wait_ready(3)
    assert load.failures == []


def test_a_request_in_time_is_left_alone(limited: Limited) -> None:
    server = limited("--harakiri", "3", workers=1)
    assert get(listening(server), "/slow?1.5") == str(server.wait_ready(1)[0])
    assert "harakiri" not in server.log


@pytest.mark.parametrize("kind", ["sleep", "loop", "stuck"])
def test_harakiri_without_a_master_ends_the_process(
    limited: Limited, kind: str, tmp_path: Path
) -> None:
    server = limited("--harakiri", "2", "--pidfile", "alone.pid", master=False, workers=1)
    assert 1.0 <= lost(listening(server), f"/{kind}") <= 3.5
    assert server.wait_exit() == 1
    assert re.search(r'File ".*limited\.py", line \d+ in application', server.log)
    if kind != "stuck":
        assert re.search(
            rf"harakiri core=0 age=2\.\ds harakiri=2s 127.0.0.1 GET /{kind}", server.log
        )
        assert not (tmp_path / "alone.pid").exists()


def test_without_a_master_other_limits_say_so(limited: Limited) -> None:
    server = limited("--max-requests", "5", "--reload-on-as", "9", master=False, workers=1)
    for name in ("max-requests", "reload-on-as"):
        server.wait_line(rf"^warning: command line: {name}: only a master can replace a worker")
    assert server.stop() == 30


@pytest.mark.parametrize("name", ["rss", "as"])
def test_a_worker_that_grows_is_recycled(limited: Limited, name: str) -> None:
    server = limited(f"--reload-on-{name}", "900", "--min-worker-lifetime", "0", workers=1)
    (first,) = server.wait_ready(1)
    assert get(listening(server), "/grow?1000") == str(first)
    server.wait_line(rf"^worker=1 pid={first} recycled {name}=\d+ reload-on-{name}=943718400 ")
    server.wait_line(rf"^worker=1 pid={first} left exit=17 ")


def test_a_worker_that_grows_past_an_evil_limit_is_killed(limited: Limited) -> None:
    server = limited("--evil-reload-on-rss", "400", workers=1)
    (first,) = server.wait_ready(1)
    client = threading.Thread(target=get, args=(listening(server), "/grow?500"))
    client.start()
    server.wait_line(rf"^error: worker=1 pid={first} killed rss=\d+ evil-reload-on-rss=419430400$")
    server.wait_line(rf"^worker=1 pid={first} left signal=SIGKILL ")
    client.join(10)
    assert get(listening(server)) == str(server.wait_ready(2)[1])


def test_a_touched_file_reloads(limited: Limited, tmp_path: Path) -> None:
    (tmp_path / "one").touch()
    server = limited("--touch-reload", "one", "--touch-reload", "two", workers=1)
    # Time for the first look, which only remembers.
    began = time.monotonic()
    wait_until(lambda: time.monotonic() - began > 1.2, 5, "the first look")
    later = time.time_ns() + 10**9
    os.utime(tmp_path / "one", ns=(later, later))
    server.wait_line(r"^touched=one action=reload$")
    server.wait_line(r"^generation=2 serves workers=1$")
    (tmp_path / "two").touch()
    server.wait_line(r"^touched=two action=reload$")
    server.wait_line(r"^generation=3 serves workers=1$")
    (tmp_path / "two").unlink()
    server.wait_line(r"^generation=4 serves workers=1$")
    assert server.log.count("touched=") == 3


def test_usr2_shows_the_stacks_of_a_worker(limited: Limited) -> None:
    server = limited("--master", workers=1)
    (worker,) = server.wait_ready(1)
    os.kill(worker, signal.SIGUSR2)
    server.wait_line(r'File ".*quaich/worker/process\.py", line \d+ in run_worker$')
    assert get(listening(server)) == str(worker)
