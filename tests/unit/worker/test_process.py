"""What is made before the workers are forked, and when one says that it is spent."""

import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quaich.config.effective import Config
from quaich.net.listen import BoundListener
from quaich.stats.scoreboard import Scoreboard
from quaich.worker import process
from quaich.worker.connection import Connection, Door
from quaich.worker.lounge import open_pair
from quaich.worker.process import Stage, open_doors
from quaich.worker.proxied import Proxied
from quaich.worker.signals import EXIT_ENDED
from quaich.wsgi.loader import Apps
from tests.support.desk import DEADLINE, GET, reply_from
from tests.support.logs import Lines
from tests.support.processes import wait_until
from tests.support.server import environment


@pytest.fixture
def listeners() -> Iterator[list[BoundListener]]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    protocols = ("http", "http", "uwsgi")
    yield [
        BoundListener(each.fileno(), protocol, f"s{number}", int(each.family))
        for number, (each, protocol) in enumerate(zip(sockets, protocols, strict=True))
    ]
    for each in sockets:
        each.close()


class Encrypting:
    """In the place of TLS."""

    answer = b""

    def __init__(self, context: Any) -> None:
        self.context = context


def opened(door: Door, address: str) -> tuple[Connection, Any]:
    writer: Any = None
    conn = Connection(-1, door, address, 1, writer)
    return conn, door.opening(conn) if door.opening is not None else None


def close(doors: Any) -> None:
    for door in doors:
        door.acceptor.close()


def test_only_those_that_encrypt_do(
    listeners: list[BoundListener], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "Tls", Encrypting)
    doors = open_doors(Config(), listeners, {listeners[1].fd: "context"})
    assert [door.opening is not None for door in doors] == [False, True, False]
    conn, reader = opened(doors[1], "192.0.2.1")
    assert conn.layer is reader
    assert reader.context == "context"
    close(doors)


def test_a_balancer_speaks_before_what_it_passes_on(
    listeners: list[BoundListener], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "Tls", Encrypting)
    config = Config(proxy_protocol=True, forwarded_allow="10.0.0.0/8")
    doors = open_doors(config, listeners, {listeners[1].fd: "context"})
    plain, encrypted, front = doors
    assert front.opening is None
    for door, kind in ((plain, type(None)), (encrypted, Encrypting)):
        _, reader = opened(door, "10.1.2.3")
        assert type(reader) is Proxied
        assert type(reader.following) is kind
        # Who is not trusted cannot say who it is.
        assert type(opened(door, "192.0.2.1")[1]) is kind
    close(doors)


def stage(listeners: list[BoundListener], board: Scoreboard, **more: Any) -> tuple[Stage, Any]:
    doors = open_doors(Config(), listeners, {})
    wanted: dict[str, Any] = {"config": Config(), "lifeline": None, "lounge": None, **more}
    return Stage(apps=Apps(print), doors=doors, scoreboard=board, log=Lines(), **wanted), doors


def test_a_stage_lets_go_of_what_another_holds(listeners: list[BoundListener]) -> None:
    board = Scoreboard.create(1, 1)
    made, doors = stage(listeners, board)
    made.disown()
    close(doors)
    ends = open_pair()
    made, doors = stage(listeners, board, lounge=ends)
    made.disown()
    del made
    for fd in ends:
        os.close(fd)
    close(doors)
    os.close(board.fd)


ALONE = """
import sys, threading, time
from quaich.config.effective import Config
from quaich.log.server import Log
from quaich.net.listen import BoundListener
from quaich.stats.scoreboard import Scoreboard
from quaich.worker.process import Stage, open_doors, run_worker
from quaich.wsgi.loader import Apps

config = Config(threads=2)
hanging = threading.Event()

def application(environ, start_response):
    core = environ["uwsgi.core"]
    if core == 0:
        assert hanging.wait(10)
    else:
        stage.answerer.slot.shelve(core, b"what it has gathered\\n")
        hanging.set()
        time.sleep(60)
    start_response("200 OK", [("Content-Length", "0")])
    return []

doors = open_doors(config, [BoundListener(int(sys.argv[1]), "http", "test", 2)], {})
stage = Stage(
    config=config, apps=Apps(application), doors=doors, scoreboard=Scoreboard.create(1, 2),
    lifeline=None, lounge=None, log=Log(2),
)
sys.exit(run_worker(
    stage=stage, slot=1, seat=0, generation=1, on_ready=lambda: None,
    on_abandon=lambda: None, on_spent=lambda cause: None, on_shown=lambda: None,
))
"""


@pytest.mark.parametrize("leaving", [False, True])
def test_without_a_master_a_thread_that_hangs_is_left(leaving: bool, tmp_path: Path) -> None:
    """With the lines that it has gathered, which no master could write: here one that it puts there
    itself, as else it takes a thousand requests."""
    log = tmp_path / "log"
    with socket.create_server(("127.0.0.1", 0)) as listener, log.open("wb") as stream:
        listener.setblocking(False)
        alone = subprocess.Popen(
            [sys.executable, "-c", ALONE, str(listener.fileno())],
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            pass_fds=[listener.fileno()],
        )
        clients: list[socket.socket] = []
        try:
            for _ in range(2):
                clients.append(socket.create_connection(listener.getsockname(), DEADLINE))
                clients[-1].sendall(GET)
            # One of the two has the main thread, which answers when the other is taken up.
            [answered], _, _ = select.select(clients, [], [], DEADLINE)
            assert reply_from(answered)
            main = Path(f"/proc/{alone.pid}/wchan")
            wait_until(lambda: "epoll" in main.read_text(), DEADLINE, "the main thread sleeps")
            if leaving:
                answered.close()
                alone.send_signal(signal.SIGHUP)
                wait_until(lambda: "futex" in main.read_text(), DEADLINE, "it waits for the thread")
            assert "what it has gathered" not in log.read_text()
            alone.terminate()
            assert alone.wait(DEADLINE) == EXIT_ENDED
        finally:
            alone.kill()
            alone.wait()
            for client in clients:
                client.close()
    assert log.read_text().splitlines()[-1:] == ["what it has gathered"]


@pytest.mark.parametrize(("lifetime", "told"), [(0, ["requests=0 max-requests=7"]), (60, [])])
def test_one_that_is_too_young_waits_for_the_master(lifetime: int, told: list[str]) -> None:
    board = Scoreboard.create(1, 1)
    said: list[str] = []
    config = Config(min_worker_lifetime=lifetime)
    process._teller(config, board.slot(1), 7, said.append)()
    assert said == told
    os.close(board.fd)
