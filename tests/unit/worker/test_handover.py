"""Clients of a worker that leaves: who goes to another, who stays, and who is closed."""

import os
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from quaich.worker import keeper, loop
from quaich.worker.handover import Handover
from quaich.worker.lounge import ROOM, Guest, Lounge, open_pair
from tests.support import gateways, uwsgi
from tests.support.desk import DEADLINE, GET, Hall, desk, ended, reply_from
from tests.support.processes import wait_until


def answering(name: bytes) -> Any:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [name]

    return application


class House:
    """A lounge, and workers that share it; the lifeline is the master's."""

    def __init__(self) -> None:
        self.reader, self.writer = open_pair()
        self.lifeline, self.master = os.pipe()
        self.halls: list[Hall] = []

    def hall(self, name: bytes, **more: Any) -> Hall:
        ends = (os.dup(self.reader), os.dup(self.writer))
        made = Hall(answering(name), lounge=ends, **more)
        made.board.heirs = True
        made.engine.watch_lifeline(os.dup(self.lifeline))
        self.halls.append(made)
        return made.start()

    def serving(self, name: bytes, **more: Any) -> tuple[Hall, socket.socket]:
        """A worker, and a client that it has served and that may ask again."""
        made = self.hall(name, **more)
        client = made.client(GET)
        assert reply_from(client).endswith(name)
        made.parked()
        return made, client

    def close(self) -> None:
        for each in self.halls:
            lifeline = each.engine.lifeline
            each.stop()
            if lifeline >= 0:
                os.close(lifeline)
        for fd in (self.reader, self.writer, self.lifeline, self.master):
            os.close(fd)


@pytest.fixture
def house() -> Iterator[House]:
    made = House()
    yield made
    made.close()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (keeper, loop):
        monkeypatch.setattr(module, "IDLE_LEAVE", 0.05)


