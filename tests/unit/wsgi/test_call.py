"""The exchange: what an application's calls become in octets."""

import sys
from typing import Any

import pytest

from quaich.errors import ApplicationError
from quaich.wire.reply import CHUNKED, NO_BODY, SIZED, UNTIL_CLOSE
from quaich.wsgi.call import Exchange, Stamp

PLAIN = [("Content-Type", "text/plain")]


class Sink:
    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.home = True

    def is_home(self) -> bool:
        return self.home

    def write_through(self, data: bytes) -> None:
        self.sent.append(data)


def exchange(
    *, http: bool = True, minor: int = 1, keep_alive: bool = True, is_head: bool = False
) -> Exchange:
    return Exchange(Sink(), http, minor, keep_alive, is_head, Stamp())


def head(data: bytes) -> tuple[bytes, dict[bytes, bytes]]:
    """The status line and the headers; the head must end the data."""
    text, _, rest = data.partition(b"\r\n\r\n")
    assert rest == b""
    line, *fields = text.split(b"\r\n")
    return line, dict(field.split(b": ") for field in fields)


class TestHead:
    def test_a_size_that_is_known(self) -> None:
        each = exchange()
        each.start_response("200 OK", PLAIN)
        line, fields = head(each.begin(5))
        assert line == b"HTTP/1.1 200 OK"
        assert fields == {
            b"Content-Type": b"text/plain",
            b"Content-Length": b"5",
            b"Server": b"quaich",
        }
        assert (each.framing, each.left, each.close) == (SIZED, 5, False)

    def test_a_promise_outranks_the_size(self) -> None:
        each = exchange()
        each.start_response("200 OK", [("Content-Length", "9")])
        assert head(each.begin(5))[1][b"Content-Length"] == b"9"
        assert each.left == 9

    @pytest.mark.parametrize(
        ("http", "minor", "framing", "coding", "close"),
        [
            (True, 1, CHUNKED, b"chunked", False),
            (True, 0, UNTIL_CLOSE, None, True),
            (False, 1, UNTIL_CLOSE, None, True),
        ],
    )
    def test_a_size_that_is_not(
        self, http: bool, minor: int, framing: int, coding: bytes | None, close: bool
    ) -> None:
        each = exchange(http=http, minor=minor)
        each.start_response("200 OK", PLAIN)
        _, fields = head(each.begin(-1))
        assert fields.get(b"Transfer-Encoding") == coding
        assert b"Content-Length" not in fields
        assert (each.framing, each.close) == (framing, close)

    @pytest.mark.parametrize(
        ("minor", "keep_alive", "said"),
        [(1, True, None), (1, False, b"close"), (0, True, b"keep-alive"), (0, False, b"close")],
    )
    def test_connection(self, minor: int, keep_alive: bool, said: bytes | None) -> None:
        each = exchange(minor=minor, keep_alive=keep_alive)
        each.start_response("200 OK", PLAIN)
        assert head(each.begin(1))[1].get(b"Connection") == said

    def test_the_front_frames_a_gateway_reply(self) -> None:
        each = exchange(http=False, keep_alive=False)
        each.start_response("200 OK", PLAIN)
        assert set(head(each.begin(-1))[1]) == {b"Content-Type"}

    def test_own_date_and_server(self) -> None:
        each = exchange()
        each.stamp.date = b"\r\nDate: now"
        each.start_response("200 OK", [("Date", "then"), ("Server", "mine")])
        fields = head(each.begin(0))[1]
        assert (fields[b"Date"], fields[b"Server"]) == (b"then", b"mine")

    def test_an_application_that_closes(self) -> None:
        each = exchange()
        each.start_response("200 OK", [("Connection", "close")])
        assert head(each.begin(0))[1][b"Connection"] == b"close"
        assert each.close

    def test_nothing_was_started(self) -> None:
        for call in (lambda e: e.begin(0), lambda e: e.finish(), lambda e: e.part(b"x")):
            with pytest.raises(ApplicationError, match="without calling start_response"):
                call(exchange())


