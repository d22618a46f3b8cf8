"""A graceful stop: whoever is connected is answered, and who comes later is refused at once."""

import signal
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.server.test_lifecycle import listening, write
from tests.support.net import accepts, connect, read_to_end
from tests.support.processes import wait_until
from tests.support.server import START, Server

WAITING = 20


def ask(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode()


def graceful(start: StartServer, tmp_path: Path, way: str, workers: int) -> Server:
    write(tmp_path)
    if way == "term":
        options = ["serve", "site_app:application", "--bind", "127.0.0.1:0"]
        options += ["--workers", str(workers)]
    else:
        options = ["--http-socket", "127.0.0.1:0", "-w", "site_app", "--master"]
        options += ["-p", str(workers), "--master-fifo", "fifo"]
    server = start(*options)
    server.wait_ready(workers)
    return server


def stop(server: Server, tmp_path: Path, way: str) -> None:
    if way == "term":
        server.send(signal.SIGTERM)
    else:
        (tmp_path / "fifo").write_text("q")


@pytest.mark.parametrize("way", ["term", "fifo"])
def test_who_waits_in_the_queue_is_answered(start: StartServer, tmp_path: Path, way: str) -> None:
    server = graceful(start, tmp_path, way, workers=1)
    address = listening(server)
    # The only worker is busy for longer than an idle connection is given.
    busy = connect(address)
    busy.sendall(ask("/slow?1.5"))
    wait_until((tmp_path / "slow").exists, START, "a request runs")
    waiting = [connect(address) for _ in range(WAITING)]
    for sock in waiting:
        sock.sendall(ask("/"))
    stop(server, tmp_path, way)
    for sock, body in ((busy, b"slept"), *((each, b"one") for each in waiting)):
        with sock:
            reply = read_to_end(sock)
            assert reply.startswith(b"HTTP/1.1 200 "), reply
            assert reply.endswith(body)
    assert server.wait_exit() == 0
    server.wait_gone()


@pytest.mark.parametrize("way", ["term", "fifo"])
def test_who_comes_later_is_refused_while_requests_run(
    start: StartServer, tmp_path: Path, way: str
) -> None:
    server = graceful(start, tmp_path, way, workers=2)
    address = listening(server)
    reader = connect(address)
    # Its body is on its way, so a worker holds it without being busy.
    reader.sendall(
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nConnection: close\r\n\r\nab"
    )
    stop(server, tmp_path, way)
    wait_until(lambda: not accepts(address), START, "refused")
    assert server.process.poll() is None
    reader.sendall(b"cd")
    with reader:
        assert read_to_end(reader).startswith(b"HTTP/1.1 200 ")
    assert server.wait_exit() == 0
