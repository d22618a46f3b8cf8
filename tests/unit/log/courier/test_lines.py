"""What happens to a line on its way: letters, encoders, routes, queues and protocols."""

import gzip
import json
import os
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaich.config.loggers import Encoder, Route, Sink
from quaich.log.courier import letter as letters
from quaich.log.courier import protocols, store
from quaich.log.courier.encode import encoder
from quaich.log.courier.letter import ERROR, INFO, REQUEST, SERVER, WARNING, Letter
from quaich.log.courier.routing import Routing
from quaich.log.courier.work import Source

NOW = 1795798029.25


def test_letters() -> None:
    message = letters.head(REQUEST, ERROR, 3, 41) + b"line\n"
    assert letters.unpack(message) == Letter(REQUEST, b"line\n", ERROR, 3, 41)
    assert letters.unpack(b"short") is None
    assert letters.unpack(b"x" * 20) is None


def test_long_lines_are_cut() -> None:
    found = letters.cut(b"x" * 100000 + b"\n")
    assert len(found) == letters.MOST
    assert found.endswith(b"...\n")
    assert letters.cut(b"a\n") == b"a\n"


@pytest.mark.parametrize(
    ("line", "severity"),
    [(b"error: x", ERROR), (b"Traceback (most", ERROR), (b"warning: x", WARNING), (b"x", INFO)],
)
def test_severity(line: bytes, severity: int) -> None:
    assert letters.severity_of(line) == severity


@pytest.mark.parametrize(
    ("each", "found"),
    [
        # As uWSGI 2.0.31 gives them.
        (Encoder("prefix", "PRE "), b'PRE a "b"\n'),
        (Encoder("suffix", "S"), b'a "b"\nS'),
        (Encoder("nl"), b'a "b"\n\n'),
        (Encoder("format", "<${msg}|${unknown}>"), b'<a "b"|>'),
        (Encoder("format", "${msgnl}"), b'a "b"\n'),
        (
            Encoder("format", "${unix} ${millis} ${micros}"),
            b"1795798029 1795798029250 1795798029250000",
        ),
        (Encoder("format", "${strftime:%Y}x"), b"2026x"),
        (Encoder("json", '{"m":"${msg}"}'), b'{"m":"a \\"b\\""}'),
    ],
)
def test_encoders(each: Encoder, found: bytes) -> None:
    assert encoder(each)(b'a "b"\n', NOW) == found


def test_gzip_and_strftime() -> None:
    assert gzip.decompress(encoder(Encoder("gzip"))(b"a\n", NOW)) == b"a\n"
    assert encoder(Encoder("strftime"))(b"%Y %%\n", NOW) == b"2026 %\n"


@given(st.binary(max_size=40))
def test_json_is_valid_whatever_the_line(line: bytes) -> None:
    found = encoder(Encoder("json", '{"m":"${msg}","n":"${msgnl}"}'))(line, NOW)
    assert b"\n" not in found
    json.loads(found)


def test_routes() -> None:
    sinks = [Sink("file", "a", "foo"), Sink("file", "b"), Sink("file", "c"), Sink("stdio", "", "z")]
    routing = Routing(sinks, [Route("foo", "GET"), Route("nobody", ".")], otherwise=9)
    assert list(routing.of(b"a GET b\n")) == [0]
    assert list(routing.of(b"other\n")) == [1, 2]


def test_a_line_without_a_place_goes_where_the_log_was() -> None:
    routing = Routing([Sink("file", "a", "foo")], [Route("foo", "x")], otherwise=1)
    assert list(routing.of(b"y")) == [1]
    assert list(Routing([], [], otherwise=0).of(b"y")) == [0]


def test_filters_and_drains() -> None:
    routing = Routing([Sink("stdio")], [], ["GET", "POST"], ["health"], otherwise=1)
    found = [list(routing.of(line)) for line in (b"GET /", b"POST /", b"PUT /", b"GET /health")]
    assert found == [[0], [0], [], []]


