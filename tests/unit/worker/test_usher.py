"""Connections that get one of the last descriptors."""

import errno
import fcntl
import os
import select
import threading
from typing import Any

import pytest

from quaich.stats.scoreboard import LANE_WRITE_ERRORS
from quaich.sys.io import Acceptor, unsent
from quaich.worker import usher
from tests.support.desk import DEADLINE, GET, Hall, ended, hall, reply_from
from tests.support.processes import wait_until

CLOSING = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
LAST = 200


def hello(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every descriptor is one of the last few, and two connections are too many for that."""
    monkeypatch.setattr(usher, "threshold", lambda limit: 0)
    monkeypatch.setattr(usher.resource, "getrlimit", lambda kind: (2, 2))


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Who makes room: nobody, until a number is in this, and then so many."""
    numbers: list[int] = []

    def choose(conns: list[Any], now: float, timeouts: Any) -> tuple[list[Any], float]:
        return (conns[: numbers[0]], 0.0) if numbers and conns else ([], 0.05)

    monkeypatch.setattr(usher, "choose", choose)
    return numbers


class Choice:
    """Who makes room: the first, so many of them; where that is nobody, how long others wait."""

    def __init__(self) -> None:
        self.count = 0
        self.pause = 1e-9
        self.looks = 0

    def __call__(self, conns: list[Any], now: float, timeouts: Any) -> tuple[list[Any], float]:
        self.looks += 1
        found = conns[: self.count]
        return found, 0.0 if found else self.pause


@pytest.fixture
def choice(monkeypatch: pytest.MonkeyPatch) -> Choice:
    made = Choice()
    monkeypatch.setattr(usher, "choose", made)
    return made


@pytest.mark.usefixtures("few")
class TestTheLastFew:
    def test_room_is_made(self, chosen: list[int]) -> None:
        chosen.append(1)
        with hall(hello) as here:
            first = here.client(GET)
            reply_from(first)
            select.select([], [], [], 0.1)
            second = here.client(GET)
            assert reply_from(second).endswith(b"hello")
            assert ended(first) == b""
            assert "few descriptors are left; idle connections are closed" in here.log.text

    @pytest.mark.parametrize("number", [0, errno.EMFILE])
    def test_where_nobody_can_others_wait(
        self, monkeypatch: pytest.MonkeyPatch, chosen: list[int], number: int
    ) -> None:
        """Until somebody can; and while connections are few, nobody waits."""

        def none(path: str) -> list[str]:
            raise OSError(number, os.strerror(number))

        with hall(hello) as here:
            for count in range(1, 4):
                here.client(GET[:9])
                here.parked(count)
                select.select([], [], [], 0.1)
            with monkeypatch.context() as patched:
                if number:
                    patched.setattr(usher.os, "listdir", none)
                wait_until(lambda: not here.engine.accepting, DEADLINE, "a pause")
                waiting = here.client(GET)
                assert not select.select([waiting], [], [], 0.3)[0]
                chosen.append(3)
                if not number:
                    assert reply_from(waiting).endswith(b"hello")
            if number:
                assert reply_from(waiting).endswith(b"hello")

    def test_where_nothing_tells_how_many_there_are(
        self, monkeypatch: pytest.MonkeyPatch, chosen: list[int]
    ) -> None:
        def none(path: str) -> list[str]:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))

        with hall(hello) as here:
            monkeypatch.setattr(usher.os, "listdir", none)
            for count in range(1, 4):
                here.client(GET[:9])
                here.parked(count)
                select.select([], [], [], 0.1)
            assert reply_from(here.client(GET)).endswith(b"hello")

    def test_without_a_descriptor_to_change_it(
        self, monkeypatch: pytest.MonkeyPatch, chosen: list[int]
    ) -> None:
        def none(fd: int) -> int:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

        chosen.append(1)
        with hall(hello) as here:
            reply_from(here.client(GET))
            select.select([], [], [], 0.1)
            with monkeypatch.context() as patched:
                patched.setattr(usher.os, "dup", none)
                assert reply_from(here.client(GET)).endswith(b"hello")

    def test_one_look_is_enough_for_a_while(self, choice: Choice) -> None:
        """Where there was nobody to make room, who comes soon after has nobody closed."""
        choice.pause = 60.0
        with hall(hello) as here:
            first = here.client(GET)
            reply_from(first)
            here.parked(1)
            choice.count = 1
            assert reply_from(here.client(GET)).endswith(b"hello")
            first.sendall(GET)
            assert reply_from(first).endswith(b"hello")
            assert choice.looks == 1

    def test_the_lower_of_two_is_kept(self, choice: Choice) -> None:
        """Room that is made above a connection is of no use to it."""
        choice.count = 1
        with hall(hello, idle=60.0) as here:
            below = [os.dup(here.signals) for _ in range(2)]
            first = here.client(GET)
            reply_from(first)
            [conn] = here.parked(1)
            left = conn.fd
            for fd in below:
                os.close(fd)
            # The client has one of these two, and what is accepted the other.
            second = here.client(GET)
            assert reply_from(second).endswith(b"hello")
            assert ended(first) == b""
            [conn] = here.parked(1)
            assert conn.fd in below
            assert left > max(below)
            with pytest.raises(OSError, match="Bad file descriptor"):
                os.fstat(left)
            second.sendall(GET)
            assert reply_from(second).endswith(b"hello")


