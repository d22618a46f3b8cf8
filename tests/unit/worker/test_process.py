"""What is made before the workers are forked, and when one says that it is spent."""

import os
import socket
from collections.abc import Iterator
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
from quaich.wsgi.loader import Apps
from tests.support.logs import Lines


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


@pytest.mark.parametrize(("lifetime", "told"), [(0, ["requests=0 max-requests=7"]), (60, [])])
def test_one_that_is_too_young_waits_for_the_master(lifetime: int, told: list[str]) -> None:
    board = Scoreboard.create(1, 1)
    said: list[str] = []
    config = Config(min_worker_lifetime=lifetime)
    process._teller(config, board.slot(1), 7, said.append)()
    assert said == told
    os.close(board.fd)