def test_indices_begin_where_they_are_told() -> None:
    routing = Routing(
        [Sink("stdio"), Sink("fd", "3", "n")], [Route("n", "x")], otherwise=9, first=4
    )
    assert (list(routing.of(b"a")), list(routing.of(b"x"))) == ([4], [5])


def test_a_store_is_bounded_and_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST", 10)
    queue = store.Store()
    assert queue.put(Letter(SERVER, b"12345\n"))
    assert not queue.put(Letter(SERVER, b"12345\n"))
    assert (queue.sent, queue.dropped) == (0, 1)
    assert queue.to_tell(100.0) == 1
    assert queue.to_tell(200.0) == 0
    queue.done()
    assert queue.first() is None
    assert queue.put(Letter(SERVER, b"12345\n"))
    queue.lose()
    assert queue.to_tell(200.5) == 1
    queue.put(Letter(SERVER, b"x" * 11))
    assert queue.to_tell(201.0) == 0, "once a second at most"
    assert queue.to_tell(201.6) == 1


LETTER = Letter(REQUEST, b"a\nb\n", WARNING, 2, 41)


def test_rfc3164(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    found = protocols.rfc3164(LETTER, protocols.facility("local3"), "shop", "", NOW)
    assert found.startswith(b"<156>Nov 27 ")
    assert found.endswith(b" shop[41]: a\\nb")
    assert b" host shop[" in protocols.rfc3164(LETTER, 3, "shop", "host", NOW)
    # A day of one digit has a space before it.
    assert protocols.rfc3164(LETTER, 3, "s", "", NOW - 22 * 86400).startswith(b"<28>Nov  5 ")


def test_rsyslog() -> None:
    found = protocols.rsyslog(LETTER, protocols.NOTICE, "h q", NOW)
    assert found.startswith(b"<28>Nov ")
    assert found.endswith(b" h q: a\\nb")


def test_rfc5424() -> None:
    found = protocols.rfc5424(LETTER, protocols.DAEMON, "shop", "host", NOW)
    assert found == b"<28>1 2026-11-27T16:47:09.250000Z host shop 41 request - a\\nb"


def test_the_journal() -> None:
    found = protocols.journal(LETTER, "shop")
    value = b"a\nb"
    assert found == (
        b"PRIORITY=4\nSYSLOG_IDENTIFIER=shop\nQUAICH_LOG=request\nMESSAGE\n"
        + struct.pack("<Q", 3)
        + value
        + b"\nSYSLOG_PID=41\nWORKER=2\n"
    )
    line = Letter(REQUEST, b'{"request_id":"abc-1","x":1}\n')
    assert b"\nREQUEST_ID=abc-1\n" in protocols.journal(line, "shop")


def test_facilities() -> None:
    assert (protocols.facility(""), protocols.facility("local7"), protocols.facility("5")) == (
        3,
        23,
        5,
    )


def test_resp() -> None:
    assert protocols.resp(b"publish", b"x", b"a b") == (
        b"*3\r\n$7\r\npublish\r\n$1\r\nx\r\n$3\r\na b\r\n"
    )


def test_lines_of_a_pipe() -> None:
    source = Source(-1)
    assert [each.line for each in source.lines(b"a\nb")] == [b"a\n"]
    assert [each.line for each in source.lines(b"c\n\nd")] == [b"bc\n", b"\n"]
    assert [each.line for each in source.lines(b"")] == [b"d\n"]
    (cut,) = Source(-1).lines(b"x" * 70000)
    assert len(cut.line) == letters.MOST


def test_lines_of_a_worker() -> None:
    (found,) = Source(-1, 2, 41).lines(b"error: x\n")
    assert found == Letter(SERVER, b"worker=2 error: x\n", ERROR, 2, 41)


@given(st.binary(max_size=60), st.integers(0, 60))
def test_a_pipe_loses_nothing(data: bytes, at: int) -> None:
    source = Source(-1)
    found = [*source.lines(data[:at] or b"\n"), *source.lines(data[at:] or b"\n")]
    found += source.lines(b"")
    text = b"".join(each.line for each in found)
    assert text.replace(b"\n", b"") == data.replace(b"\n", b"")
    assert os.linesep == "\n"