class TestNoBody:
    @pytest.mark.parametrize(
        ("status", "is_head"),
        [("204 No Content", False), ("304 Not Modified", False), ("200 OK", True)],
    )
    def test_nothing_of_it_is_sent(self, status: str, is_head: bool) -> None:
        each = exchange(is_head=is_head)
        each.start_response(status, PLAIN)
        head(each.part(b"body"))
        assert each.framed(b"more") == b""
        assert each.finish() == b""
        assert (each.framing, each.sent, each.close, each.complaint) == (NO_BODY, 0, False, "")
        assert not each.broken()

    def test_head_promises_what_get_would(self) -> None:
        each = exchange(is_head=True)
        each.start_response("200 OK", PLAIN)
        assert head(each.begin(5))[1][b"Content-Length"] == b"5"
        each = exchange(is_head=True)
        each.start_response("200 OK", [("Content-Length", "7")])
        assert head(each.begin(0))[1][b"Content-Length"] == b"7"

    def test_an_empty_answer_to_head_promises_nothing(self) -> None:
        each = exchange(is_head=True)
        each.start_response("200 OK", PLAIN)
        assert b"Content-Length" not in head(each.begin(0))[1]


class TestBody:
    def test_chunks(self) -> None:
        each = exchange()
        each.start_response("200 OK", PLAIN)
        assert each.part(b"abc").endswith(b"\r\n\r\n3\r\nabc\r\n")
        assert each.part(b"") == b""
        assert each.part(b"de") == b"2\r\nde\r\n"
        assert each.finish() == b"0\r\n\r\n"
        assert each.sent == 5

    def test_an_empty_chunk_does_not_end_the_body(self) -> None:
        each = exchange()
        each.start_response("200 OK", PLAIN)
        assert each.part(b"").endswith(b"\r\n\r\n")

    def test_the_promise_kept(self) -> None:
        each = exchange()
        each.start_response("200 OK", [("Content-Length", "5")])
        each.part(b"hel")
        assert each.broken()
        assert each.part(b"lo") == b"lo"
        assert each.finish() == b""
        assert (each.broken(), each.close, each.complaint) == (False, False, "")

    def test_the_promise_passed(self) -> None:
        each = exchange()
        each.start_response("200 OK", [("Content-Length", "5")])
        assert each.part(b"hello, world").endswith(b"\r\n\r\nhello")
        assert each.part(b"more") == b""
        assert each.finish() == b""
        assert (each.sent, each.close, each.broken()) == (5, False, False)
        assert "more than its Content-Length" in each.complaint

    def test_the_promise_broken(self) -> None:
        each = exchange()
        each.start_response("200 OK", [("Content-Length", "5")])
        each.part(b"hell")
        each.finish()
        assert (each.close, each.broken()) == (True, True)
        assert "1 octets less" in each.complaint

    def test_nothing_at_all(self) -> None:
        each = exchange()
        each.start_response("200 OK", PLAIN)
        assert head(each.finish())[1][b"Content-Length"] == b"0"

    def test_nothing_though_promised(self) -> None:
        each = exchange()
        each.start_response("200 OK", [("Content-Length", "5")])
        each.finish()
        assert each.broken()


class TestBehindAFront:
    """SCGI and FastCGI: a CGI reply, whose end only FastCGI can tell."""

    def cgi(self, delimited: bool) -> Exchange:
        each = exchange(http=False)
        each.cgi = True
        each.delimited = delimited
        return each

    @pytest.mark.parametrize("delimited", [False, True])
    def test_the_status_is_a_field(self, delimited: bool) -> None:
        each = self.cgi(delimited)
        each.start_response("404 Not Found", PLAIN)
        assert each.begin(-1) == b"Status: 404 Not Found\r\nContent-Type: text/plain\r\n\r\n"
        assert (each.framing, each.close) == (UNTIL_CLOSE, not delimited)

    def test_a_head_that_comes_again_is_what_its_protocol_wants(self) -> None:
        for _ in range(2):
            for each, start in ((exchange(), b"HTTP/1.1 200 "), (self.cgi(True), b"Status: 200 ")):
                each.start_response("200 OK", [("X-Both", "1")])
                assert each.begin(3).startswith(start)


