"""What becomes of what an application gives: one connection, and no loop behind it."""

import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar, copy_context
from pathlib import Path
from typing import Any

import h11
import pytest

from quaich.stats.scoreboard import EXCEPTIONS, LANE_SINCE, LANE_WRITE_ERRORS, REQUESTS, SENT
from quaich.worker.answer import ABORT, CLOSE, FLUSH, NEXT, SLOW, SUSPEND
from quaich.worker.outbox import flush
from quaich.worker.routes import Routes
from quaich.wsgi.files import FileWrapper
from tests.support import gateways, http, uwsgi
from tests.support.desk import DEADLINE, Desk, desk, reset

PLAIN = [("Content-Type", "text/plain")]
BIG = b"x" * 400000


class Pieces:
    """An iterable that counts how often it is closed."""

    def __init__(self, *pieces: Any) -> None:
        self.pieces = iter(pieces)
        self.closed = 0

    def __iter__(self) -> "Pieces":
        return self

    def __next__(self) -> Any:
        piece = next(self.pieces)
        if isinstance(piece, BaseException):
            raise piece
        return piece

    def close(self) -> None:
        self.closed += 1


def giving(result: Any, headers: Any = PLAIN) -> Callable[..., Any]:
    def application(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", headers)
        return result

    return application


def body(data: bytes) -> bytes:
    return data.partition(b"\r\n\r\n")[2]


class TestWhole:
    @pytest.mark.parametrize(
        ("result", "sent"),
        [
            (b"abc", b"abc"),
            ([b"abc"], b"abc"),
            ((b"abc",), b"abc"),
            ([b"ab", b"", b"c"], b"abc"),
            ([], b""),
            ((), b""),
        ],
    )
    def test_one_head_with_its_length(self, result: Any, sent: bytes) -> None:
        with desk(giving(result)) as here:
            assert here.ask() == NEXT
            data = here.received()
            assert b"\r\nContent-Length: %d\r\n" % len(sent) in data
            assert body(data) == sent
            assert here.slot.get(REQUESTS) == 1
            assert here.slot.get(SENT) == len(data)

    @pytest.mark.parametrize("result", [["abc"], [b"a", "b"], ("a",), [None], [bytearray(b"a")]])
    def test_what_is_not_bytes(self, result: Any) -> None:
        with desk(giving(result)) as here:
            assert here.ask() == CLOSE
            assert here.received().startswith(b"HTTP/1.1 500 ")
            assert "expected bytes" in here.log.text
            assert here.slot.get(EXCEPTIONS) == 1

    def test_after_write(self) -> None:
        def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            start_response("200 OK", PLAIN)(b"one")
            return [b"two"]

        with desk(application) as here:
            assert here.ask() == NEXT
            assert body(here.received()) == b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"

    def test_less_than_was_promised_breaks_the_connection(self) -> None:
        with desk(giving([b"abc"], [("Content-Length", "5")])) as here:
            assert here.ask() == ABORT
            assert body(here.received()) == b"abc"
            assert "2 octets less than its Content-Length" in here.log.text

    def test_what_waits_goes_out_in_its_order(self) -> None:
        with desk(giving([BIG]), room=4096) as here:
            assert here.ask() == FLUSH
            data = here.received()
            while not flush(here.conn):
                data += here.received()
            data += here.received()
            assert body(data) == BIG
            assert here.answerer.complete(here.conn, False) == NEXT


class TestNothing:
    def test_none(self) -> None:
        with desk(giving(None)) as here:
            assert here.ask() == CLOSE
            assert here.received().startswith(b"HTTP/1.1 500 ")
            assert "returned None" in here.log.text

    def test_no_application(self) -> None:
        with desk(None, recorded=True) as here:
            assert here.ask() == CLOSE
            assert here.received().startswith(b"HTTP/1.1 500 ")
            assert "no python application found" in here.log.text
            assert "|app: -1|" in here.log.lines[-1]

    def test_chosen_by_the_environ(self) -> None:
        chosen = []

        def choose(environ: dict[str, Any]) -> Any:
            chosen.append(environ["PATH_INFO"])
            return giving([b"chosen"])

        with desk(None, choose=choose) as here:
            assert here.ask(b"GET /here HTTP/1.0\r\n\r\n") == CLOSE
            assert body(here.received()) == b"chosen"
            assert chosen == ["/here"]


class TestNobodyThere:
    """An iterable that is slow, and gives nothing that could be sent."""

    def waiting(self, *last: Any) -> Pieces:
        def pieces() -> Any:
            for _ in range(5):
                time.sleep(0.11)
                yield b""
            yield from last

        iterable = Pieces()
        iterable.pieces = pieces()
        return iterable

    @pytest.mark.parametrize("leaves", [reset, socket.socket.close])
    @pytest.mark.parametrize("more", ["", "Connection: close\r\n"])
    def test_it_is_closed(self, leaves: Callable[[socket.socket], None], more: str) -> None:
        iterable = self.waiting(AssertionError("nobody looked"))
        with desk(giving(iterable), tcp=True) as here:
            leaves(here.client)
            assert here.ask(f"GET / HTTP/1.1\r\nHost: a\r\n{more}\r\n".encode()) == ABORT
            assert iterable.closed == 1
            assert not here.log.lines

    def test_who_only_sends_no_more_is_answered(self) -> None:
        with desk(giving(self.waiting(b"late")), tcp=True) as here:
            here.client.shutdown(socket.SHUT_WR)
            assert here.ask() == NEXT
            data = here.received()
            assert data.startswith(b"HTTP/1.1 200 OK\r\n")
            assert body(data) == b"4\r\nlate\r\n0\r\n\r\n"

    @pytest.mark.parametrize("leaves", [reset, socket.socket.close])
    def test_who_leaves_when_it_has_begun(self, leaves: Callable[[socket.socket], None]) -> None:
        iterable = self.waiting(AssertionError("nobody looked"))
        with desk(giving(iterable), tcp=True) as here:

            def application(environ: dict[str, Any], start_response: Any) -> Any:
                start_response("200 OK", PLAIN)(b"one")
                here.received()
                leaves(here.client)
                return iterable

            here.answerer.application = application
            assert here.ask() == ABORT
            assert iterable.closed == 1
            assert not here.log.lines

    @pytest.mark.parametrize("last", [[b"late"], []])
    def test_who_only_sends_no_more_when_it_has_begun(self, last: list[bytes]) -> None:
        """The size of the next chunk begins with a zero, once, whatever becomes of it."""

        def application(environ: dict[str, Any], start_response: Any) -> Any:
            start_response("200 OK", PLAIN)(b"one")
            here.client.shutdown(socket.SHUT_WR)
            return self.waiting(*last)

        with desk(application, tcp=True) as here:
            assert here.ask() == NEXT
            data = here.received()
            late = b"04\r\nlate\r\n0" if last else b"00"
            assert body(data) == b"3\r\none\r\n" + late + b"\r\n\r\n"
            assert http.parse(data).body == b"one" + b"".join(last)
            connection = h11.Connection(h11.CLIENT)
            connection.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
            connection.send(h11.EndOfMessage())
            connection.receive_data(data)
            events = []
            while not events or type(events[-1]) is not h11.EndOfMessage:
                events.append(connection.next_event())
            pieces = [bytes(each.data) for each in events if type(each) is h11.Data]
            assert b"".join(pieces) == b"one" + b"".join(last)

    def test_where_nothing_can_be_sent_it_is_answered(self) -> None:
        """Where the length is promised each octet counts."""
        iterable = self.waiting(b"late")

        def application(environ: dict[str, Any], start_response: Any) -> Any:
            start_response("200 OK", [("Content-Length", "7")])(b"one")
            here.client.shutdown(socket.SHUT_WR)
            return iterable

        with desk(application, tcp=True) as here:
            assert here.ask() == NEXT
            assert body(here.received()) == b"onelate"


class TestUntilClose:
    """Where the end of the connection is the end of the reply, a process that dies resets it."""

    ASKED = b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"

    def linger(self, here: Any) -> tuple[int, int]:
        value = here.server.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
        on, seconds = struct.unpack("ii", value)
        return on, seconds

    @pytest.mark.parametrize("written", [False, True])
    def test_in_the_middle_and_at_the_end(self, written: bool) -> None:
        seen = []

        def application(environ: dict[str, Any], start_response: Any) -> Any:
            write = start_response("200 OK", PLAIN)
            seen.append(self.linger(here))
            if written:
                write(b"one")
                seen.append(self.linger(here))
                write(b"two")
                return []
            return pieces()

        def pieces() -> Any:
            yield b"one"
            seen.append(self.linger(here))
            yield b"two"

        with desk(application, tcp=True) as here:
            assert here.ask(self.ASKED) == CLOSE
            assert seen == [(0, 0), (1, 0)]
            assert self.linger(here) == (0, 0)
            assert body(here.received()) == b"onetwo"

    def test_one_that_breaks(self) -> None:
        with desk(giving(Pieces(b"one", ValueError())), tcp=True) as here:
            assert here.ask(self.ASKED) == ABORT
            assert self.linger(here) == (1, 0)

    def test_one_whose_client_resets_at_the_end(self) -> None:
        def application(environ: dict[str, Any], start_response: Any) -> Any:
            start_response("200 OK", PLAIN)
            yield b"one"
            here.server.shutdown(socket.SHUT_RDWR)

        with desk(application, tcp=True) as here:
            assert here.ask(self.ASKED) in (CLOSE, ABORT)


class TestIterators:
    def test_pieces_and_their_end(self) -> None:
        pieces = Pieces(b"", b"ab", b"", b"c")
        with desk(giving(pieces)) as here:
            assert here.ask() == NEXT
            assert body(here.received()) == b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
            assert pieces.closed == 1

    def test_no_piece(self) -> None:
        with desk(giving(Pieces())) as here:
            assert here.ask() == NEXT
            assert b"\r\nContent-Length: 0\r\n" in here.received()

    @pytest.mark.parametrize("first", [(), (b"some",)])
    @pytest.mark.parametrize("error", [ValueError("mine"), SystemExit(3), KeyboardInterrupt()])
    def test_one_that_raises(self, first: tuple[bytes, ...], error: BaseException) -> None:
        pieces = Pieces(*first, error)
        seen: list[BaseException] = []
        with desk(giving(pieces), recorded=True) as here:
            here.answerer.on_exception = seen.append
            assert here.ask() == (ABORT if first else CLOSE)
            data = here.received()
            if first:
                assert data.endswith(b"4\r\nsome\r\n"), "no half answer looks whole"
            else:
                assert data.startswith(b"HTTP/1.1 500 ")
            assert pieces.closed == 1
            assert seen == [error]
            assert here.slot.get(EXCEPTIONS) == 1
            assert here.slot.lane(0, LANE_WRITE_ERRORS) == 0, "it was not the client"
            assert not here.answerer.failing

    def test_what_is_not_bytes(self) -> None:
        pieces = Pieces(b"a", "b")
        with desk(giving(pieces)) as here:
            assert here.ask() == ABORT
            assert "the application's iterable gave str; expected bytes" in here.log.text
            assert pieces.closed == 1

    def test_a_close_that_raises(self) -> None:
        class Bad(Pieces):
            def close(self) -> None:
                super().close()
                raise ValueError("in close")

        pieces = Bad(b"a")
        with desk(giving(pieces)) as here:
            assert here.ask() == NEXT
            assert "close() of the application's iterable raised" in here.log.text
            assert pieces.closed == 1

    def test_no_more_is_asked_for_than_was_promised(self) -> None:
        def more() -> Iterator[bytes]:
            yield b"abc"
            yield b"de"
            raise AssertionError("asked for more")

        with desk(giving(more(), [("Content-Length", "3")])) as here:
            assert here.ask() == NEXT
            assert body(here.received()) == b"abc"
            assert "more than its Content-Length" in here.log.text

    def test_head_is_answered_with_the_first_piece(self) -> None:
        def more() -> Iterator[bytes]:
            yield b"abc"
            raise AssertionError("asked for more")

        with desk(giving(more())) as here:
            assert here.ask(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n") == NEXT
            assert body(here.received()) == b""

    def test_suspended_until_the_client_has_read(self) -> None:
        pieces = Pieces(BIG, b"end")
        with desk(giving(pieces), room=4096) as here:
            assert here.ask() == SUSPEND
            assert here.slot.lane(0, LANE_SINCE) == 0, "no thread is in it"
            assert here.slot.get(REQUESTS) == 0
            data = b""
            while not flush(here.conn):
                data += here.received()
            assert here.answerer.resume(here.conn) == NEXT
            data += here.received()
            assert body(data) == b"%x\r\n%b\r\n3\r\nend\r\n0\r\n\r\n" % (len(BIG), BIG)
            assert here.slot.get(REQUESTS) == 1
            assert pieces.closed == 1

    def test_resumed_in_the_context_it_began_in(self) -> None:
        user: ContextVar[str] = ContextVar("user", default="nobody")
        seen = []

        def more() -> Iterator[bytes]:
            user.set("somebody")
            yield BIG
            seen.append(user.get())
            yield b"end"

        with desk(giving(more()), room=4096, noting=False) as here:
            here.take()
            assert here.answerer.answer(here.conn, 0, copy_context()) == SUSPEND
            while not flush(here.conn):
                here.received()
            assert here.answerer.resume(here.conn) == NEXT
        assert seen == ["somebody"]
        assert user.get() == "nobody"

    def test_abandoned_while_suspended(self) -> None:
        pieces = Pieces(BIG, b"end")
        with desk(giving(pieces), room=4096) as here:
            assert here.ask() == SUSPEND
            here.answerer.abandon(here.conn)
            assert pieces.closed == 1
            assert here.slot.get(REQUESTS) == 1, "it is counted"
            assert here.slot.get(SENT) > len(BIG)
            assert not here.conn.out
            assert here.slot.lane(0, LANE_WRITE_ERRORS) == 1

    def test_abandoned_while_its_last_octets_wait(self) -> None:
        with desk(giving([BIG]), room=4096) as here:
            assert here.ask() == FLUSH
            here.answerer.abandon(here.conn)
            assert here.slot.get(REQUESTS) == 1, "it was counted already"
            assert not here.conn.out

    def test_abandoned_with_nothing_begun(self) -> None:
        with desk(giving([])) as here:
            here.answerer.abandon(here.conn)
            assert here.slot.get(REQUESTS) == 0

    def test_who_is_gone_is_asked_for_nothing_more(self) -> None:
        asked = []

        def more() -> Iterator[bytes]:
            for number in range(5):
                asked.append(number)
                yield b"x"
                here.client.close()

        with desk(giving(more())) as here:
            assert here.ask() == ABORT
            assert asked == [0, 1]
            assert here.slot.lane(0, LANE_WRITE_ERRORS) == 1

    def test_who_is_gone_is_missed_after_a_slow_piece(self) -> None:
        """The kernel takes it; that nobody reads it is its answer."""
        asked = []

        def more() -> Iterator[bytes]:
            here.client.close()
            for number in range(5):
                asked.append(number)
                time.sleep(SLOW / 1000000)
                yield b"x"

        with desk(giving(more()), tcp=True) as here:
            assert here.ask() == ABORT
            assert asked == [0]

    def test_who_is_here_is_not(self) -> None:
        def slowly() -> Iterator[bytes]:
            time.sleep(SLOW / 1000000)
            yield b"x"

        with desk(giving(slowly())) as here:
            assert here.ask() == NEXT

    def test_what_cannot_be_closed(self) -> None:
        with desk(giving(iter([b"abc"]))) as here:
            assert here.ask() == NEXT
            assert body(here.received()) == b"3\r\nabc\r\n0\r\n\r\n"


class TestFiles:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        (tmp_path / "f").write_bytes(BIG)
        return tmp_path / "f"

    def test_the_kernel_sends_it(self, path: Path) -> None:
        file = path.open("rb")
        file.seek(100)
        with desk(giving(FileWrapper(file)), recorded=True) as here:
            assert here.ask() == FLUSH
            assert not file.closed, "it is not sent yet"
            data = b""
            while not flush(here.conn):
                data += here.received()
            assert here.answerer.complete(here.conn, False) == NEXT
            data += here.received()
            assert body(data) == BIG[100:]
            assert file.closed
            assert " via sendfile() " in here.log.lines[-1]

    def test_cut_where_the_promise_ends(self, path: Path) -> None:
        wrapper = FileWrapper(path.open("rb"))
        with desk(giving(wrapper, [("Content-Length", "7")])) as here:
            assert here.ask() == NEXT
            assert body(here.received()) == BIG[:7]

    def test_head(self, path: Path) -> None:
        file = path.open("rb")
        with desk(giving(FileWrapper(file))) as here:
            assert here.ask(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n") == NEXT
            data = here.received()
            assert b"\r\nContent-Length: %d\r\n" % len(BIG) in data
            assert body(data) == b""
            assert file.closed

    def test_at_its_end(self, path: Path) -> None:
        file = path.open("rb")
        file.seek(0, os.SEEK_END)
        with desk(giving(FileWrapper(file))) as here:
            assert here.ask() == NEXT
            assert b"\r\nContent-Length: 0\r\n" in here.received()

    def test_read_where_something_was_written_before(self, path: Path) -> None:
        path.write_bytes(b"file")

        def application(environ: dict[str, Any], start_response: Any) -> Any:
            start_response("200 OK", PLAIN)(b"first")
            return FileWrapper(path.open("rb"))

        with desk(application) as here:
            assert here.ask() == NEXT
            assert body(here.received()) == b"5\r\nfirst\r\n4\r\nfile\r\n0\r\n\r\n"

    def test_one_that_shrinks_meanwhile_breaks_the_connection(self, path: Path) -> None:
        with desk(giving(FileWrapper(path.open("rb")))) as here:
            assert here.ask() == FLUSH
            os.truncate(path, 10)
            here.received()
            assert flush(here.conn)
            assert here.answerer.complete(here.conn, False) == ABORT
            assert "less than its Content-Length" in here.log.text


class TestWrite:
    def test_a_client_that_reads_nothing(self) -> None:
        caught: list[BaseException] = []

        def application(environ: dict[str, Any], start_response: Any) -> Any:
            write = start_response("200 OK", PLAIN)
            try:
                write(BIG)
            except OSError as error:
                caught.append(error)
                raise
            raise AssertionError("it was written")

        with desk(application, room=4096, timeouts=(0.02, 5.0)) as here:
            assert here.ask() == ABORT
            assert str(caught[0]) == "write error: the client is gone"
            assert here.slot.get(EXCEPTIONS) == 0, "no fault of the application's"
            assert here.slot.lane(0, LANE_WRITE_ERRORS) == 1
            assert not here.conn.out

    def test_a_front_that_reads_nothing(self) -> None:
        def application(environ: dict[str, Any], start_response: Any) -> Any:
            start_response("200 OK", PLAIN)(BIG)
            raise AssertionError("it was written")

        with desk(application, protocol="uwsgi", room=4096, timeouts=(5.0, 0.02)) as here:
            assert here.ask(uwsgi.packet(uwsgi.variables("/"))) == ABORT

    def test_a_client_that_reads_slowly(self) -> None:
        def application(environ: dict[str, Any], start_response: Any) -> Any:
            write = start_response("200 OK", [("Content-Length", str(2 * len(BIG)))])
            write(BIG)
            write(BIG)
            return []

        with desk(application, room=4096) as here:
            pieces: list[bytes] = []
            reader = threading.Thread(target=read, args=(here.client, 2 * len(BIG), pieces))
            reader.start()
            outcome = here.ask()
            reader.join(10)
            assert body(b"".join(pieces)) == BIG + BIG
            assert outcome == NEXT

    def test_a_client_that_is_gone(self) -> None:
        def application(environ: dict[str, Any], start_response: Any) -> Any:
            here.client.close()
            start_response("200 OK", PLAIN)(b"x")
            raise AssertionError("it was written")

        with desk(application) as here:
            assert here.ask() == ABORT
            assert here.slot.get(EXCEPTIONS) == 0

    def test_a_client_that_goes_meanwhile(self) -> None:
        def application(environ: dict[str, Any], start_response: Any) -> Any:
            start_response("200 OK", PLAIN)(BIG)
            raise AssertionError("it was written")

        with desk(application, room=4096) as here:
            reader = threading.Thread(target=leave, args=(here.client,))
            reader.start()
            assert here.ask() == ABORT
            reader.join(10)
            assert here.slot.lane(0, LANE_WRITE_ERRORS) == 1

    def test_in_another_thread(self) -> None:
        def application(environ: dict[str, Any], start_response: Any) -> Any:
            write = start_response("200 OK", PLAIN)
            here.answerer.idents[0] = 0
            write(b"x")
            return []

        with desk(application) as here:
            assert here.ask() == CLOSE
            assert "in another thread" in here.log.text


def read(client: socket.socket, least: int, pieces: list[bytes]) -> None:
    size = 0
    while size < least:
        pieces.append(client.recv(65536))
        size += len(pieces[-1])


def leave(client: socket.socket) -> None:
    client.recv(1)
    client.close()


class TestFailures:
    def test_before_anything_was_sent(self) -> None:
        def application(environ: dict[str, Any], start_response: Any) -> Any:
            raise ValueError("mine")

        with desk(application) as here:
            assert here.ask(b"GET /a?secret HTTP/1.1\r\nHost: a\r\n\r\n") == CLOSE
            assert here.received().startswith(b"HTTP/1.1 500 ")
            assert "the application raised: GET /a\n" in here.log.text
            assert "secret" not in here.log.text
            assert "ValueError: mine" in here.log.text
            assert "quaich/worker" not in here.log.text, "the traceback is the application's"

    def test_in_a_thread_that_is_not_the_first(self) -> None:
        def application(environ: dict[str, Any], start_response: Any) -> Any:
            assert environ["uwsgi.core"] == 1
            raise ValueError("mine")

        with desk(application, threads=2) as here:
            assert here.ask(thread=1) == CLOSE

    def test_a_hop_by_hop_field_is_said_once(self) -> None:
        with desk(giving([b"a"], [("Upgrade", "h2c"), ("TE", "x")])) as here:
            for _ in range(2):
                assert here.ask() == NEXT
            assert here.log.text.count("the header Upgrade was taken out") == 1
            assert here.log.text.count("the header TE was taken out") == 1

    def test_the_first_octets_are_sent_already(self) -> None:
        def application(environ: dict[str, Any], start_response: Any) -> Any:
            raise ValueError

        with desk(application) as here:
            here.take()
            here.conn.opened = True
            assert here.answerer.answer(here.conn, 0, None) == CLOSE
            assert here.received().startswith(b"500 Internal Server Error\r\n")

    def test_a_failure_to_a_front(self) -> None:
        def application(environ: dict[str, Any], start_response: Any) -> Any:
            raise ValueError

        wanted = uwsgi.variables("/")
        del wanted["CONTENT_LENGTH"]
        with desk(application, protocol="scgi") as here:
            assert here.ask(gateways.scgi(wanted)) == CLOSE
            assert here.received().startswith(b"Status: 500 ")


class TestBounds:
    def test_requests_of_a_connection(self) -> None:
        with desk(giving([b"a"]), most=2) as here:
            assert here.ask() == NEXT
            assert here.ask() == CLOSE

    def test_when_the_worker_closes(self) -> None:
        with desk(giving([b"a"])) as here:
            here.answerer.closing = True
            assert here.ask() == CLOSE
            assert b"\r\nConnection: close\r\n" in here.received()

    def test_when_it_is_spent(self) -> None:
        spent = []
        with desk(giving([b"a"]), timing=False) as here:
            here.answerer.left = 2
            here.answerer.on_spent = lambda: spent.append(here.slot.get(REQUESTS))
            for _ in range(3):
                here.ask()
            assert spent == [2], "once, when the last is counted"

    def test_variables_that_want_code_are_shown(self) -> None:
        shown = []
        with desk(giving([]), protocol="uwsgi", dynamic=shown.append) as here:
            here.ask(uwsgi.packet({**uwsgi.variables("/"), "UWSGI_FILE": "/f"}))
            assert [each["UWSGI_FILE"] for each in shown] == ["/f"]


class Shown(Routes):
    """Keeps what it is shown."""

    def __init__(self) -> None:
        super().__init__(lambda: None)
        self.seen: list[tuple[object, int, object, float]] = []

    def took(self, route: object, micros: int, started: object, now: float) -> None:
        self.seen.append((route, micros, started, now))


class TestRoutes:
    """How long requests take is counted by what the application says they are."""

    def application(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] != "/nowhere":
            environ["quaich.route"] = "/user/<id>"
        start_response("200 OK", PLAIN)
        return [b"a"]

    def test_only_those_that_have_one(self) -> None:
        routes = Shown()
        with desk(self.application) as here:
            here.answerer.routes = routes
            before = time.time()
            here.take(b"GET /user/7 HTTP/1.1\r\nHost: a\r\nX-Request-Start: t=1.5\r\n\r\n")
            here.conn.began -= 5_000_000
            assert here.answerer.answer(here.conn, 0, None) == NEXT
            here.ask(b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n")
            [(route, took, started, now)] = routes.seen
            assert (route, started) == ("/user/<id>", "t=1.5")
            assert 5_000_000 <= took < 5_000_000 + DEADLINE * 1_000_000
            assert before <= now <= time.time()

    def test_not_where_nobody_asks(self) -> None:
        routes = Shown()
        with desk(self.application, timing=False) as here:
            here.answerer.routes = routes
            assert here.ask() == NEXT
            assert routes.seen == []

    def test_one_that_cannot_be_read_breaks_no_reply(self) -> None:
        class Route:
            def __str__(self) -> str:
                raise LookupError("no such rule")

        def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            environ["quaich.route"] = Route()
            start_response("200 OK", PLAIN)
            return [b"a"]

        routes = Routes(lambda: None)
        with desk(application, recorded=True) as here:
            here.answerer.routes = routes
            assert here.ask() == NEXT
            assert body(here.received()) == b"a"
            assert "the application's quaich.route raised: GET /\n" in here.log.text
            assert "LookupError: no such rule" in here.log.text
            assert "quaich/worker" not in here.log.text
            assert here.log.lines[-1].startswith("[pid: ")
        assert list(routes.families()) == []


class TestFastCGI:
    def ask(self, here: Desk, flags: int = gateways.KEEP, method: str = "GET") -> int:
        return here.ask(gateways.request(uwsgi.variables("/", method), flags=flags))

    def records(self, data: bytes) -> list[tuple[int, bytes]]:
        found = []
        while data:
            size = int.from_bytes(data[4:6], "big")
            found.append((data[1], data[8 : 8 + size]))
            data = data[8 + size + data[6] :]
        return found

    def output(self, here: Desk) -> bytes:
        """The reply, which must have ended well."""
        records = self.records(here.received())
        assert records[-1] == (gateways.END, bytes(8))
        return b"".join(content for kind, content in records if kind == gateways.STDOUT)

    @pytest.mark.parametrize(("flags", "outcome"), [(gateways.KEEP, NEXT), (0, CLOSE)])
    def test_whole(self, flags: int, outcome: int) -> None:
        with desk(giving([b"abc"]), protocol="fastcgi") as here:
            assert self.ask(here, flags) == outcome
            assert self.output(here).endswith(b"\r\n\r\nabc")

    def test_pieces(self) -> None:
        with desk(giving(Pieces(b"ab", b"c")), protocol="fastcgi") as here:
            for _ in range(2):
                assert self.ask(here) == NEXT
                assert self.output(here).endswith(b"\r\n\r\nabc")
                here.answerer.application = giving(Pieces(b"ab", b"c"))

    def test_no_body(self) -> None:
        with desk(giving([]), protocol="fastcgi") as here:
            assert self.ask(here, method="HEAD") == NEXT
            assert self.output(here).startswith(b"Status: 200 OK\r\n")

    def test_a_broken_reply_has_no_end(self) -> None:
        with desk(giving([b"a"], [("Content-Length", "2")]), protocol="fastcgi") as here:
            assert self.ask(here) == ABORT
            assert all(kind == gateways.STDOUT for kind, _ in self.records(here.received()))

    def test_who_is_gone_gets_no_end(self) -> None:
        with desk(giving(Pieces(b"a")), protocol="fastcgi") as here:
            here.take(gateways.request(uwsgi.variables("/")))
            here.client.close()
            assert here.answerer.answer(here.conn, 0, None) == ABORT
            assert here.slot.lane(0, LANE_WRITE_ERRORS) == 1

    @pytest.mark.parametrize("size", [10, 65535, 65536, 200000])
    def test_a_file_in_records(self, tmp_path: Path, size: int) -> None:
        (tmp_path / "f").write_bytes(BIG[:size])
        wrapper = FileWrapper((tmp_path / "f").open("rb"))
        with desk(giving(wrapper), protocol="fastcgi", room=4096) as here:
            outcome = self.ask(here)
            data = here.received()
            if outcome == FLUSH:
                while not flush(here.conn):
                    data += here.received()
                outcome = here.answerer.complete(here.conn, False)
            assert outcome == NEXT
            records = self.records(data + here.received())
            assert records[-1] == (gateways.END, bytes(8))
            output = b"".join(content for kind, content in records if kind == gateways.STDOUT)
            assert body(output) == BIG[:size]

    def test_a_file_that_shrinks_inside_a_record(self, tmp_path: Path) -> None:
        (tmp_path / "f").write_bytes(BIG)
        wrapper = FileWrapper((tmp_path / "f").open("rb"))
        with desk(giving(wrapper), protocol="fastcgi", room=4096) as here:
            assert self.ask(here) == FLUSH
            os.truncate(tmp_path / "f", 10)
            here.received()
            assert flush(here.conn)
            assert here.answerer.complete(here.conn, False) == ABORT, "the record can have no end"


class TestAstray:
    """In a process that the application forked, nothing comes back from the application."""

    class Ended(BaseException):
        pass

    @pytest.fixture(autouse=True)
    def end(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        statuses: list[int] = []

        def end(status: int) -> None:
            statuses.append(status)
            raise self.Ended

        monkeypatch.setattr(os, "_exit", end)
        return statuses

    def go_astray(self, application: Any, end: list[int]) -> int:
        with desk(application) as here:
            self.here = here
            with pytest.raises(self.Ended):
                here.ask()
            assert here.received() == b"", "the client is the parent's"
            self.log = here.log.text
        return end[0]

    def stray(self) -> None:
        self.here.answerer.astray = True

    def test_by_its_return(self, end: list[int]) -> None:
        def application(environ: dict[str, Any], start_response: Any) -> Any:
            self.stray()
            return [b"x"]

        assert self.go_astray(application, end) == 1
        assert "was forked by the application and came back" in self.log

    def test_by_an_exception(self, end: list[int]) -> None:
        def application(environ: dict[str, Any], start_response: Any) -> Any:
            self.stray()
            raise SystemExit(7)

        assert self.go_astray(application, end) == 7

    def test_by_a_piece(self, end: list[int]) -> None:
        def more() -> Iterator[bytes]:
            self.stray()
            yield b"x"

        assert self.go_astray(giving(more()), end) == 1

    @pytest.mark.parametrize("error", [None, SystemExit(0)])
    def test_by_close(self, end: list[int], error: BaseException | None) -> None:
        class Straying(Pieces):
            def close(pieces) -> None:
                self.stray()
                if error is not None:
                    raise error

        with desk(giving(Straying(b"x"))) as here:
            self.here = here
            with pytest.raises(self.Ended):
                here.ask()
        assert end[0] == (0 if error else 1)
