"""Time that runs out, refusals, and connections that two threads see at once."""

import errno
import os
import select
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quaich.stats.scoreboard import DROPPED, LANE_READ_ERRORS, PARKED
from quaich.sys.io import Acceptor
from quaich.worker import keeper, loop
from quaich.worker.connection import BODY, Connection
from quaich.worker.lounge import open_pair
from tests.support import gateways, uwsgi
from tests.support.desk import (
    DEADLINE,
    GET,
    Hall,
    Interfering,
    Shouting,
    ended,
    hall,
    reply_from,
    reset,
)
from tests.support.processes import wait_until

POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n"


def hello(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "LINGER_SECONDS", 0.0)
    for module in (keeper, loop):
        monkeypatch.setattr(module, "IDLE_LEAVE", 0.05)


class TestTime:
    """Deadlines are looked at once a second, all together."""

    def test_each_is_told_what_took_too_long(self, tmp_path: Path) -> None:
        with hall(hello, timeout=0.1, idle=0.1) as here:
            idle, head, body, silent = (here.client(each) for each in (GET, GET[:9], POST, b""))
            reply_from(idle)
            for client, what in ((head, b"head"), (body, b"body")):
                data = ended(client)
                assert data is not None
                assert data.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
                assert b"the request %b took too long" % what in data
            for client in (idle, silent):
                assert ended(client) == b""
            assert here.slot.get(DROPPED) == 2
            assert here.engine.dropped == 2
            assert here.slot.lane(0, LANE_READ_ERRORS) == 2
            here.parked(0)
            wait_until(lambda: not here.slot.get(PARKED), DEADLINE, "nobody is shown")
            assert not here.log.lines, "of a client's own doing nothing is said"

    def test_an_empty_line_is_not_the_beginning_of_a_request(self) -> None:
        with hall(hello, timeout=0.1, idle=5.0) as here:
            served, new = here.client(POST + b"ab\r\n"), here.client(b"\r\n")
            reply_from(served)
            for client in (served, new):
                assert ended(client) == b""
            assert here.slot.get(DROPPED) == 0

    def test_a_front_is_closed_on_and_the_log_says_so(self, tmp_path: Path) -> None:
        with hall(hello, protocol="uwsgi", path=tmp_path / "s", timeout=0.1) as here:
            packet = uwsgi.packet(uwsgi.variables("/", "POST", 9))
            partial, body = here.client(packet[:9]), here.client(packet)
            assert ended(partial) == b""
            data = ended(body)
            assert data is not None
            assert data.startswith(b"HTTP/1.1 408 ")
            assert "refused test -: the request body took too long" in here.log.text

    @pytest.mark.parametrize("protocol", ["uwsgi", "scgi"])
    def test_a_front_that_announces_a_body_and_passes_none_on(self, protocol: str) -> None:
        """It is told before it gives up itself, and the log says what to do about it."""
        variables = uwsgi.variables("/", "POST", 9)
        if protocol == "uwsgi":
            head = uwsgi.packet(variables)
        else:
            del variables["CONTENT_LENGTH"]
            head = gateways.scgi(variables, bytes(9))[:-9]
        with hall(hello, protocol=protocol, timeout=2.0) as here:
            began = time.monotonic()
            client, slow = here.client(head), here.client(head + b"a")
            conns = here.parked(2)
            wait_until(lambda: all(each.state == BODY for each in conns), DEADLINE, "both heads")
            times = sorted(each.deadline - each.body_began for each in conns)
            assert times == pytest.approx([1.0, 2.0 + 1 / 500])
            data = ended(client)
            assert data is not None
            assert b" 408 " in data.splitlines()[0]
            assert time.monotonic() - began < 5.0
            assert ended(slow)
            advice = "uwsgi_param CONTENT_LENGTH" if protocol == "uwsgi" else "let it pass bodies"
            assert here.log.text.count("nothing came of an announced request body") == 1
            assert advice in here.log.text

    def test_who_reads_what_the_kernel_holds_has_more_time(self) -> None:
        """Of that a good part has to leave before there is room for more."""
        size = 20_000_000

        def much(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            start_response("200 OK", [("Content-Length", str(size))])
            return [bytes(size)]

        with hall(much, timeout=1.0) as here:
            client = here.client(GET)
            wait_until(lambda: any(c.out_size for c in here.parked()), DEADLINE, "it is parked")
            [conn] = here.parked()
            waited, until = conn.out_size, conn.deadline + 1.2
            while conn.deadline < until and here.engine.table:
                assert client.recv(65536)
                select.select([], [], [], 0.2)
            assert conn.out_size == waited
            assert here.log.text == ""
            here.log.wait("client too slow")
            here.parked(0)

    def test_who_reads_next_to_nothing_has_not(self, monkeypatch: pytest.MonkeyPatch) -> None:
        held = iter(range(1_000_000, 0, -100))
        monkeypatch.setattr(keeper, "unsent", lambda fd: next(held))

        def much(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            start_response("200 OK", [])
            return [bytes(20_000_000)]

        with hall(much, timeout=1.0) as here:
            here.client(GET)
            here.log.wait("client too slow")
            assert 1_000_000 - next(held) < 500


class TestRefusals:
    def test_to_who_is_gone(self) -> None:
        def go(conn: Connection, data: bytes) -> bytes:
            reset(client)
            return data

        with hall(hello) as here:
            here.door.opening = lambda conn: Interfering(go)
            client = here.client()
            here.parked()
            client.sendall(b"nonsense\r\n\r\n")
            wait_until(lambda: here.engine.dropped, DEADLINE, "it is refused")
            here.parked(0)
            assert here.slot.get(DROPPED) == 1

    def test_encoded_and_with_a_farewell(self) -> None:
        def open_(conn: Connection) -> None:
            conn.layer = Shouting()

        with hall(hello) as here:
            here.door.opening = open_
            data = ended(here.client(b"nonsense\r\n\r\n"))
            assert data is not None
            assert data.startswith(b"HTTP/1.1 400 BAD REQUEST\r\n")
            assert data.endswith(b"LASTFAREWELL")

    def test_a_farewell_to_who_is_gone(self, tmp_path: Path) -> None:
        def open_(conn: Connection) -> None:
            conn.layer = Shouting(lambda: client.close())

        with hall(hello, path=tmp_path / "s", idle=0.0) as here:
            here.door.opening = open_
            client = here.client()
            here.parked()
            client.sendall(GET)
            wait_until(lambda: client.fileno() < 0, DEADLINE, "it is bidden farewell")
            here.parked(0)
            here.door.opening = None
            assert reply_from(here.client(GET)).endswith(b"hello")


def test_what_the_application_has_closed() -> None:
    """That it was watched, and that it cannot be closed again, costs two lines in the log."""

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] == "/close":
            os.close(conn.fd)
        return hello(environ, start_response)

    with hall(application) as here:
        client = here.client()
        [conn] = here.parked()
        client.sendall(GET.replace(b"/", b"/close", 1))
        assert ended(client) == b""
        here.log.wait("close failed")
        assert reply_from(here.client(GET)).endswith(b"hello")
        assert here.log.text.count("close failed: Bad file descriptor") == 2
        assert "defect" not in here.log.text
        assert conn not in here.parked()


class Between:
    """A key that lies before another in a dict: when the two are compared for the second time, it
    does what another thread may do between two look-ups."""

    def __init__(self, fd: int, act: Callable[[], None], after: int = 1) -> None:
        self.fd = fd
        self.act = act
        self.after = after
        self.acts = False

    def __hash__(self) -> int:
        return hash(self.fd)

    def __eq__(self, other: object) -> bool:
        if self.acts:
            if self.after == 0:
                self.acts = False
                self.act()
            self.after -= 1
        return False

    def lie_in(self, table: dict[Any, Connection]) -> None:
        """Take the place of the one connection there."""
        [conn] = table.values()
        table.clear()
        table[self] = conn
        table[self.fd] = conn
        self.acts = True


class TestTwoThreads:
    """What one has seen parked, another may have taken, and closed, and opened anew."""

    def two_idle(self, here: Hall, on_farewell: Callable[[], None]) -> tuple[Connection, ...]:
        def open_(conn: Connection) -> None:
            conn.layer = Shouting(on_farewell)

        here.door.opening = open_
        for count in (1, 2):
            here.client()
            here.parked(count)
        return tuple(here.engine.table.values())

    def test_gone_since_it_was_seen(self) -> None:
        taken: list[Connection] = []

        def take() -> None:
            if not taken:
                taken.append(here.engine.table.popitem()[1])

        with hall(hello) as here:
            first, second = self.two_idle(here, take)
            first.deadline = second.deadline = 0.0
            wait_until(lambda: taken, DEADLINE, "one of them was closed")
            here.signal()
            assert not here.engine.table
            assert taken == [second]
            # It is the other's: nobody closed it.
            os.fstat(second.fd)
            os.close(second.fd)

    def test_another_in_its_place(self) -> None:
        """It has the descriptor of one that was closed, and is put back."""
        with hall(hello, threads=2) as here:
            client = here.client()
            [conn] = here.parked()
            newer = Connection(conn.fd, here.door, "192.0.2.9", 7, here.answerer)
            newer.deadline = conn.deadline
            newer.watched = True
            between = Between(conn.fd, lambda: here.engine.table.update({conn.fd: newer}))
            between.lie_in(here.engine.table)
            conn.deadline = 0.0
            wait_until(lambda: not between.acts, DEADLINE, "the two were compared")
            here.signal()
            here.engine.table.pop(between)
            client.sendall(GET)
            assert reply_from(client).endswith(b"hello")
            assert here.parked() == [newer]

    def test_taken_by_who_cannot_watch_it(self) -> None:
        """An event may come before the call returns that fails."""
        taken: list[Connection] = []

        def take() -> None:
            taken.append(here.engine.table.pop(conn.fd))

        def close(conn: Connection, data: bytes) -> bytes:
            os.close(conn.fd)
            between = Between(conn.fd, take)
            here.engine.table[between] = conn
            between.acts = True
            return b""

        with hall(hello, threads=2) as here:
            here.door.opening = lambda conn: Interfering(close)
            client = here.client()
            [conn] = here.parked()
            client.sendall(GET)
            wait_until(lambda: taken, DEADLINE, "it was taken")
            here.signal()
            assert not here.log.lines, "it is the other's to say so"
            here.engine.table.clear()

    def test_taken_while_room_is_made(self) -> None:
        taken: list[Connection] = []

        def take() -> None:
            if not taken:
                taken.append(here.engine.table.popitem()[1])

        numbers = [0] * 16 + [errno.EMFILE]
        with hall(hello, acceptor=lambda fd: Failing(fd, numbers)) as here:
            self.two_idle(here, take)
            for count in range(3, 17):
                here.client()
                here.parked(count)
            conns = list(here.engine.table.values())
            for conn in conns:
                conn.served = 1
                conn.deadline -= 0.5
            conns[0].deadline -= 2.0
            conns[-1].deadline -= 1.0
            here.client()
            here.log.wait("accept failed")
            here.parked(9)
            assert taken == [conns[-1]]
            os.close(taken[0].fd)

    def test_taken_while_all_are_handed_over(self) -> None:
        """As by the main thread, in a request that a signal came into."""
        ends = open_pair()
        lifeline, master = os.pipe()
        taken: list[Connection] = []
        with hall(hello, lounge=ends) as here:
            here.engine.watch_lifeline(lifeline)
            here.board.heirs = True
            here.engine.stop_accepting()
            client = here.client()
            here.engine.start_accepting()
            [conn] = here.parked()
            here.engine.stop_accepting()
            between = Between(conn.fd, lambda: taken.append(here.engine.table.pop(conn.fd)), 0)
            between.lie_in(here.engine.table)
            here.engine.leave()
            wait_until(lambda: taken, DEADLINE, "it was taken")
            here.engine.table.clear()
            here.join()
            client.close()
            os.close(conn.fd)
        os.close(lifeline)
        os.close(master)


class Failing(Acceptor):
    """Fails with these errors first; 0 is none."""

    def __init__(self, fd: int, numbers: list[int]) -> None:
        super().__init__(fd)
        self.numbers = numbers

    def accept(self) -> tuple[int, str, int] | None:
        number = self.numbers[0] if self.numbers else 0
        if number:
            del self.numbers[0]
            raise OSError(number, os.strerror(number))
        found = super().accept()
        if found is not None and self.numbers:
            del self.numbers[0]
        return found


class TestSealed:
    """Who no other process can go on with, such as an encrypted connection."""

    @pytest.mark.parametrize("asks", [False, True])
    def test_leaving(self, asks: bool) -> None:
        ends = open_pair()
        lifeline, master = os.pipe()

        def open_(conn: Connection) -> None:
            conn.variables = {"HTTPS": "on"}

        with hall(hello, lounge=ends) as here:
            here.door.opening = open_
            here.engine.watch_lifeline(lifeline)
            here.board.heirs = True
            client = here.client(GET)
            reply_from(client)
            here.parked()
            here.pause()
            if asks:
                client.sendall(GET)
            here.engine.leave()
            data = ended(client)
            assert data is not None
            assert data.endswith(b"hello") if asks else data == b""
            here.join()
        os.close(lifeline)
        os.close(master)