class TestWhole:
    """Whether the part just made is the last: then the protocol's own end goes with it."""

    def test_with_a_promise(self) -> None:
        each = exchange()
        assert not each.whole()
        each.start_response("200 OK", [("Content-Length", "5")])
        each.part(b"hell")
        assert not each.whole()
        each.part(b"o")
        assert each.whole()

    def test_without(self) -> None:
        each = exchange()
        each.start_response("200 OK", PLAIN)
        each.part(b"hello")
        assert not each.whole()

    def test_without_a_body(self) -> None:
        each = exchange(is_head=True)
        each.start_response("200 OK", PLAIN)
        each.begin(-1)
        assert each.whole()


class TestWrite:
    def test_it_sends(self) -> None:
        each = exchange()
        write = each.start_response("200 OK", PLAIN)
        write(b"")
        assert each.sink.sent == []
        write(b"abc")
        write(b"de")
        assert each.sink.sent[0].endswith(b"\r\n\r\n3\r\nabc\r\n")
        assert each.sink.sent[1] == b"2\r\nde\r\n"

    @pytest.mark.parametrize("data", ["text", None, 5, bytearray(b"x"), memoryview(b"x"), [b"x"]])
    def test_it_wants_bytes(self, data: Any) -> None:
        write = exchange().start_response("200 OK", PLAIN)
        with pytest.raises(ApplicationError, match="write: expected bytes, got"):
            write(data)

    def test_the_same_type_that_an_iterable_must_give(self) -> None:
        class Octets(bytes):
            pass

        with pytest.raises(ApplicationError, match="got Octets"):
            exchange().start_response("200 OK", PLAIN)(Octets(b"x"))


class TestStartResponse:
    def test_twice(self) -> None:
        each = exchange()
        each.start_response("200 OK", PLAIN)
        with pytest.raises(ApplicationError, match="a second time without exc_info"):
            each.start_response("200 OK", PLAIN)

    def test_replaced_before_the_head_went_out(self) -> None:
        each = exchange()
        each.start_response("200 OK", [("Content-Length", "5")])
        try:
            raise RuntimeError("late")
        except RuntimeError:
            each.start_response("503 Oops", PLAIN, sys.exc_info())  # type: ignore[arg-type]
        assert each.begin(2).startswith(b"HTTP/1.1 503 Oops\r\n")
        assert each.left == 2, "nothing of the first promise is left"

    def test_raised_again_after_it(self) -> None:
        each = exchange()
        each.start_response("200 OK", PLAIN)
        each.begin(-1)
        error = RuntimeError("too late")
        try:
            raise error
        except RuntimeError:
            info: Any = sys.exc_info()
        with pytest.raises(RuntimeError) as caught:
            each.start_response("503 Oops", PLAIN, info)
        assert caught.value is error

    def test_a_mistake_leaves_nothing_started(self) -> None:
        each = exchange()
        with pytest.raises(ApplicationError):
            each.start_response("200 OK", None)  # type: ignore[arg-type]
        each.start_response("200 OK", PLAIN)


class TestTooLate:
    def test_after_the_end(self) -> None:
        each = exchange()
        write = each.start_response("200 OK", PLAIN)
        each.over = True
        with pytest.raises(ApplicationError, match="after the end of its request"):
            write(b"x")
        assert each.sink.sent == []

    def test_in_another_thread(self) -> None:
        each = exchange()
        write = each.start_response("200 OK", PLAIN)
        each.sink.home = False
        with pytest.raises(ApplicationError, match="in another thread"):
            write(b"x")
        assert each.sink.sent == []

    def test_the_first_octets_are_sent_already(self) -> None:
        each = exchange()
        each.opened = True
        each.start_response("200 OK", PLAIN)
        assert each.begin(0).startswith(b"200 OK\r\n")


def test_the_date_is_in_english_and_of_the_second() -> None:
    stamp = Stamp()
    stamp.renew(784111777)
    assert stamp.date == b"\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT"
