"""One worker with one thread serves an honest client while slow ones hang on.

``bench/slow_clients.py`` measures this with many more requests; here the bound leaves room for a
busy machine, and is still far below the second that one held thread would cost.
"""

import contextlib
import os
import resource
import select
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.slow_clients import (
    BODY,
    HEAD,
    KINDS,
    READER,
    allow_descriptors,
    honest,
    percentile,
    served,
    slow_clients,
)

from tests.conftest import StartServer
from tests.support import http
from tests.support.net import connect
from tests.support.ports import free_port
from tests.support.processes import wait_until
from tests.support.server import command


@pytest.fixture(autouse=True)
def descriptors() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    allow_descriptors()
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("kind", KINDS)
def test_an_honest_client_is_not_held_up(kind: str, tmp_path: Path) -> None:
    with served(tmp_path) as address:
        honest(address, 50)
        with slow_clients(address, {kind: 500}):
            times = honest(address, 300)
    assert percentile(times, 0.5) < 0.1
    assert percentile(times, 0.99) < 0.5


def test_all_kinds_at_once(tmp_path: Path) -> None:
    with served(tmp_path) as address:
        honest(address, 50)
        with slow_clients(address, dict.fromkeys(KINDS, 400)):
            times = honest(address, 200)
    assert percentile(times, 0.5) < 0.1
    assert percentile(times, 0.99) < 0.5


FEW = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]),) * 2)
os.execv(sys.argv[2], sys.argv[2:])
"""


KEPT = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

HOLDING = [
    (("kept",), 1),
    (("head",), 8),
    (("body",), 1),
    (("reader",), 8),
    (("kept", "head", "body"), 8),
    (("kept", "head", "body", "reader"), 1),
]

BIG = """
def application(environ, start_response):
    environ["wsgi.input"].read()
    size = int(environ["QUERY_STRING"] or 2)
    start_response("200 OK", [("Content-Length", str(size))])
    return [bytes(size)]
"""


class TestFewDescriptors:
    """More clients than descriptors: idle ones make room, the oldest first."""

    @pytest.fixture
    def address(self, start: StartServer, apps: Path) -> tuple[str, int]:
        port = free_port()
        self.server = start(
            *("--http-socket", f"127.0.0.1:{port}", "-w", "hello", "--chdir", str(apps)),
            argv=[sys.executable, "-c", FEW, "60", *command()],
        )
        (self.worker,) = self.server.wait_ready()
        return "127.0.0.1", port

    def test_idle_clients_make_room(self, address: tuple[str, int]) -> None:
        with contextlib.ExitStack() as stack:
            clients = []
            for _ in range(100):
                client = stack.enter_context(http.Client(address, 20))
                assert client.request().status == 200
                clients.append(client)
            assert clients[0].closed(), "the one who was idle for longest"
            assert clients[99].request().status == 200
        self.server.wait_line("^error: few descriptors are left; idle connections are closed")
        for _ in range(20):
            assert http.get(address).status == 200

    @pytest.mark.parametrize(("kinds", "threads"), HOLDING)
    def test_who_holds_one_for_nothing_makes_room(
        self, kinds: tuple[str, ...], threads: int, start: StartServer, tmp_path: Path
    ) -> None:
        (tmp_path / "big.py").write_text(BIG)
        port = free_port()
        address = "127.0.0.1", port
        start(
            *("--http-socket", f"127.0.0.1:{port}", "-w", "big", "--chdir", str(tmp_path)),
            *("--threads", str(threads)),
            argv=[sys.executable, "-c", FEW, "64", *command()],
        ).wait_ready()
        with contextlib.ExitStack() as stack:
            for number in range(120):
                client = stack.enter_context(connect(address))
                client.settimeout(10)
                kind = kinds[number % len(kinds)]
                client.sendall({"kept": KEPT, "head": HEAD, "body": BODY, "reader": READER}[kind])
                if kind == "kept":
                    assert client.recv(1000)
            times = []
            for _ in range(5):
                began = time.monotonic()
                assert http.get(address, timeout=30).status == 200
                times.append(time.monotonic() - began)
        # More than the kernel's queue holds came at once, and connect again after a second; and who
        # does not read a reply may do so after a moment.
        first = 8.0 if "reader" in kinds else 3.0
        assert times[0] < first, times
        assert percentile(sorted(times[1:]), 0.5) < 0.5, times

    def test_who_brings_something_on_stays(self, start: StartServer, tmp_path: Path) -> None:
        """A body that comes, and a reply that is read, among those that are not."""
        (tmp_path / "big.py").write_text(BIG)
        port = free_port()
        address = "127.0.0.1", port
        start(
            *("--http-socket", f"127.0.0.1:{port}", "-w", "big", "--chdir", str(tmp_path)),
            argv=[sys.executable, "-c", FEW, "64", *command()],
        ).wait_ready()
        with contextlib.ExitStack() as stack:
            reader, writer = (stack.enter_context(connect(address)) for _ in range(2))
            for client in (reader, writer):
                client.settimeout(10)
            reader.sendall(READER)
            writer.sendall(BODY)
            received = sent = 0
            served = []
            for round_ in range(30):
                received += len(reader.recv(200_000))
                writer.sendall(bytes(2000))
                sent += 2000
                for _ in range(3):
                    other = stack.enter_context(connect(address))
                    other.settimeout(10)
                    other.sendall((READER, BODY, HEAD)[round_ % 3])
                select.select([], [], [], 0.1)
                if round_ % 10 == 9:
                    began = time.monotonic()
                    assert http.get(address, timeout=30).status == 200
                    served.append(time.monotonic() - began)
            assert sent == 60_000
            writer.sendall(bytes(40_000))
            assert writer.recv(1000).startswith(b"HTTP/1.1 200 OK")
            while piece := reader.recv(1 << 20):
                received += len(piece)
                if received > 20_000_000:
                    break
        assert received > 20_000_000
        assert max(served) < 2.5, served

    def test_silent_clients_too_and_without_a_busy_loop(self, address: tuple[str, int]) -> None:
        with contextlib.ExitStack() as stack:
            for _ in range(100):
                stack.enter_context(connect(address))
            began, used = time.monotonic(), cpu(self.worker)
            assert http.get(address, timeout=30).status == 200
            wait_until(lambda: time.monotonic() - began > 2, 5, "long enough to measure")
            share = (cpu(self.worker) - used) / (time.monotonic() - began)
        assert share < 0.3
        for _ in range(20):
            assert http.get(address).status == 200


def cpu(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