class TestOffer:
    def test_another_goes_on(self, house: House) -> None:
        leaving = house.hall(b"old")
        idle, partial = leaving.client(GET), leaving.client(GET[:9])
        assert reply_from(idle).endswith(b"old")
        leaving.parked(2)
        leaving.engine.leave()
        leaving.join()
        assert not leaving.log.lines
        house.hall(b"new")
        idle.sendall(GET)
        partial.sendall(GET[9:])
        for client in (idle, partial):
            assert reply_from(client).endswith(b"new")

    def test_a_request_that_has_begun_is_finished_here(self, house: House) -> None:
        leaving = house.hall(b"old")
        client = leaving.client(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n")
        leaving.begun()
        leaving.engine.leave()
        client.sendall(b"ab")
        assert reply_from(client).endswith(b"old")
        leaving.join()
        house.hall(b"new")
        client.sendall(GET)
        assert reply_from(client).endswith(b"new")

    def test_more_than_can_travel_stays(self, house: House) -> None:
        leaving = house.hall(b"old")
        head = b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * (ROOM + 1)
        client = leaving.client(head)
        conn = leaving.begun()
        wait_until(lambda: len(conn.buffer) == len(head), DEADLINE, "all of it is here")
        leaving.engine.leave()
        client.sendall(b"\r\n\r\n")
        assert reply_from(client).endswith(b"old")

    def test_a_full_lounge_is_tried_again(self, house: House) -> None:
        leaving, client = house.serving(b"old")
        with filled(house, leaving):
            leaving.engine.leave()
            wait_until(lambda: leaving.engine.handing, DEADLINE, "it hands over")
            leaving.signal()
            assert leaving.threads[0].is_alive()
        leaving.join()
        house.hall(b"new")
        client.sendall(GET)
        assert reply_from(client).endswith(b"new")

    def test_but_not_for_ever(
        self, house: House, soon: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(keeper, "HAND_OVER", 0.0)
        leaving, client = house.serving(b"old")
        with filled(house, leaving):
            leaving.engine.leave()
            leaving.join()
            assert ended(client) == b"", "closed in good order"

    def test_when_the_others_leave_too(self, house: House, soon: None) -> None:
        leaving, client = house.serving(b"old")
        with filled(house, leaving):
            leaving.engine.leave()
            leaving.board.heirs = False
            leaving.join()
        assert ended(client) == b""

    def test_at_once(self, house: House) -> None:
        """As a worker does that is told to end: it hands over and looks no further."""
        leaving, client = house.serving(b"old")
        leaving.engine.halt()
        leaving.join()
        leaving.engine.hand_over()
        house.hall(b"new")
        client.sendall(GET)
        assert reply_from(client).endswith(b"new")

    def test_at_once_where_nobody_stays(self, house: House) -> None:
        leaving, _ = house.serving(b"old")
        leaving.board.heirs = False
        leaving.engine.halt()
        leaving.join()
        leaving.engine.hand_over()
        assert len(leaving.engine.table) == 1

    def test_in_a_request_of_a_worker_that_has_begun_to_leave(self, house: House) -> None:
        leaving, client = house.serving(b"old", threads=2)
        leaving.engine.leave()
        leaving.engine.hand_over()
        leaving.join()
        house.hall(b"new")
        client.sendall(GET)
        assert reply_from(client).endswith(b"new")


@contextmanager
def filled(house: House, leaving: Hall) -> Iterator[None]:
    """While this lasts there is no room in the lounge, and nobody to read it."""
    leaving.engine.stop_accepting()
    lounge = Lounge(os.dup(house.reader), os.dup(house.writer), lambda: True)
    with socket.socket() as any_other:
        guest = Guest("gone", "http", "", 0, True, 1, 1.0, b"")
        while lounge.offer(guest, any_other.fileno()):
            pass
    yield
    while (found := lounge.take()) is not None:
        if found[0].door != "gone":
            assert lounge.offer(*found)
            os.close(found[1])
            break
        os.close(found[1])
    lounge.close()


class TestTheLast:
    """Nobody stays: who is in the lounge, or in the kernel's queue, is served to the end."""

    def test_guests_and_who_has_just_come(self, house: House, soon: None) -> None:
        first, client = house.serving(b"old")
        first.engine.leave()
        first.join()
        last = house.hall(b"last")
        last.pause()
        queued = last.client(GET)
        client.sendall(GET)
        last.board.heirs = False
        last.engine.leave()
        for each in (client, queued):
            data = ended(each)
            assert data is not None
            assert data.endswith(b"last")
        last.join()
        last.listener.close()
        with socket.socket() as later, pytest.raises(ConnectionRefusedError):
            later.connect(last.address)

    def test_guests_whose_request_is_here(self, house: House, soon: None) -> None:
        first, client = house.serving(b"old")
        client.sendall(GET[:9])
        wait_until(
            lambda: any(conn.buffer for conn in first.engine.table.values()), DEADLINE, "it is read"
        )
        last = house.hall(b"last")
        last.pause()
        first.engine.leave()
        first.join()
        client.sendall(GET[9:])
        last.board.heirs = False
        last.engine.leave()
        data = ended(client)
        assert data is not None
        assert data.endswith(b"last")
        last.join()

    def test_several_threads_shut_the_doors_once(self, house: House, soon: None) -> None:
        last = house.hall(b"last", threads=3)
        last.board.heirs = False
        last.engine.leave()
        last.join()
        assert last.engine.doors_shut
        assert not last.log.lines


def test_no_free_descriptor_for_a_guest(house: House) -> None:
    """It waits in the lounge meanwhile."""
    leaving, client = house.serving(b"old")
    new = house.hall(b"new")
    new.pause()
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    leaving.engine.leave()
    leaving.join()
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        new.engine.resume()
        new.log.wait("accept failed: Too many open files")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    client.sendall(GET)
    assert reply_from(client).endswith(b"new")


class TestHandover:
    """Guests as connections, and connections as guests."""

    @pytest.fixture
    def lounge(self) -> Iterator[Lounge]:
        made = Lounge(*open_pair(), lambda: True)
        yield made
        made.close()

    def test_there_and_back(self, lounge: Lounge) -> None:
        with desk(None) as here:
            handover = Handover(lounge, [here.conn.door], here.answerer, here.log)
            assert handover.has_heirs()
            assert handover.take(0.0) is None
            here.conn.served, here.conn.buffer, here.conn.deadline = 3, b"GET", 12.0
            assert handover.offer(here.conn, 10.0)
            found = handover.take(100.0)
            assert found is not None
            assert (found.address, found.port, found.served) == ("192.0.2.7", "1234", 3)
            assert (found.buffer, found.http, found.deadline) == (b"GET", True, 102.0)
            here.client.send(b"x")
            assert os.read(found.fd, 9) == b"x"
            os.close(found.fd)

    def test_a_door_that_is_not_here_any_more(self, lounge: Lounge) -> None:
        with desk(None) as here:
            old = Handover(lounge, [here.conn.door], here.answerer, here.log)
            assert old.offer(here.conn, 0.0)
            new = Handover(lounge, [], here.answerer, here.log)
            assert new.take(0.0) is None
            here.server.close()
            assert here.client.recv(1) == b"", "its client is told"

    def test_what_is_no_guest(self, lounge: Lounge) -> None:
        with desk(None) as here:
            handover = Handover(lounge, [here.conn.door], here.answerer, here.log)
            with socket.socket(fileno=os.dup(lounge._writer.fileno())) as writer:
                writer.send(b"nonsense")
            assert handover.take(0.0) is None
            assert "the lounge held what is no connection" in here.log.text

    def test_what_cannot_be_sent(self, lounge: Lounge) -> None:
        with desk(None) as here:
            handover = Handover(lounge, [here.conn.door], here.answerer, here.log)
            here.conn.fd = -1
            assert not handover.offer(here.conn, 0.0)
            assert "a connection cannot be handed over: Bad file descriptor" in here.log.text

    def test_who_fits(self, lounge: Lounge) -> None:
        with desk(None) as here:
            handover = Handover(lounge, [here.conn.door], here.answerer, here.log)
            conn = here.conn
            assert handover.fits(conn)
            conn.served = 1
            assert not handover.stays(conn)
            conn.variables = {"HTTPS": "on"}
            assert not handover.fits(conn)
            assert handover.stays(conn)
            conn.buffer = b"G"
            assert not handover.stays(conn)

    def test_a_front_that_is_between_two_requests_fits(self, lounge: Lounge) -> None:
        with desk(None, protocol="fastcgi") as here:
            handover = Handover(lounge, [here.conn.door], here.answerer, here.log)
            assert handover.fits(here.conn)
            wanted = gateways.request(uwsgi.variables("/"))
            here.intake.feed(here.conn, wanted[:30])
            assert not handover.fits(here.conn)
