"""What is said of a request, and of whose it is."""

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from quaich.log.request import RequestLog
from quaich.log.selection import Selection
from quaich.worker.answer import CLOSE, FLUSH, NEXT
from quaich.worker.outbox import flush
from quaich.worker.record import LONG, QUICK, SET_NAME, Recorder, describe
from tests.support import uwsgi
from tests.support.desk import DEADLINE, Desk, desk

NOTHING = Selection(False, False, False, 0, 0, False, False, False)
REQUEST = b"GET /a?b HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n"


def hello(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    # What the line says is what the client sent.
    environ["REQUEST_METHOD"] = environ["REMOTE_ADDR"] = "changed"
    start_response("404 Not Found", [("X-A", "b")])
    return [b"hello"]


def large(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"x" * 400000]


def record(here: Desk, **more: Any) -> None:
    wanted: dict[str, Any] = {"lines": RequestLog(1, False), "selection": Selection(), **more}
    here.answerer.recorder = Recorder(slot=here.slot, log=here.log, **wanted)


def test_a_line() -> None:
    with desk(hello) as here:
        record(here)
        assert here.ask(REQUEST) == NEXT
        [line] = here.log.lines
        assert "] 192.0.2.7 () {" in line
        assert "] GET /a?b => generated 5 bytes in " in line
        assert "(HTTP/1.1 404) 4 headers in " in line or "(HTTP/1.1 404)" in line
        assert line.startswith("[pid: 1|app: 0|req: 1/1]")


def test_the_address_of_the_client_behind_a_front() -> None:
    with desk(hello) as here:
        record(here, forwarded=True)
        here.ask(REQUEST)
        here.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert "] 203.0.113.9 () {" in here.log.lines[0]
        assert "] 192.0.2.7 () {" in here.log.lines[1]


def test_a_line_of_a_front_counts_what_it_sent() -> None:
    wanted = {**uwsgi.variables("/x"), "REMOTE_ADDR": "203.0.113.9"}
    packet = uwsgi.packet(wanted)
    with desk(hello, protocol="uwsgi") as here:
        record(here)
        here.ask(packet)
        [line] = here.log.lines
        assert f"] 203.0.113.9 () {{{2 * len(wanted)} vars in {len(packet) - 4} bytes}}" in line


@pytest.mark.parametrize(("selection", "count"), [(NOTHING, 0), (Selection(False, True), 1)])
def test_only_those_that_are_picked(selection: Selection, count: int) -> None:
    with desk(hello) as here:
        record(here, selection=selection)
        here.ask(REQUEST)
        assert len(here.log.lines) == count


def test_of_a_request_that_no_application_answers() -> None:
    with desk(None) as here:
        record(here)
        assert here.ask(REQUEST) == CLOSE
        assert "(HTTP/1.1 500) 2 headers" in here.log.lines[-1]


def test_what_a_format_wants_is_kept_of_the_environ() -> None:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        environ[SET_NAME]("user", "somebody")
        environ["HTTP_HOST"] = "changed"
        return hello(environ, start_response)

    class Format:
        def line(self, answered: Any) -> bytes:
            return f"{answered.values} {answered.names}\n".encode()

    with desk(application) as here:
        record(here, lines=Format(), needs=[("HTTP_HOST", "-")], open=True)
        here.ask(REQUEST)
        assert here.log.lines == ["('a',) {'user': 'somebody'}"]


def test_what_was_recorded_before_there_was_a_recorder() -> None:
    """A worker's recorder is there for a whole request or not at all."""

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        record(here)
        return hello(environ, start_response)

    with desk(application) as here:
        assert here.ask(REQUEST) == NEXT
        assert not here.log.lines


class TestGathering:
    """A worker that is busy with quick requests writes their lines together."""

    @pytest.fixture
    def busy(self) -> Iterator[Desk]:
        """One line is gathered."""
        with desk(hello, threads=2) as here:
            record(here, gathering=True)
            ends = time.monotonic() + DEADLINE
            asked = 0
            while not here.slot.shelved(0):
                assert time.monotonic() < ends
                here.ask(REQUEST)
                here.received()
                asked += 1
            # More, where one of them took long.
            assert asked > QUICK
            assert len(here.log.lines) == asked - 1
            here.log.lines.clear()
            yield here

    def test_on_the_shelf_of_the_thread(self, busy: Desk) -> None:
        busy.ask(REQUEST.replace(b"/a", b"/other"), thread=1)
        assert b" GET /a?b " in busy.slot.shelved(0)
        assert busy.slot.shelved(0).count(b"\n") == 1
        assert b" GET /other?b " in busy.slot.shelved(1)
        assert not busy.log.lines

    def test_what_another_thread_sends_to_its_end_is_written(self, busy: Desk) -> None:
        """Of a shelf its own thread takes what is there."""
        before = busy.slot.shelved(0)
        busy.answerer.application = large
        busy.server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        assert busy.ask(REQUEST) == FLUSH
        while not flush(busy.conn):
            busy.received()
        assert busy.answerer.complete(busy.conn, False) == NEXT
        assert busy.slot.shelved(0) == before
        [line] = busy.log.lines
        assert "generated 400000 bytes" in line

    def test_a_long_request_brings_them_out_before_it(self, busy: Desk) -> None:
        """The worker may be kept from the others, and with more of them is never idle."""
        busy.take(REQUEST.replace(b"/a", b"/long"))
        busy.conn.began -= LONG + 1
        assert busy.answerer.answer(busy.conn, 0, None) == NEXT
        assert busy.slot.shelved(0) == b""
        assert [line.split("] ")[2][:9] for line in busy.log.lines] == ["GET /a?b ", "GET /long"]
        busy.ask(REQUEST)
        assert busy.slot.shelved(0) == b"", "the next may take long too"
        assert len(busy.log.lines) == 3


class TestDescribe:
    def test_a_client_and_its_request(self) -> None:
        with desk(None) as here:
            assert describe(here.conn) == ""
            here.take(REQUEST)
            assert describe(here.conn) == "192.0.2.7 GET /a?b"

    def test_a_client_of_a_front(self) -> None:
        with desk(None, protocol="uwsgi") as here:
            here.take(uwsgi.packet({**uwsgi.variables("/x"), "REMOTE_ADDR": "203.0.113.9"}))
            assert describe(here.conn) == "203.0.113.9 GET /x"

    def test_bounded_and_printable(self) -> None:
        with desk(None, protocol="uwsgi") as here:
            here.take(uwsgi.packet({**uwsgi.variables("/"), "REQUEST_URI": "\n" * 5000}))
            text = describe(here.conn)
            assert text.isprintable()
            assert len(text) < 2000