def test_once_the_last_few_are_free_nobody_makes_room(
    monkeypatch: pytest.MonkeyPatch, choice: Choice
) -> None:
    """How many there were is looked at again before anybody is closed."""
    monkeypatch.setattr(usher, "threshold", lambda limit: LAST)
    places = [LAST - 50, LAST, LAST + 1, LAST - 1]
    with hall(hello, acceptor=lambda fd: Placing(fd, places)) as here:
        kept, *others = (asked(here, count) for count in (1, 2, 3))
        assert choice.looks == 2
        for each in others:
            each.close()
        here.parked(1)
        choice.count = 9
        assert reply_from(here.client(GET)).endswith(b"hello")
        assert {conn.fd for conn in here.parked(2)} == {LAST - 50, LAST - 1}
        kept.sendall(GET)
        assert reply_from(kept).endswith(b"hello")
        assert choice.looks == 2


class TestWhoHasToLeave:
    """As one that cannot be accepted finds them."""

    def test_who_reads_its_reply_stays(self) -> None:
        """And who does not is reset, so that it can tell that the reply is cut."""
        size = 20_000_000

        def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            if environ["PATH_INFO"] != "/much":
                return hello(environ, start_response)
            start_response("200 OK", [("Content-Length", str(size))])
            return [bytes(size)]

        numbers: list[int] = []
        with hall(
            application, timeout=60.0, idle=60.0, acceptor=lambda fd: Failing(fd, numbers)
        ) as here:
            much = CLOSING.replace(b"/", b"/much", 1)
            idle, reads, stays = asked(here, 1), here.client(much), here.client(much)
            wait_until(lambda: sum(c.writing for c in here.parked(3)) == 2, DEADLINE, "replies")
            by_port = {int(conn.port): conn for conn in here.parked(3)}
            resting, reading, staying = (
                by_port[each.getsockname()[1]] for each in (idle, reads, stays)
            )
            resting.deadline -= 1.0
            reading.deadline -= 8.0
            staying.deadline -= 6.0
            # What the kernel holds for the two is seen at the first look.
            numbers.append(errno.EMFILE)
            new = ended(here.client(CLOSING))
            assert new is not None
            assert new.endswith(b"hello")
            assert ended(idle) == b""
            assert set(here.parked(2)) == {reading, staying}
            held, got = unsent(reading.fd), 0

            def read_some() -> bool:
                nonlocal got
                got += len(reads.recv(65536))
                return unsent(reading.fd) < held

            wait_until(read_some, DEADLINE, "some of it has left")
            numbers.append(errno.EMFILE)
            new = ended(here.client(CLOSING))
            assert new is not None
            assert new.endswith(b"hello")
            assert ended(stays) is None
            assert here.slot.lane(0, LANE_WRITE_ERRORS) == 1
            rest = ended(reads)
            assert rest is not None
            assert got + len(rest) > size
            assert here.log.text.count("accept failed: Too many open files") == 1

    def test_others_than_whose_next_request_is_here(self) -> None:
        """Though they have waited for less long: it waits only because the thread was busy."""
        held, release = threading.Event(), threading.Event()

        def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            if environ["PATH_INFO"] == "/hold":
                held.set()
                assert release.wait(DEADLINE)
            return hello(environ, start_response)

        numbers: list[int] = []
        with hall(application, idle=60.0, acceptor=lambda fd: Failing(fd, numbers)) as here:
            asking, idle, busy = (asked(here, count) for count in (1, 2, 3))
            for conn, waited in zip(here.parked(3), (3.0, 2.0, 0.0), strict=True):
                conn.deadline -= waited
            busy.sendall(GET.replace(b"/", b"/hold", 1))
            assert held.wait(DEADLINE)
            numbers.append(errno.EMFILE)
            # It is the first that the thread sees.
            new = here.client(GET)
            asking.sendall(GET)
            release.set()
            for client in (busy, new, asking):
                assert reply_from(client).endswith(b"hello")
            assert ended(idle) == b""
            assert not numbers
            here.parked(3)
            assert "accept failed: Too many open files; idle connections" in here.log.text


def asked(here: Hall, count: int) -> Any:
    """A client that was answered; parked, there are so many."""
    client = here.client(GET)
    assert reply_from(client).endswith(b"hello")
    here.parked(count)
    return client


class Failing(Acceptor):
    """Fails with these errors first."""

    def __init__(self, fd: int, numbers: list[int]) -> None:
        super().__init__(fd)
        self.numbers = numbers

    def accept(self) -> tuple[int, str, int] | None:
        if self.numbers:
            number = self.numbers.pop(0)
            raise OSError(number, os.strerror(number))
        return super().accept()


class Placing(Acceptor):
    """Gives connections these descriptors, one after the other."""

    def __init__(self, fd: int, places: list[int]) -> None:
        super().__init__(fd)
        self.places = places

    def accept(self) -> tuple[int, str, int] | None:
        found = super().accept()
        if found is None:
            return None
        fd, address, port = found
        place = self.places.pop(0)
        assert fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, place) == place
        os.close(fd)
        return place, address, port
