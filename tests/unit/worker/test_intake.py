"""The corpus and random octets, fed to an intake as a connection's reads would bring them."""

import errno
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quaich.errors import ProtocolError
from quaich.net.trust import Trust
from quaich.worker.connection import HEAD, Connection
from quaich.worker.intake import (
    CONTINUE,
    MORE,
    READY,
    Intake,
    drop_spool,
    start_over,
)
from quaich.worker.spool import LARGE, ROOMS
from tests.corpus import reader
from tests.support import uwsgi
from tests.support.intake import ADDRESS, FIXED, Seen, connection
from tests.support.intake import run as run_with_reasons


def run(*args: Any, **more: Any) -> list[Seen]:
    """Outcomes to compare: which of several faults is named may depend on how the octets came."""
    return [replace(each, reason="") for each in run_with_reasons(*args, **more)]


def splits(data: bytes) -> Iterator[list[bytes]]:
    """The data cut in two at every offset, and into single octets; long data at fewer places."""
    size = len(data)
    if size <= 400:
        offsets = list(range(1, size))
    else:
        offsets = [*range(1, 60), *range(60, size - 120, size // 40), *range(size - 120, size)]
    for offset in offsets:
        yield [data[:offset], data[offset:]]
    step = 1 if size <= 2500 else 997
    yield [data[start : start + step] for start in range(0, size, step)]


def check(case: reader.Case, seen: list[Seen]) -> None:
    assert [each.status for each in seen] == [each.status for each in case.expected], case.name
    for got, wanted in zip(seen, case.expected, strict=True):
        if wanted.status != 200:
            continue
        if wanted.method:
            assert got.environ["REQUEST_METHOD"] == wanted.method
        for key, value in wanted.environ.items():
            assert got.environ.get(key) == value, f"{case.name}: {key}"
        if wanted.exact:
            others = set(got.environ) - set(wanted.environ) - {"REQUEST_METHOD"}
            assert others == {*FIXED, "REMOTE_ADDR", "REMOTE_PORT"} - set(wanted.environ), case.name
        if wanted.body is not None:
            assert got.body == wanted.body, case.name
        if wanted.close is not None:
            assert got.close == wanted.close, case.name


def cases(folder: str) -> list[Any]:
    return [pytest.param(case, id=case.name) for case in reader.read(folder)]


@pytest.mark.parametrize("case", cases("http1"))
def test_http1_corpus(case: reader.Case) -> None:
    whole = run("http", [case.data], **case.limits)
    check(case, whole)
    for pieces in splits(case.data):
        assert run("http", pieces, **case.limits) == whole, pieces[0]


GATEWAYS = ("uwsgi", "scgi", "fastcgi")


@pytest.mark.parametrize(
    ("protocol", "case"),
    [pytest.param(name, *case.values, id=case.id) for name in GATEWAYS for case in cases(name)],
)
def test_gateway_corpus(protocol: str, case: reader.Case) -> None:
    whole = run(protocol, [case.data], **case.limits)
    check(case, whole)
    for pieces in splits(case.data):
        assert run(protocol, pieces, **case.limits) == whole, pieces[0]


def test_corpora_are_there() -> None:
    least = (("http1", 600), ("uwsgi", 120), ("scgi", 20), ("fastcgi", 30))
    for folder, count in least:
        assert len(reader.read(folder)) >= count


@pytest.mark.parametrize("folder", ["http1", "uwsgi"])
def test_an_auto_door_reads_both(folder: str) -> None:
    for case in reader.read(folder):
        first = case.data[:1]
        if (folder == "uwsgi") != (first == b"\0"):
            continue
        assert run("auto", [case.data], **case.limits) == run(
            "http" if folder == "http1" else "uwsgi", [case.data], **case.limits
        )


class TestHttp:
    def test_the_client_is_in_the_environ(self) -> None:
        [seen] = run("http", [b"GET / HTTP/1.0\r\n\r\n"])
        assert seen.environ["REMOTE_ADDR"] == ADDRESS
        assert seen.environ["REMOTE_PORT"] == "1234"
        assert seen.environ["SERVER_NAME"] == "node"

    def test_the_door_is_not_changed_by_requests(self) -> None:
        conn = connection()
        intake = Intake(65535, 0, 65536)
        assert intake.feed(conn, b"GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n\r\n") == READY
        assert conn.door.environ == FIXED

    @pytest.mark.parametrize("field", ["X-Forwarded-Proto: https", "X-Forwarded-SSL: on"])
    def test_forwarding_is_believed_from_this_machine_only(self, field: str) -> None:
        data = f"GET / HTTP/1.0\r\n{field}\r\n\r\n".encode()
        for address, scheme in (
            ("127.0.0.1", "https"),
            ("127.1.2.3", "https"),
            ("::1", "https"),
            ("", "https"),
            ("192.0.2.7", "http"),
            ("::2", "http"),
        ):
            [seen] = run("http", [data], address=address)
            assert seen.environ["wsgi.url_scheme"] == scheme, address

    @pytest.mark.parametrize("field", ["X-Forwarded-Proto: http", "X-Forwarded-SSL: off"])
    def test_and_may_say_that_it_is_plain(self, field: str) -> None:
        [seen] = run("http", [f"GET / HTTP/1.0\r\n{field}\r\n\r\n".encode()], address="127.0.0.1")
        assert seen.environ["wsgi.url_scheme"] == "http"

    def test_dropped_fields_are_counted(self) -> None:
        conn = connection()
        Intake(65535, 0, 65536).feed(conn, b"GET / HTTP/1.0\r\nX_A: 1\r\nProxy: x\r\nB: 1\r\n\r\n")
        assert conn.head is not None
        assert conn.head.dropped == 2


class TestTrust:
    """What proxies say of the client, where the operator has named them."""

    FIELDS = b"X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n"
    HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n" + FIELDS + b"\r\n"

    def environ(self, address: str, data: bytes = HEAD, protocol: str = "http") -> dict[str, Any]:
        conn = connection(protocol, address)
        intake = Intake(65535, 0, 65536, Trust("10.0.0.0/8"))
        for _ in range(2):
            # The second may be told from the first.
            assert intake.feed(conn, data) == READY
            assert conn.environ is not None
            environ = conn.environ
            start_over(conn)
        return environ

    def test_a_proxy_is_believed(self) -> None:
        environ = self.environ("10.1.2.3")
        assert environ["REMOTE_ADDR"] == "203.0.113.9"
        assert "REMOTE_PORT" not in environ
        assert environ["wsgi.url_scheme"] == "https"

    def test_with_a_port(self) -> None:
        field = b'Forwarded: for="203.0.113.9:4711"'
        environ = self.environ("10.1.2.3", b"GET / HTTP/1.1\r\nHost: a\r\n" + field + b"\r\n\r\n")
        assert (environ["REMOTE_ADDR"], environ["REMOTE_PORT"]) == ("203.0.113.9", "4711")

    def test_anybody_else_says_nothing(self) -> None:
        environ = self.environ("192.0.2.7")
        assert environ["REMOTE_ADDR"] == "192.0.2.7"
        assert environ["REMOTE_PORT"] == "1234"
        assert environ["wsgi.url_scheme"] == "http"
        assert "HTTP_X_FORWARDED_FOR" not in environ

    def test_a_proxy_that_says_nothing(self) -> None:
        environ = self.environ("10.1.2.3", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (environ["REMOTE_ADDR"], environ["REMOTE_PORT"]) == ("10.1.2.3", "1234")
        assert environ["wsgi.url_scheme"] == "http"

    @pytest.mark.parametrize(
        ("speaker", "found"), [("10.9.9.9", "203.0.113.9"), ("192.0.2.7", "192.0.2.7")]
    )
    def test_a_gateway_says_itself_who_spoke_to_it(self, speaker: str, found: str) -> None:
        wanted = uwsgi.variables("/")
        wanted.update(REMOTE_ADDR=speaker, HTTP_X_FORWARDED_FOR="203.0.113.9")
        environ = self.environ("10.1.2.3", uwsgi.packet(wanted), "uwsgi")
        assert environ["REMOTE_ADDR"] == found

    def test_what_a_connection_has_brought_is_in_every_request(self) -> None:
        conn = connection()
        conn.variables = {"HTTPS": "on"}
        intake = Intake(65535, 0, 65536)
        for _ in range(3):
            assert intake.feed(conn, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n") == READY
            assert conn.environ is not None
            assert conn.environ["HTTPS"] == "on"
            start_over(conn)


class TestContinue:
    HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"

    def test_asked_for_when_no_body_has_come(self) -> None:
        conn = connection()
        intake = Intake(65535, 0, 65536)
        assert intake.feed(conn, self.HEAD + b"Content-Length: 2\r\n\r\n") == CONTINUE
        assert intake.feed(conn, b"a") == MORE
        assert intake.feed(conn, b"b") == READY

    def test_for_a_chunked_body(self) -> None:
        conn = connection()
        intake = Intake(65535, 0, 65536)
        assert intake.feed(conn, self.HEAD + b"Transfer-Encoding: chunked\r\n\r\n") == CONTINUE
        assert intake.feed(conn, b"1\r\na\r\n0\r\n\r\n") == READY

    def test_not_needed_when_the_body_began(self) -> None:
        conn = connection()
        intake = Intake(65535, 0, 65536)
        assert intake.feed(conn, self.HEAD + b"Content-Length: 2\r\n\r\na") == MORE

    def test_not_asked_of_http_1_0(self) -> None:
        conn = connection()
        head = b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        assert Intake(65535, 0, 65536).feed(conn, head) == MORE


class TestSpool:
    HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n"

    def conn(self) -> tuple[Intake, Connection]:
        conn = connection()
        return Intake(65535, 0, 10), conn

    @pytest.mark.parametrize("taken", range(ROOMS + 1))
    def test_a_long_body_is_a_file_and_is_closed(self, taken: int) -> None:
        """In memory, or on disk where others have the rooms."""
        intake, conn = self.conn()
        intake.spools.taken = taken
        assert intake.feed(conn, self.HEAD + b"0123456789") == MORE
        assert conn.spool is None
        assert intake.feed(conn, b"0123456789") == READY
        spool = conn.spool
        assert intake.spools.taken == min(taken + 1, ROOMS)
        assert conn.environ is not None
        assert conn.environ["wsgi.input"] is spool
        assert spool.readline(5) == b"01234"
        start_over(conn)
        assert spool.closed
        assert conn.spool is None
        assert conn.state == HEAD
        assert intake.spools.taken == taken

    def test_a_room_is_given_back_once(self) -> None:
        """Also where the application has closed it, or the client goes in between."""
        intake, conn = self.conn()
        assert intake.feed(conn, self.HEAD + b"0123456789" * 2) == READY
        conn.spool.close()
        assert intake.spools.taken == 0
        drop_spool(conn)
        assert intake.spools.taken == 0
        cut = connection()
        assert intake.feed(cut, self.HEAD + b"0123456789a") == MORE
        assert intake.spools.taken == 1
        drop_spool(cut)
        assert intake.spools.taken == 0

    @pytest.mark.parametrize(
        ("fields", "first"),
        [
            (f"Content-Length: {LARGE + 1}".encode(), b"01234567890"),
            (b"Transfer-Encoding: chunked", b"b\r\n01234567890\r\n"),
        ],
    )
    def test_what_is_too_large_or_of_no_length_is_on_disk(
        self, fields: bytes, first: bytes
    ) -> None:
        intake, conn = self.conn()
        head = b"POST / HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n\r\n"
        assert intake.feed(conn, head + first) == MORE
        assert conn.spool is not None
        assert conn.spool.fileno() >= 0
        assert intake.spools.taken == 0
        drop_spool(conn)

    @pytest.mark.parametrize("failing", ["write", "seek"])
    def test_a_full_disk_is_a_refusal(self, failing: str, monkeypatch: pytest.MonkeyPatch) -> None:
        class Full:
            def write(self, data: bytes) -> int:
                return self.fail("write") or len(data)

            def seek(self, offset: int) -> int:
                return self.fail("seek")

            def fail(self, what: str) -> int:
                if what == failing:
                    raise OSError(errno.ENOSPC, "No space left on device")
                return 0

            def close(self) -> None:
                raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: Full())
        intake, conn = self.conn()
        intake.spools.taken = ROOMS
        with pytest.raises(ProtocolError, match="no room") as caught:
            intake.feed(conn, self.HEAD + b"0123456789" * 2)
        assert caught.value.status == 503
        drop_spool(conn)
        assert conn.spool is None

    def test_small_pieces_are_kept_as_one(self) -> None:
        data = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        data += b"1\r\nx\r\n" * 30 + b"0\r\n\r\n"
        for memory in (10, 100):
            [seen] = run("http", [data], memory=memory)
            assert seen.body == b"x" * 30


def test_pieces_of_a_request_are_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    conn = connection()
    intake = Intake(65535, 0, 65536)
    intake.feed(conn, b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
    before = conn.seen
    intake.feed(conn, b"yyyy")
    assert (before, conn.seen) == (len(conn.buffer) - 4, len(conn.buffer))


FRAGMENTS = st.sampled_from(
    [
        b"GET / HTTP/1.1\r\n",
        b"POST /a%20b?c HTTP/1.1\r\n",
        b"GET http://a/ HTTP/1.0\r\n",
        b"Host: a\r\n",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Connection: close\r\n",
        b"Expect: 100-continue\r\n",
        b"X: y\r\n",
        b"\r\n",
        b"\r\n\r\n",
        b"\n",
        b"\r",
        b"5\r\nhello\r\n",
        b"0\r\n\r\n",
        b"5;a=b\r\n",
        b"hello",
        b" ",
        b":",
        b"\0",
        b"%",
        b"\x00\x10\x00\x00",
        b"\x0e\x00REQUEST_METHOD\x03\x00GET",
        b"\x0e\x00CONTENT_LENGTH\x01\x005",
    ]
)
OCTETS = st.one_of(st.binary(max_size=200), st.lists(FRAGMENTS, max_size=14).map(b"".join))


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(["http", "uwsgi", "auto"]),
    st.lists(st.one_of(OCTETS, FRAGMENTS), min_size=1, max_size=5),
)
def test_any_octets_are_accepted_refused_or_incomplete(protocol: str, parts: list[bytes]) -> None:
    pieces = [part for part in parts if part]
    data = b"".join(pieces)
    whole = run(protocol, [data] if data else [], head=300, body=100, memory=20)
    assert run(protocol, pieces, head=300, body=100, memory=20) == whole
    single = [data[i : i + 1] for i in range(len(data))]
    assert run(protocol, single, head=300, body=100, memory=20) == whole


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_mutated_corpus(data: st.DataObject) -> None:
    case = data.draw(st.sampled_from([each for each in ALL if len(each.data) < 1000]))
    octets = bytearray(case.data)
    for _ in range(data.draw(st.integers(1, 3))):
        if octets:
            at = data.draw(st.integers(0, len(octets) - 1))
            octets[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    protocol = "uwsgi" if case.name.startswith("packets") else "http"
    mutated = bytes(octets)
    whole = run(protocol, [mutated] if mutated else [], **case.limits)
    cut = data.draw(st.integers(0, len(mutated)))
    pieces = [piece for piece in (mutated[:cut], mutated[cut:]) if piece]
    assert run(protocol, pieces, **case.limits) == whole


ALL = [*reader.read("http1"), *reader.read("uwsgi")]


def test_reasons_are_sentences_without_input() -> None:
    """What a refusal says goes to the client: nothing of the request is in it."""
    for case in ALL:
        protocol = "uwsgi" if case.name.startswith("packets") else "http"
        intake = Intake(head_limit=65535, body_limit=0, memory=65536)
        try:
            intake.feed(connection(protocol), case.data or b"x")
        except ProtocolError as error:
            assert re.fullmatch(r"[a-zA-Z0-9 .,;:()/*='+-]+", error.reason), error.reason
