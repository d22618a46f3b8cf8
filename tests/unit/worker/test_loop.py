"""The engine with real clients, in threads of the test: whose turn it is, and how each one ends."""

import errno
import io
import os
import re
import resource
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from quaich.stats.scoreboard import LANE_READ_ERRORS, LANE_WRITE_ERRORS
from quaich.sys.io import Acceptor, receive
from quaich.worker import keeper, loop, outbox
from quaich.worker.connection import LINGER, Connection
from quaich.worker.reader import READ
from quaich.worker.record import Shelf
from quaich.worker.scarcity import PACE
from quaich.worker.spool import ROOMS
from tests.support import gateways, uwsgi
from tests.support.desk import DEADLINE, GET, Hall, Interfering, ended, hall, reply_from, reset
from tests.support.processes import wait_until

CLOSING = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
BIG = b"x" * 400000
ROOM = 16384
COMPILED = not str(loop.__file__).endswith(".py")
THREADS = pytest.mark.parametrize("threads", [1, 3])


def echo(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["PATH_INFO"].encode() + environ["wsgi.input"].read()]


def big(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [BIG]


def body(data: bytes) -> bytes:
    return data.partition(b"\r\n\r\n")[2]


def get(path: str, more: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: a\r\n{more}\r\n".encode()


def test_a_handler_runs_though_its_signal_came_to_another_thread() -> None:
    """Nothing wakes the main thread then, in which alone handlers run."""
    made = Hall(echo, threads=2)
    made.engine.start_accepting()
    main, rescued = threading.get_ident(), threading.Event()
    task = Path(f"/proc/self/task/{threading.get_native_id()}")

    def asleep() -> bool:
        return "epoll" in (task / "wchan").read_text()

    def rescue() -> None:
        rescued.set()
        signal.pthread_kill(main, signal.SIGUSR1)

    def send() -> None:
        wait_until(asleep, DEADLINE, "the main thread sleeps")
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, lambda number, frame: made.engine.halt())
    sender, timer = threading.Thread(target=send), threading.Timer(DEADLINE, rescue)
    try:
        sender.start()
        timer.start()
        made.engine.run(made.engine.lanes[0])
        timer.cancel()
        assert not rescued.is_set()
    finally:
        timer.cancel()
        sender.join()
        signal.signal(signal.SIGUSR1, before)
        made.close()


class TestOrder:
    @THREADS
    def test_one_after_the_other(self, threads: int) -> None:
        with hall(echo, threads=threads) as here:
            client = here.client()
            for number in range(3):
                client.sendall(get(f"/{number}"))
                assert body(reply_from(client)) == b"/%d" % number

    @THREADS
    def test_many_at_once(self, threads: int) -> None:
        """More than one turn of a connection, while another has its own."""
        with hall(echo, threads=threads) as here:
            client = here.client(b"".join(get(f"/{number}") for number in range(50)) + CLOSING)
            other = here.client(CLOSING)
            assert ended(other)
            data = ended(client)
            assert data is not None
            bodies = re.findall(rb"\r\n\r\n(/[0-9]*)", data)
            assert bodies == [*(b"/%d" % number for number in range(50)), b"/"]

    def test_a_body_in_pieces(self) -> None:
        with hall(echo) as here:
            client = here.client(b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234")
            here.begun()
            client.sendall(b"56789")
            assert body(reply_from(client)) == b"/a0123456789"

    def test_a_body_longer_than_one_reading(self) -> None:
        head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % 300000
        with hall(echo) as here:
            client = here.client(head + b"y" * 300000)
            assert body(reply_from(client)) == b"/" + b"y" * 300000

    def test_continue(self) -> None:
        head = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        with hall(echo) as here:
            client = here.client(head)
            assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
            client.sendall(b"ab")
            assert body(reply_from(client)) == b"/ab"

    def test_those_who_come_together(self) -> None:
        """Who serves many takes as many new ones at once."""
        with hall(echo) as here:
            old = [here.client() for _ in range(20)]
            for client in old:
                client.sendall(GET)
                reply_from(client)
            here.pause()
            for client in old:
                client.sendall(GET)
            new = [here.client(CLOSING) for _ in range(8)]
            here.engine.resume()
            for client in old:
                assert reply_from(client)
            for client in new:
                assert ended(client)


class TestLargeBodies:
    """Received straight to where they are kept."""

    SIZE = 300001
    HEAD = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % SIZE
    BODY = bytes(range(251)) * (SIZE // 251 + 1)

    def begin(self, here: Hall, octets: int) -> tuple[socket.socket, Connection]:
        """A client that has sent so many octets of its body, and has room for them."""
        client = here.client(self.HEAD + self.BODY[:octets])
        conn = here.begun()
        wait_until(lambda: conn.missing == self.SIZE - octets, DEADLINE, "it is read")
        assert conn.spool is not None
        return client, conn

    @pytest.mark.parametrize("path", ["", "s"])
    @pytest.mark.parametrize("first", [20000, 299999, 300000])
    def test_with_another_request_behind_it(self, tmp_path: Path, path: str, first: int) -> None:
        with hall(echo, memory=10, path=tmp_path / path if path else None) as here:
            client, _ = self.begin(here, first)
            client.sendall(self.BODY[first : self.SIZE] + get("/b"))
            got = b""
            while not got.endswith(b"\r\n\r\n/b"):
                piece = client.recv(1 << 20)
                assert piece, got[-100:]
                got += piece
            assert got.partition(b"\r\n\r\n")[2].startswith(b"/a" + self.BODY[: self.SIZE] + b"H")

    def test_octets_that_come_give_time(self) -> None:
        with hall(echo, memory=10) as here:
            client, conn = self.begin(here, 20000)
            before = conn.deadline
            client.sendall(self.BODY[20000:120000])
            wait_until(lambda: conn.missing == self.SIZE - 120000, DEADLINE, "more is read")
            assert conn.deadline == pytest.approx(before + 100000 / PACE)

    def test_what_came_may_be_gone(self) -> None:
        """Between the kernel's word and its turn."""
        taken: list[bytes] = []
        with hall(echo, memory=10) as here:
            client, conn = self.begin(here, 20000)

            def take(_: Connection, data: bytes) -> bytes:
                taken.append(os.read(conn.fd, 5))
                return b""

            here.door.opening = lambda _: Interfering(take)
            acting = here.client()
            here.parked(2)
            here.pause()
            acting.sendall(b"x")
            client.sendall(b"other")
            here.engine.resume()
            wait_until(lambda: taken, DEADLINE, "it is taken")
            client.sendall(self.BODY[20000 : self.SIZE])
            assert taken == [b"other"]
            assert body(reply_from(client)) == b"/a" + self.BODY[: self.SIZE]

    def test_one_that_is_filtered(self) -> None:
        with hall(echo, memory=10) as here:
            here.door.opening = lambda conn: Interfering(lambda conn, data: data)
            client, _ = self.begin(here, 20000)
            client.sendall(self.BODY[20000 : self.SIZE])
            assert body(reply_from(client)) == b"/a" + self.BODY[: self.SIZE]

    @pytest.mark.parametrize("end", [socket.socket.close, reset])
    def test_a_client_that_goes(self, end: Callable[[socket.socket], None]) -> None:
        with hall(echo, memory=10) as here:
            client, _ = self.begin(here, 20000)
            end(client)
            wait_until(lambda: here.slot.lane(0, LANE_READ_ERRORS), DEADLINE, "it is missed")
            here.parked(0)
            assert here.engine.intake.spools.taken == 0


class TestSparing:
    """Where the end of a connection is the end of the reply: its last octets stay in the kernel."""

    @pytest.mark.parametrize("size", [0, 1, 2, 100])
    def test_a_body_on_a_unix_socket(self, tmp_path: Path, size: int) -> None:
        with hall(echo, path=tmp_path / "s") as here:
            head = b"POST / HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % size
            client = here.client(head)
            if size:
                conn = here.begun()
                wait_until(lambda: conn.missing == size, DEADLINE, "the head is read")
                client.sendall(b"y" * size)
            data = ended(client)
            assert data is not None
            assert body(data) == b"/" + b"y" * size

    def test_octet_by_octet(self, tmp_path: Path) -> None:
        with hall(echo, protocol="uwsgi", path=tmp_path / "s") as here:
            client = here.client()
            here.parked()
            for octet in uwsgi.packet(uwsgi.variables("/a", "POST", 3)):
                client.send(bytes((octet,)))
            [conn] = here.parked()
            for left, octet in ((3, b"x"), (2, b"y"), (1, b"z")):
                wait_until(lambda left=left: conn.missing == left, DEADLINE, f"{left} are left")
                client.send(octet)
            data = ended(client)
            assert data is not None
            assert body(data) == b"/axyz"

    def test_a_request_that_is_kept_alive_is_taken_out(self, tmp_path: Path) -> None:
        with hall(echo, path=tmp_path / "s") as here:
            client = here.client(GET)
            assert body(reply_from(client)) == b"/"
            client.sendall(CLOSING)
            assert ended(client) is not None

    def test_chunked(self, tmp_path: Path) -> None:
        head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        with hall(echo, path=tmp_path / "s") as here:
            client = here.client(head)
            here.begun()
            client.sendall(b"2\r\nab\r\n0\r\n\r\n")
            assert body(reply_from(client)) == b"/ab"

    def test_who_says_nothing(self, tmp_path: Path) -> None:
        with hall(echo, path=tmp_path / "s") as here:
            here.client().close()
            here.client(CLOSING[:10]).close()
            wait_until(lambda: here.slot.lane(0, LANE_READ_ERRORS), DEADLINE, "half a request")
            here.parked(0)
            assert here.slot.lane(0, LANE_READ_ERRORS) == 1

    def test_a_refusal(self, tmp_path: Path) -> None:
        with hall(echo, path=tmp_path / "s") as here:
            client = here.client(b"nonsense\r\n\r\n")
            reply = reply_from(client)
            assert reply.startswith(b"HTTP/1.1 400 ")
            date = rb"\r\nDate: \w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT\r\n"
            assert re.search(rb"\r\nServer: \w+" + date, reply)

    def test_a_reply_that_breaks_is_an_error(self, tmp_path: Path) -> None:
        def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
            start_response("200 OK", [("Content-Type", "text/plain")])
            yield b"half"
            raise ValueError

        with hall(application, protocol="uwsgi", path=tmp_path / "s") as here:
            assert ended(here.client(uwsgi.packet(uwsgi.variables("/")))) is None

    @pytest.mark.parametrize("more", ["", "Connection: keep-alive\r\n"])
    def test_who_speaks_both_versions_sees_it_too(self, tmp_path: Path, more: str) -> None:
        def application(environ: dict[str, Any], start_response: Any) -> Any:
            start_response("200 OK", [("Content-Type", "text/plain")])
            return breaks() if environ["PATH_INFO"] == "/half" else [b"ok"]

        def breaks() -> Iterator[bytes]:
            yield b"half"
            raise ValueError

        old = f"GET /half HTTP/1.0\r\n{more}\r\n".encode()
        with hall(application, path=tmp_path / "s") as here:
            assert ended(here.client(old)) is None
            client = here.client(GET)
            assert body(reply_from(client)) == b"ok"
            client.sendall(old)
            assert ended(client) is None

    def test_a_client_of_http_1_0_is_kept(self, tmp_path: Path) -> None:
        kept = b"POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: %d\r\n\r\n"
        with hall(echo, path=tmp_path / "s") as here:
            client = here.client()
            for data in (b"", b"a", b"ab", b"y" * 70000, b""):
                client.sendall(kept % len(data) + data)
                assert body(reply_from(client)) == b"/" + data
            client.sendall((kept % 1 + b"c") * 3)
            for _ in range(3):
                assert body(reply_from(client)) == b"/c"

    def test_a_client_of_http_1_0_that_reads_late_is_kept(self, tmp_path: Path) -> None:
        kept = b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
        with hall(big, path=tmp_path / "s", room=ROOM) as here:
            client = here.client(kept)
            here.writing()
            assert body(reply_from(client)) == BIG
            client.sendall(kept)
            assert body(reply_from(client)) == BIG


class TestSlowClients:
    @THREADS
    def test_a_large_reply_waits_for_its_client(self, threads: int) -> None:
        with hall(big, threads=threads, room=ROOM) as here:
            client = here.client(GET + CLOSING)
            here.writing()
            data = ended(client)
            assert data is not None
            assert data.count(b"x" * 1000) == 2 * len(BIG) // 1000

    @THREADS
    @pytest.mark.parametrize("more", [b"", GET])
    def test_an_iterator_waits_too(self, threads: int, more: bytes) -> None:
        def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
            start_response("200 OK", [("Content-Length", str(3 * len(BIG)))])
            for _ in range(3):
                yield BIG

        with hall(application, threads=threads, room=ROOM) as here:
            client = here.client()
            # It is parked once before.
            here.parked()
            client.sendall(GET + more)
            here.writing()
            # Others are served meanwhile, also by the thread that has it.
            for _ in range(2 * threads):
                assert len(body(reply_from(here.client(CLOSING)))) == 3 * len(BIG)
            for _ in range(2 if more else 1):
                assert len(body(reply_from(client))) == 3 * len(BIG)
            lanes = here.engine.lanes
            wait_until(lambda: not any(lane.suspended for lane in lanes), DEADLINE, "none waits")

    @THREADS
    def test_one_that_goes_while_its_iterator_waits(self, threads: int) -> None:
        closed = []

        class Forever:
            def __iter__(self) -> "Forever":
                return self

            def __next__(self) -> bytes:
                return BIG

            def close(self) -> None:
                closed.append(threading.get_ident())

        def application(environ: dict[str, Any], start_response: Any) -> Forever:
            start_response("200 OK", [("Content-Type", "text/plain")])
            return Forever()

        with hall(application, threads=threads, room=ROOM) as here:
            client = here.client(GET)
            here.writing()
            client.close()
            cores = range(threads)
            wait_until(
                lambda: sum(here.slot.lane(core, LANE_WRITE_ERRORS) for core in cores) == 1,
                *(DEADLINE, "its client is missed"),
            )
            assert len(closed) == 1

    def test_one_that_takes_nothing(self) -> None:
        with hall(big, room=ROOM) as here:
            client = here.client(GET)
            here.writing()
            here.expire("client too slow: 127.0.0.1 took nothing for 10 s")
            assert ended(client) is None

    def test_one_that_goes_with_the_last_octets_waiting(self) -> None:
        with hall(big, room=ROOM) as here:
            client = here.client(GET)
            here.writing()
            client.close()
            wait_until(lambda: here.slot.lane(0, LANE_WRITE_ERRORS), DEADLINE, "it is missed")


class TestVanished:
    """Who leaves while a request holds the thread: the next is not answered to nobody."""

    @pytest.fixture
    def busy(self) -> Iterator[tuple[Callable[..., Any], threading.Event, list[str]]]:
        free = threading.Event()
        answered: list[str] = []

        def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            answered.append(environ["PATH_INFO"])
            if environ["PATH_INFO"] == "/busy":
                assert free.wait(DEADLINE)
                time.sleep(0.02)
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"ok"]

        yield application, free, answered
        free.set()

    def hold(self, here: Hall, answered: list[str]) -> None:
        here.client(get("/busy", "Connection: close\r\n"))
        wait_until(lambda: "/busy" in answered, DEADLINE, "the thread is held")

    @pytest.mark.parametrize("unix", [False, True])
    @pytest.mark.parametrize("recorded", [False, True])
    def test_who_comes_and_goes(
        self, busy: Any, tmp_path: Path, unix: bool, recorded: bool
    ) -> None:
        application, free, answered = busy
        with hall(application, path=tmp_path / "s" if unix else None, recorded=recorded) as here:
            self.hold(here, answered)
            here.client(get("/gone")).close()
            here.client(get("/gone")).close()
            stays = here.client(get("/stays"))
            free.set()
            assert body(reply_from(stays)) == b"ok"
            assert answered == ["/busy", "/stays"]
            assert ("skipped " in here.log.text) == recorded
            assert ("GET /gone: the client is gone" in here.log.text) == recorded

    @pytest.mark.parametrize("protocol", ["uwsgi", "scgi", "fastcgi"])
    @pytest.mark.parametrize("fails", [False, True])
    def test_through_a_gateway(self, busy: Any, protocol: str, fails: bool) -> None:
        """Who has left is skipped; who has only finished sending has its reply in one piece."""
        application, free, answered = busy
        ask = {
            "uwsgi": uwsgi.packet,
            "scgi": lambda given: gateways.scgi({**given, "CONTENT_LENGTH": "0"}),
            "fastcgi": gateways.request,
        }[protocol]

        def failing(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            application(environ, start_response)
            if environ["PATH_INFO"] == "/stays" and fails:
                raise ValueError
            return [b"ok"]

        with hall(failing, protocol=protocol) as here:
            here.client(ask(uwsgi.variables("/busy")))
            wait_until(lambda: "/busy" in answered, DEADLINE, "the thread is held")
            here.client(ask(uwsgi.variables("/gone"))).close()
            stays = here.client(ask(uwsgi.variables("/stays")))
            stays.shutdown(socket.SHUT_WR)
            free.set()
            data = ended(stays)
            assert data is not None
            assert answered == ["/busy", "/stays"]
        if protocol == "fastcgi":
            data = b"".join(content for kind, content in records(data) if kind == gateways.STDOUT)
        opening = b"HTTP/1.1 " if protocol == "uwsgi" else b"Status: "
        assert data.startswith(opening + (b"500 " if fails else b"200 OK\r\n"))
        assert data.count(opening) == 1

    def test_who_sends_no_more_and_reads(self, busy: Any) -> None:
        application, free, answered = busy
        with hall(application) as here:
            self.hold(here, answered)
            client = here.client(get("/half"))
            client.shutdown(socket.SHUT_WR)
            free.set()
            data = ended(client)
            assert data is not None
            assert data.startswith(b"HTTP/1.1 200 OK\r\n")
            assert data.count(b"HTTP/1.1 ") == 1

    def test_who_was_served_and_goes(self, busy: Any) -> None:
        application, free, answered = busy
        with hall(application) as here:
            clients = [here.client(get("/first")) for _ in range(3)]
            for client in clients:
                reply_from(client)
            here.parked(3)
            self.hold(here, answered)
            for client in clients:
                client.sendall(get("/gone"))
                client.close()
            stays = here.client(get("/stays"))
            free.set()
            assert body(reply_from(stays)) == b"ok"
            assert "/gone" not in answered

    def test_who_asks_for_many_and_goes(self, busy: Any) -> None:
        """Between two turns of a connection its client is looked for again."""
        application, free, answered = busy
        with hall(application) as here:
            client = here.client(get("/a") * 15 + get("/busy") + get("/b") * 15)
            wait_until(lambda: "/busy" in answered, DEADLINE, "the thread is held")
            stays = here.client(get("/stays"))
            reset(client)
            free.set()
            assert body(reply_from(stays)) == b"ok"
            here.parked(1)
            assert "/b" not in answered


def records(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The records of a FastCGI stream: what kind each is, and what it holds."""
    while data:
        size = 8 + int.from_bytes(data[4:6], "big")
        yield data[1], data[8:size]
        data = data[size + data[6] :]


def readable(sock: socket.socket) -> bool:
    return bool(select.select([sock], [], [], 0)[0])


def writable(sock: socket.socket) -> bool:
    return bool(select.select([], [sock], [], 0)[1])


class TestEnds:
    def test_a_reset_between_two_requests(self) -> None:
        with hall(echo) as here:
            client = here.client(GET)
            reply_from(client)
            here.parked()
            reset(client)
            here.parked(0)
            assert here.slot.lane(0, LANE_READ_ERRORS) == 0, "it owed nothing"

    def test_a_reset_inside_a_body(self) -> None:
        with hall(echo) as here:
            client = here.client(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx")
            here.begun()
            reset(client)
            wait_until(lambda: here.slot.lane(0, LANE_READ_ERRORS), DEADLINE, "it is missed")

    def test_what_follows_the_last_request_is_read_over(self) -> None:
        """Closing on it would make the kernel throw the reply away."""
        with hall(echo) as here:
            client = here.client(CLOSING + GET)
            data = ended(client)
            assert data is not None
            assert data.count(b"HTTP/1.1 200") == 1
            client.sendall(b"more")
            [conn] = here.parked()
            assert conn.state == LINGER
            client.close()
            here.parked(0)

    def test_a_refusal_behind_a_request(self) -> None:
        with hall(echo) as here:
            data = ended(here.client(GET + b"nonsense\r\n\r\n"))
            assert data is not None
            assert data.count(b"HTTP/1.1 ") == 2
            assert b"HTTP/1.1 400 " in data

    def test_continue_to_nobody(self, tmp_path: Path) -> None:
        head = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        with hall(echo, path=tmp_path / "s") as here:
            here.pause()
            here.client(head).close()
            here.engine.resume()
            here.parked(0)
            assert body(reply_from(here.client(GET))) == b"/"

    def test_a_body_that_fills_a_reading_and_stops(self) -> None:
        """The head came with as much as one reading takes; what was expected to be here is not."""
        head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n"
        with hall(echo) as here:
            here.pause()
            client = here.client(head + b"y" * (READ - len(head)))
            here.engine.resume()
            [conn] = here.parked()
            wait_until(lambda: conn.missing, DEADLINE, "the head is read")
            client.sendall(b"y" * (20000 - READ + len(head)))
            assert body(reply_from(client)) == b"/" + b"y" * 20000

    def test_news_that_are_no_progress_give_no_time(self) -> None:
        """A client whose room is taken again before it is written to."""
        with hall(big, room=ROOM) as here:
            slow = here.client(GET)
            conn = here.writing()
            copy = socket.socket(fileno=os.dup(conn.fd))
            copy.setblocking(False)

            def fill(other: Connection, data: bytes) -> bytes:
                with suppress(BlockingIOError):
                    while copy.send(b"x" * 65536):
                        pass
                filled.append(conn.deadline)
                return data

            filled: list[float] = []
            here.door.opening = lambda conn: Interfering(fill)
            quick = here.client()
            here.parked(2)
            still: list[bool] = []

            def is_still() -> bool:
                still.append(not writable(copy))
                return len(still) >= 10 and all(still[-10:])

            # Then the kernel's list of news is empty, and has them in the order in which they come.
            wait_until(is_still, DEADLINE, "nothing moves")
            here.signal()
            here.pause()
            quick.sendall(b"G")

            def has_room() -> bool:
                if readable(slow):
                    slow.recv(65536)
                return writable(copy)

            wait_until(has_room, DEADLINE, "there is room")
            here.engine.resume()
            wait_until(lambda: filled, DEADLINE, "its room is taken")
            here.signal()
            assert conn.deadline == filled[0]
            copy.close()

    def test_who_may_still_read_is_answered(self) -> None:
        """Its room is used up, so that it cannot be told whether it is gone."""
        answered = []

        def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            answered.append(environ["PATH_INFO"])
            start_response("200 OK", [("Content-Type", "text/plain")])
            return []

        with hall(application, room=ROOM) as here:
            half = here.client(get("/first"))
            reply_from(half)
            [conn] = here.parked()
            copy = socket.socket(fileno=os.dup(conn.fd))
            copy.setblocking(False)
            here.pause()
            half.sendall(get("/second"))
            half.shutdown(socket.SHUT_WR)
            refusals: list[bool] = []

            def is_full() -> bool:
                # The kernel moves what it took to the client's room, as far as that goes.
                try:
                    copy.send(b"x" * 65536)
                    refusals.clear()
                except BlockingIOError:
                    refusals.append(True)
                return len(refusals) == 10

            wait_until(is_full, DEADLINE, "its room is used up")
            here.engine.resume()
            wait_until(lambda: "/second" in answered, DEADLINE, "it is answered")
            copy.close()

    def test_news_of_who_is_not_here_any_more(self) -> None:
        """Between the kernel's word and its turn a connection can have been given away."""
        with hall(lambda environ, start_response: [], threads=1) as here:
            first, second = here.client(), here.client()
            here.parked(2)

            def take_the_others(conn: Connection, data: bytes) -> bytes:
                others.extend(here.engine.table.popitem()[1] for _ in range(1))
                return b""

            others: list[Connection] = []
            here.door.opening = lambda conn: Interfering(take_the_others)
            acting = here.client()
            conns = here.parked(3)
            here.pause()
            acting.sendall(b"x")
            mine = acting.getsockname()[1]
            other = next(each for each in conns if int(each.port) != mine)
            for client in (first, second):
                client.sendall(b"x")
            here.engine.resume()
            wait_until(lambda: others, DEADLINE, "it was taken")
            here.door.opening = None
            here.signal()
            assert other.buffer in (b"", b"x")
            for each in others:
                os.close(each.fd)

    def test_a_reset_while_a_body_goes_to_its_file(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Between the reading that began it and the next."""

        def make(**_: object) -> Any:
            reset(client)
            return io.BytesIO()

        monkeypatch.setattr("tempfile.TemporaryFile", make)
        head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\n"
        with hall(echo, memory=10) as here:
            # So that it goes to no memory.
            here.engine.intake.spools.taken = ROOMS
            client = here.client()
            here.parked()
            here.pause()
            client.sendall(head + b"y" * (READ - len(head)))
            here.engine.resume()
            wait_until(lambda: here.slot.lane(0, LANE_READ_ERRORS), DEADLINE, "it is missed")

    @pytest.mark.skipif(COMPILED, reason="the kernel can be stood in for in Python only")
    def test_a_reset_while_it_is_looked_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        answered = []

        def fail(fd: int, data: bytes, offset: int) -> int:
            raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")

        def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            answered.append(environ["PATH_INFO"])
            return echo(environ, start_response)

        monkeypatch.setattr(outbox, "send", fail)
        with hall(application, recorded=True) as here:
            client = here.client()
            here.parked()
            here.pause()
            client.sendall(get("/gone"))
            client.shutdown(socket.SHUT_WR)
            here.engine.resume()
            here.log.wait("GET /gone: the client is gone")
            assert not answered


class TestDefects:
    def test_of_ours_cost_one_connection(self) -> None:
        def defect(conn: Connection, data: bytes) -> bytes | None:
            raise RuntimeError("ours")

        with hall(echo) as here:
            here.door.opening = lambda conn: Interfering(defect)
            assert ended(here.client(GET)) is None
            here.log.wait("a defect in quaich ended the connection of 127.0.0.1")
            assert "RuntimeError: ours" in here.log.text
            here.door.opening = None
            assert body(reply_from(here.client(GET))) == b"/"

    def test_a_descriptor_that_the_application_closed(self) -> None:
        def close(conn: Connection, data: bytes) -> bytes | None:
            os.close(conn.fd)
            return b""

        with hall(echo, threads=2) as here:
            here.door.opening = lambda conn: Interfering(close)
            client = here.client(GET)
            here.log.wait("close failed: Bad file descriptor")
            assert "a connection cannot be watched: Bad file descriptor" in here.log.text
            client.close()
            assert not here.engine.table
            here.door.opening = None
            assert body(reply_from(here.client(GET))) == b"/"


class TestBetweenTwoRequests:
    """What a signal handler raises where no request runs."""

    @pytest.mark.parametrize("error", [ValueError("mine"), KeyboardInterrupt()])
    def test_costs_a_line(self, error: BaseException) -> None:
        def act(data: bytes) -> None:
            raise error

        with hall(echo) as here:
            here.act = act
            here.signal()
            here.log.wait(f"raised between two requests: {type(error).__name__}")
            assert body(reply_from(here.client(GET))) == b"/"

    def test_an_exit_costs_the_worker(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def act(data: bytes) -> None:
            raise SystemExit

        for module in (keeper, loop):
            monkeypatch.setattr(module, "IDLE_LEAVE", 0.05)
        with hall(echo) as here:
            client = here.client(GET)
            reply_from(client)
            here.act = act
            here.signal()
            here.join()
            assert here.engine.leaving
            assert ended(client) == b"", "after what it has begun"

    def test_a_defect_of_ours_is_not_hidden(self) -> None:
        here = Hall(echo).start()
        here.act = lambda data: void(receive(10**6, 1))
        here.signal()
        here.join()
        here.close()
        assert [type(each) for each in here.failed] == [OSError]


@pytest.mark.skipif(COMPILED, reason="what wakes the threads is C's own there")
def test_a_thread_that_is_woken_in_vain() -> None:
    """Of several that are woken, another may have read the reason."""
    free = threading.Event()
    busy: list[bool] = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        busy.append(True)
        assert free.wait(DEADLINE)
        return echo(environ, start_response)

    def read_it(data: bytes) -> None:
        read.append(os.eventfd_read(here.engine.wake))

    read: list[int] = []
    with hall(application) as here:
        here.act = read_it
        client = here.client(GET)
        wait_until(lambda: busy, DEADLINE, "the thread is busy")
        os.write(here.signaller, b"!")
        here.engine.pause()
        here.engine.resume()
        free.set()
        assert body(reply_from(client)) == b"/"
        wait_until(lambda: read, DEADLINE, "the signal")
        assert body(reply_from(here.client(GET))) == b"/"


def test_lines_that_are_gathered_are_written_before_it_sleeps() -> None:
    """And not while there is somebody to answer."""
    seen: list[list[str]] = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.append(list(here.log.lines))
        shelf.put(f"line {len(seen)}\n".encode(), len(seen))
        if len(seen) == 1:
            # So that it is there when the loop looks again.
            others.append(here.client(CLOSING))
        return echo(environ, start_response)

    others: list[socket.socket] = []
    with hall(application) as here:
        shelf = here.engine.lanes[0].shelf = Shelf(here.slot, 0, here.log)
        first = here.client(CLOSING)
        here.log.wait("line 2")
        assert seen == [[], []]
        assert here.log.lines == ["line 1\nline 2"], "together"
        assert ended(first)
        assert ended(others[0])


def void(value: object) -> None:
    pass


class TestStarved:
    """Out of descriptors or memory: idle clients make room, and new ones wait a moment."""

    def test_of_descriptors(self) -> None:
        with hall(echo) as here:
            idle = [here.client(GET) for _ in range(9)]
            for client in idle:
                reply_from(client)
            here.parked(9)
            waiting = socket.socket()
            here.clients.append(waiting)
            waiting.settimeout(DEADLINE)
            with descriptors_used_up():
                waiting.connect(here.address)
                waiting.sendall(GET)
                here.log.wait("accept failed: Too many open files; idle connections are closed")
                here.parked(0)
            for client in idle:
                assert ended(client) == b"", "it needs more than there are"
            assert body(reply_from(waiting)) == b"/"
            assert here.log.text.count("accept failed") == 1, "said once in a while"

    @pytest.mark.parametrize(
        ("number", "times", "said"), [(errno.ENOMEM, 2, 1), (errno.EINVAL, 2, 2)]
    )
    def test_by_the_kernel(self, number: int, times: int, said: int) -> None:
        """What is tried again after a pause is said once in a while."""
        with hall(echo, acceptor=lambda fd: failing(fd, [number] * times)) as here:
            client = here.client(GET)
            assert body(reply_from(client)) == b"/", "it is accepted after all"
            assert here.log.text.count(f"accept failed: {os.strerror(number)}") == said

    def test_a_socket_that_was_let_go_of(self) -> None:
        """As the firewall refuses, and as another thread has shut the doors."""
        with hall(echo, acceptor=lambda fd: failing(fd, [errno.EPERM])) as here:
            assert body(reply_from(here.client(GET))) == b"/"
            assert "accept failed" not in here.log.text

    def test_who_has_just_come_may_stay(self) -> None:
        with hall(echo, acceptor=lambda fd: failing(fd, [0, 0, errno.EMFILE])) as here:
            fresh, old = here.client(), here.client()
            conns = here.parked(2)
            mine = next(each for each in conns if int(each.port) == old.getsockname()[1])
            mine.deadline -= 5.0
            new = here.client(CLOSING)
            assert ended(new)
            assert ended(old) == b""
            fresh.sendall(GET)
            assert body(reply_from(fresh)) == b"/"

    @pytest.mark.parametrize("others", [0, 3])
    def test_whose_next_request_is_here_may_stay(self, others: int) -> None:
        """It waits only because the thread was busy."""
        held, release = threading.Event(), threading.Event()

        def holding(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            if environ["PATH_INFO"] == "/hold":
                held.set()
                release.wait(DEADLINE)
            return echo(environ, start_response)

        numbers: list[int] = []
        with hall(holding, acceptor=lambda fd: failing(fd, numbers)) as here:
            asking, busy, *idle = (here.client(GET) for _ in range(2 + others))
            for client in (asking, busy, *idle):
                reply_from(client)
            here.parked(2 + others)
            busy.sendall(GET.replace(b"/", b"/hold", 1))
            assert held.wait(DEADLINE)
            numbers.append(errno.EMFILE)
            new = here.client(GET)
            asking.sendall(GET)
            release.set()
            assert body(reply_from(busy)) == b"/hold"
            assert body(reply_from(new)) == b"/"
            assert body(reply_from(asking)) == b"/"
            assert "accept failed" in here.log.text

    def test_where_nobody_is_idle_slow_heads_make_room(self) -> None:
        with hall(echo, acceptor=lambda fd: failing(fd, [0, 0, errno.EMFILE])) as here:
            fresh, slow = here.client(), here.client()
            conns = here.parked(2)
            for client in (fresh, slow):
                client.sendall(CLOSING[:20])
            wait_until(lambda: all(each.buffer for each in conns), DEADLINE, "both have begun")
            mine = next(each for each in conns if int(each.port) == slow.getsockname()[1])
            mine.deadline -= 5.0
            new = here.client(CLOSING)
            assert ended(new)
            assert ended(slow) == b""
            fresh.sendall(CLOSING[20:])
            assert ended(fresh)
            assert here.slot.lane(0, LANE_READ_ERRORS) == 1


class descriptors_used_up:
    """While this lasts the process can open nothing."""

    def __enter__(self) -> None:
        self.before = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, self.before[1]))

    def __exit__(self, *_: object) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, self.before)


def failing(fd: int, numbers: list[int]) -> Any:
    """An acceptor that fails with these errors first; 0 is none."""

    class Failing(Acceptor):
        def accept(self) -> tuple[int, str, int] | None:
            if numbers:
                number = numbers.pop(0)
                if number:
                    raise OSError(number, os.strerror(number))
            return super().accept()

    return Failing(fd)
