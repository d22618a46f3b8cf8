"""How many workers there are, by load and in silence, with real processes and clients."""

import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.server.test_limits import Load, get, listening
from tests.support.net import Address
from tests.support.server import Server

APPLICATION = """
import os, sys, time

held = []

def application(environ, start_response):
    if environ["PATH_INFO"] == "/drop":
        held.clear()
    elif environ["PATH_INFO"].startswith("/take"):
        held.append(b"x" * int(environ["PATH_INFO"][5:]))
    if environ["QUERY_STRING"]:
        print("working", file=sys.stderr, flush=True)
    time.sleep(float(environ["QUERY_STRING"] or "0"))
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


class Start:
    """Starts a server of the application above."""

    def __init__(self, start: StartServer, directory: Path) -> None:
        self._start = start
        self._directory = directory

    def __call__(self, *options: str) -> Server:
        (self._directory / "slow.py").write_text(APPLICATION)
        server = self._start(
            *("--http-socket", "127.0.0.1:0", "-w", "slow", "--master", "--disable-logging"),
            *options,
        )
        server.wait_line(r"^generation=1 serves")
        return server


@pytest.fixture
def cheap(start: StartServer, tmp_path: Path) -> Start:
    return Start(start, tmp_path)


@contextmanager
def slow_requests(
    server: Server, address: Address, count: int, seconds: float
) -> Iterator[list[str]]:
    """This many requests at once, each of its time; at the end all are answered.

    The first is in the application before the others connect: a worker that is not busy yet accepts
    whoever connects, and would hold them all until their requests arrive.
    """
    bodies: list[str] = []
    threads = [
        threading.Thread(target=lambda: bodies.append(get(address, f"/?{seconds}", 60.0)))
        for _ in range(count)
    ]
    before = server.log.count("working")
    threads[0].start()
    server.wait_line(r"^working$", count=before + 1)
    for thread in threads[1:]:
        thread.start()
    yield bodies
    for thread in threads:
        thread.join(60)
    assert len(bodies) == count
    assert [body for body in bodies if not body.isdigit()] == []


def test_it_grows_under_load_and_shrinks_without_losing_a_request(cheap: Start) -> None:
    server = cheap("-p", "4", "--cheaper", "1", "--cheaper-step", "2", "--cheaper-overload", "1")
    assert server.wait_line(r"^generation=1 serves workers=(\d+)")[1] == "1"
    with slow_requests(server, listening(server), 9, 2.0):
        server.wait_line(r"^workers=3 before=1 cause=busy=1 idle=0 for=1s")
        server.wait_line(r"^workers=4 before=3 cause=")
    with Load(listening(server)) as load:
        server.wait_line(r"^workers=3 before=4 cause=idle=\d cheaper=1 for=1s")
        server.wait_line(r"^workers=2 before=3 cause=idle=")
    assert load.failures == []
    assert load.count > 50
    server.wait_line(r"^workers=1 before=2 cause=idle=")
    server.wait_line(r"^worker=\d pid=\d+ left exit=17 ", count=3)
    assert server.stop() == 0


def test_initial_is_what_it_starts_with(cheap: Start) -> None:
    server = cheap("-p", "4", "--cheaper", "1", "--cheaper-initial", "3")
    assert server.wait_line(r"^generation=1 serves workers=(\d+)")[1] == "3"


@pytest.mark.parametrize(
    ("algorithm", "cause"),
    [
        ("busyness", r"busyness=\d+% window=1s workers=1 cheaper-busyness-max=50"),
        ("backlog", r"queue=\d cheaper-overload=1"),
        ("spare2", r"idle=0 cheaper=1"),
    ],
)
def test_each_algorithm_sees_the_load(cheap: Start, algorithm: str, cause: str) -> None:
    server = cheap(
        *("-p", "3", "--cheaper", "1", "--cheaper-overload", "1", "--cheaper-algo", algorithm)
    )
    with slow_requests(server, listening(server), 5, 2.0):
        server.wait_line(rf"^workers=2 before=1 cause={cause}$")


def test_the_queue_of_a_unix_socket_counts(cheap: Start, tmp_path: Path) -> None:
    server = cheap(
        *("-p", "3", "--cheaper", "1", "--cheaper-overload", "2", "--cheaper-algo", "backlog"),
        *("--http-socket", "site.sock"),
    )
    with slow_requests(server, str(tmp_path / "site.sock"), 5, 2.0):
        server.wait_line(r"^workers=2 before=1 cause=queue=\d cheaper-overload=2$")


def test_memory_over_the_hard_limit_stops_idle_workers(cheap: Start) -> None:
    server = cheap(
        *("-p", "4", "--cheaper", "2", "--cheaper-initial", "3"),
        *("--cheaper-rss-limit-soft", "1000", "--cheaper-rss-limit-hard", "2000"),
    )
    server.wait_line(r"^workers=1 before=2 cause=rss=\d+ cheaper-rss-limit-hard=2000")
    assert get(listening(server)).isdigit()


def test_memory_that_grows_under_load_stops_first_the_growth_and_then_workers(cheap: Start) -> None:
    server = cheap(
        *("-p", "3", "--cheaper", "2", "--cheaper-overload", "1"),
        *("--cheaper-rss-limit-soft", "80000000", "--cheaper-rss-limit-hard", "140000000"),
    )
    address = listening(server)
    get(address, "/take60000000")
    with slow_requests(server, address, 3, 1.5):
        server.wait_line(
            r"^no more workers, although busy=2 idle=0 for=\d+s: rss=\d{8,9} "
            r"cheaper-rss-limit-soft=80000000"
        )
    get(address, "/take100000000")
    server.wait_line(r"^workers=1 before=2 cause=rss=\d{9} cheaper-rss-limit-hard=140000000")
    server.wait_line(r"^worker=2 pid=\d+ left exit=17")
    get(address, "/drop")
    server.wait_line(r"^workers=2 before=1 cause=rss=\d{8} cheaper=2")
    assert "workers=3" not in server.log


def test_manual_leaves_it_to_the_operator(cheap: Start) -> None:
    server = cheap("-p", "3", "--cheaper", "1", "--cheaper-algo", "manual")
    server.send(signal.SIGTTIN)
    server.wait_line(r"^workers=2 before=1 cause=asked")
    server.send(signal.SIGTTOU)
    server.wait_line(r"^workers=1 before=2 cause=asked")


def test_a_reload_keeps_the_number_that_the_load_has_made(cheap: Start) -> None:
    server = cheap("-p", "3", "--cheaper", "1", "--cheaper-overload", "2")
    with slow_requests(server, listening(server), 8, 2.0):
        server.wait_line(r"^workers=2 before=1 ")
        server.send(signal.SIGHUP)
        match = server.wait_line(r"^generation=2 serves workers=(\d)")
    assert int(match[1]) >= 2


def test_idle_workers_go_and_the_next_request_brings_them_back(cheap: Start) -> None:
    server = cheap("-p", "2", "--idle", "1")
    address = listening(server)
    longest = 0.0
    for turn in range(1, 4):
        server.wait_line(r"^workers=0 before=2 cause=idle=1s", count=turn)
        server.wait_line(r"^worker=\d pid=\d+ left exit=17 ", count=2 * turn)
        began = time.monotonic()
        assert get(address).isdigit()
        longest = max(longest, time.monotonic() - began)
        server.wait_line(r"^workers=2 before=0 cause=connection", count=turn)
    assert longest < 2.0
    assert server.stop() == 0


def test_requests_that_come_while_workers_go_are_answered(cheap: Start) -> None:
    server = cheap("-p", "2", "--idle", "1")
    address = listening(server)
    for turn in range(1, 4):
        # Around the moment at which they go, from both sides of it.
        server.wait_line("cause=idle=1s", count=turn)
        with ThreadPoolExecutor(4) as pool:
            bodies = [*pool.map(lambda _: get(address, "/?0.1", 60.0), range(4))]
        assert all(body.isdigit() for body in bodies)


def test_a_request_that_runs_is_no_silence(cheap: Start) -> None:
    server = cheap("-p", "1", "--idle", "1")
    assert get(listening(server), "/?2.5").isdigit()
    assert "cause=idle" not in server.log


def test_idle_brings_back_as_many_as_cheaper_says(cheap: Start) -> None:
    server = cheap("-p", "4", "--cheaper", "2", "--idle", "1")
    server.wait_line(r"^worker=\d pid=\d+ left exit=17 ", count=2)
    assert get(listening(server)).isdigit()
    server.wait_line(r"^workers=2 before=0 cause=connection")


def test_cheap_starts_without_workers(cheap: Start) -> None:
    server = cheap("-p", "2", "--cheap")
    assert server.wait_line(r"^generation=1 serves workers=(\d+)")[1] == "0"
    assert " ready " not in server.log
    assert get(listening(server)).isdigit()
    server.wait_line(r"^workers=2 before=0 cause=connection")


def test_a_reload_while_nobody_serves_does_not_wake(cheap: Start) -> None:
    server = cheap("-p", "2", "--cheap")
    server.send(signal.SIGHUP)
    server.wait_line(r"^generation=2 serves workers=0")
    assert get(listening(server)).isdigit()
    server.wait_line(r"^worker=1 pid=\d+ ready generation=2")


def test_die_on_idle_ends_the_server(cheap: Start) -> None:
    server = cheap("-p", "2", "--idle", "1", "--die-on-idle")
    assert server.wait_exit(20) == 0
    assert "die-on-idle: the server stops" in server.log


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("-p", "4", "--cheaper", "4"),
            "cheaper: expected fewer than processes = 4, got 4; cheaper is the fewest workers",
        ),
        (
            ("-p", "4", "--cheaper", "2", "--cheaper-algo", "nosuch"),
            'cheaper-algo: expected spare or spare2 or busyness or backlog or manual, got "nosuch"',
        ),
        (
            ("-p", "4", "--cheaper", "1", "--cheaper-rss-limit-hard", "5"),
            "cheaper-rss-limit-hard: expected cheaper-rss-limit-soft to be set too",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(
    start: StartServer, options: tuple[str, ...], message: str
) -> None:
    server = start("--http-socket", "127.0.0.1:0", *options)
    assert server.wait_exit(20) == 1
    assert message in server.log
    assert "Traceback" not in server.log
