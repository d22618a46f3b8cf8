"""Pauses, leaving, halting, and the end of the master, of an engine in threads of the test."""

import os
import socket
import threading
import time
from typing import Any

import pytest

from quaich.stats.scoreboard import REQUESTS
from quaich.worker import keeper, loop
from tests.support.desk import DEADLINE, GET, Hall, ended, hall, reply_from
from tests.support.processes import wait_until

THREADS = pytest.mark.parametrize("threads", [1, 3])
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n"


def hello(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Idle clients of a worker that leaves are closed at once."""
    for module in (keeper, loop):
        monkeypatch.setattr(module, "IDLE_LEAVE", 0.05)


class TestPause:
    def test_nothing_is_taken_meanwhile(self) -> None:
        with hall(hello) as here:
            old, sending = here.client(GET), here.client(POST)
            reply_from(old)
            here.parked(2)
            here.pause()
            here.engine.pause()
            assert here.engine.paused
            assert not here.engine.accepting
            # While it is paused it does not begin to accept.
            here.engine.start_accepting()
            assert not here.engine.accepting
            new = here.client(GET)
            old.sendall(GET)
            sending.sendall(b"ab")
            here.signal()
            assert len(here.engine.table) == 2
            assert here.slot.get(REQUESTS) == 1
            for _ in range(2):
                here.engine.resume()
            for client in (old, sending, new):
                assert reply_from(client).endswith(b"hello")

    def test_of_several_threads(self) -> None:
        with hall(hello, threads=3) as here:
            clients = [here.client(GET) for _ in range(6)]
            for _ in range(20):
                here.engine.pause()
                here.engine.resume()
            for client in clients:
                assert reply_from(client).endswith(b"hello")

    def test_nobody_is_out_of_time_by_it(self) -> None:
        with hall(hello) as here:
            here.client(POST)
            conn = here.begun()
            wait_until(lambda: conn.body_began, DEADLINE, "the head is read")
            here.pause()
            deadline, began = conn.deadline, conn.body_began
            here.engine.resume()
            assert conn.deadline > deadline
            assert conn.body_began - began == pytest.approx(conn.deadline - deadline)

    @THREADS
    def test_leaving_ends_it(self, threads: int, soon: None) -> None:
        with hall(hello, threads=threads) as here:
            client = here.client(GET)
            reply_from(client)
            here.parked()
            here.engine.pause()
            here.engine.leave()
            here.join()
            assert ended(client) == b""
            here.engine.pause()
            assert not here.engine.paused, "who has left does not pause"

    @THREADS
    def test_halting_ends_it(self, threads: int) -> None:
        with hall(hello, threads=threads) as here:
            here.engine.pause()
            here.engine.halt()
            here.join()


class TestLeaving:
    @THREADS
    def test_what_has_begun_is_answered(self, threads: int, soon: None) -> None:
        with hall(hello, threads=threads) as here:
            begun, idle, partial = here.client(POST), here.client(GET), here.client(GET[:9])
            reply_from(idle)
            here.parked(3)
            for _ in range(2):
                here.engine.leave()
            assert ended(idle) == b""
            begun.sendall(b"ab")
            partial.sendall(GET[9:])
            for client in (begun, partial):
                data = ended(client)
                assert data is not None
                assert b"\r\nConnection: close\r\n" in data
            here.join()

    def test_more_than_one_turn_of_requests(self) -> None:
        with hall(hello) as here:
            client = here.client()
            here.parked()
            here.pause()
            client.sendall(GET * 40)
            here.engine.leave()
            data = ended(client)
            assert data is not None
            assert data.count(b"hello") == 1, "it is told to ask elsewhere"
            client.close()
            here.join()

    def test_who_has_asked_at_the_last_moment_is_answered(self, soon: None) -> None:
        """Its request came while the thread was busy."""
        free = threading.Event()

        def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            if environ["PATH_INFO"] == "/busy":
                busy.append(True)
                assert free.wait(DEADLINE)
            return hello(environ, start_response)

        busy: list[bool] = []
        with hall(application) as here:
            client, silent = here.client(GET), here.client(GET)
            for each in (client, silent):
                reply_from(each)
            here.parked(2)
            here.client(GET.replace(b"/ ", b"/busy "))
            wait_until(lambda: busy, DEADLINE, "the thread is busy")
            here.engine.leave()
            began = time.monotonic()
            client.sendall(GET)
            wait_until(lambda: time.monotonic() - began > 0.1, DEADLINE, "its time is over")
            free.set()
            data = ended(client)
            assert data is not None
            assert data.endswith(b"hello")
            assert ended(silent) == b""
            here.join()


class TestOrphans:
    @THREADS
    def test_the_master_is_gone(self, threads: int, soon: None) -> None:
        reader, writer = os.pipe()
        with hall(hello, threads=threads) as here:
            here.engine.watch_lifeline(reader)
            client = here.client(GET)
            reply_from(client)
            os.close(writer)
            here.join()
            assert here.log.text.count("the master is gone") == 1
            assert ended(client) == b""
            # Another thread may have been told of it too.
            here.engine.orphaned(reader)
            assert here.log.text.count("the master is gone") == 1
        os.close(reader)

    def test_while_it_is_paused(self) -> None:
        reader, writer = os.pipe()
        with hall(hello) as here:
            here.engine.watch_lifeline(reader)
            here.pause()
            os.close(writer)
            here.join()
        os.close(reader)


def test_halting_loses_who_is_parked() -> None:
    here = Hall(hello).start()
    client = here.client(GET)
    reply_from(client)
    here.parked()
    here.stop()
    with socket.socket() as later, pytest.raises(ConnectionRefusedError):
        later.connect(here.address)
