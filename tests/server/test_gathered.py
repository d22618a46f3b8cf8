"""Request lines that a busy worker gathers: none is lost, torn or kept back."""

import os
import re
import signal
import threading
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.support import http
from tests.support.net import Address
from tests.support.ports import free_port
from tests.support.processes import wait_until
from tests.support.server import Server

APP = """
import os, signal, time

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if path == "/exit":
        os._exit(3)
    if path == "/sleep":
        time.sleep(30)
    body = b"ok"
    if path == "/written":
        body = b"%d" % os.fstat(2).st_size
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""
WARM = 1000


def ask(client: http.Client, *paths: str) -> None:
    client.send(b"".join(f"GET {each} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for each in paths))


def warm(client: http.Client) -> None:
    """Answer as many quick requests as a worker must have before it gathers lines."""
    for _ in range(WARM // 50):
        ask(client, *["/warm"] * 50)
        for _ in range(50):
            assert client.receive().status == 200


def lines(server: Server, path: str) -> int:
    return len(re.findall(rf"^\[pid: .* GET {path} => .* on core \d+\)$", server.log, re.M))


def place(start: StartServer, directory: Path, *options: str) -> tuple[Server, Address]:
    (directory / "gathered.py").write_text(APP)
    address = ("127.0.0.1", free_port())
    server = start(
        "--http-socket", f"127.0.0.1:{address[1]}", "-w", "gathered", "--need-app", "-M", *options
    )
    server.wait_ready()
    return server, address


def test_lines_wait_for_the_next_sleep_and_no_longer(start: StartServer, tmp_path: Path) -> None:
    server, address = place(start, tmp_path)
    with http.Client(address) as client:
        warm(client)
        wait_until(lambda: lines(server, "/warm") == WARM, 10.0, "all lines")
        size = server.output.stat().st_size
        ask(client, "/a", "/b", "/written")
        assert [client.receive().body for _ in range(3)] == [b"ok", b"ok", b"%d" % size]
        wait_until(lambda: lines(server, "/written") == 1, 10.0, "the last line")
    assert lines(server, "/a") == lines(server, "/b") == 1


@pytest.mark.parametrize("end", ["/kill", "/exit", "/sleep"])
def test_what_a_dead_worker_had_answered_is_there(
    start: StartServer, tmp_path: Path, end: str
) -> None:
    server, address = place(start, tmp_path, "--harakiri", "1")
    with http.Client(address) as client:
        warm(client)
        ask(client, *[f"/last{number}" for number in range(10)], end)
        for _ in range(10):
            assert client.receive().status == 200
        server.wait_line(r"worker=1 pid=\d+ (died|harakiri)")
        wait_until(lambda: lines(server, r"/last\d") == 10, 10.0, "what it has answered")
    assert lines(server, "/warm") == WARM


def test_none_is_lost_or_torn_with_threads_over_a_reload(
    start: StartServer, tmp_path: Path
) -> None:
    server, address = place(start, tmp_path, "-p", "2", "--threads", "3")
    answered = []

    def load() -> None:
        done = 0
        while done < 3000:
            with http.Client(address) as client:
                for _ in range(10):
                    ask(client, *["/load"] * 10)
                    for _ in range(10):
                        assert client.receive().status == 200
                        done += 1
        answered.append(done)

    clients = [threading.Thread(target=load) for _ in range(3)]
    for each in clients:
        each.start()
    os.kill(server.pid, signal.SIGHUP)
    for each in clients:
        each.join(60)
    server.stop()
    assert sum(answered) == 9000 == lines(server, "/load")


def test_lines_that_cannot_be_written_are_counted(start: StartServer, tmp_path: Path) -> None:
    stats, port = free_port(), free_port()
    (tmp_path / "gathered.py").write_text(APP)
    start(
        *("--http-socket", f"127.0.0.1:{port}", "-w", "gathered", "-M", "--logto", "/dev/full"),
        *("--stats", f"127.0.0.1:{stats}"),
    ).wait_listening(("127.0.0.1", stats))

    def lost() -> int:
        page = http.get(("127.0.0.1", stats), "/metrics").body.decode()
        found = re.search(r'^quaich_log_lines_lost_total{by="workers"} (\d+)$', page, re.M)
        return int(found[1]) if found else 0

    with http.Client(("127.0.0.1", port)) as client:
        for _ in range(3):
            assert client.request("/").status == 200
    wait_until(lambda: lost() == 3, 10.0, "three lines are lost")
