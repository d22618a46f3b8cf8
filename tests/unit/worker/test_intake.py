"""The corpus and random octets, fed to an intake as a connection's reads would bring them."""

import errno
import re
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quaich.errors import ProtocolError
from quaich.worker.connection import BODY, HEAD, REPLY, Connection, Door
from quaich.worker.intake import CONTINUE, MORE, READY, Intake, drop_spool, start_over
from tests.corpus import reader

ADDRESS = "192.0.2.7"

FIXED = {
    "wsgi.url_scheme": "http",
    "wsgi.errors": "ours",
    "wsgi.file_wrapper": "ours",
    "uwsgi.version": "ours",
    "SCRIPT_NAME": "",
    "SERVER_NAME": "node",
    "SERVER_PORT": "8000",
}


def door(protocol: str = "http") -> Door:
    acceptor: Any = types.SimpleNamespace(fd=-1)
    return Door(acceptor, "test", protocol, dict(FIXED), "8000")


def connection(protocol: str = "http", address: str = ADDRESS) -> Connection:
    writer: Any = None
    return Connection(-1, door(protocol), address, 1234, writer)


@dataclass
class Seen:
    """One outcome, as ``reader.Expected`` describes them."""

    status: int
    environ: dict[str, Any]
    body: bytes
    close: bool


def run(
    protocol: str,
    pieces: Iterable[bytes],
    head: int = 65535,
    body: int = 0,
    memory: int = 65536,
    address: str = ADDRESS,
) -> list[Seen]:
    """What becomes of the pieces, in order; the loop's part of the work, without its sockets."""
    intake = Intake(head, body, memory)
    conn = connection(protocol, address)
    seen: list[Seen] = []
    try:
        for piece in pieces:
            step = intake.feed(conn, piece)
            while step == READY:
                assert conn.state == REPLY
                assert conn.head is not None
                assert conn.environ is not None
                environ = conn.environ
                content = environ.pop("wsgi.input").read()
                seen.append(Seen(200, environ, content, not conn.head.keep_alive))
                if not conn.head.keep_alive:
                    return seen
                start_over(conn)
                step = intake.next(conn)
            assert step in (MORE, CONTINUE)
    except ProtocolError as error:
        assert 400 <= error.status <= 505
        assert error.reason.isascii()
        seen.append(Seen(error.status, {}, b"", True))
        return seen
    finally:
        drop_spool(conn)
    if conn.buffer or conn.state == BODY:
        seen.append(Seen(0, {}, b"", False))
    return seen


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


@pytest.mark.parametrize("case", cases("uwsgi"))
def test_uwsgi_corpus(case: reader.Case) -> None:
    whole = run("uwsgi", [case.data], **case.limits)
    check(case, whole)
    for pieces in splits(case.data):
        assert run("uwsgi", pieces, **case.limits) == whole, pieces[0]


def test_corpora_are_there() -> None:
    assert len(reader.read("http1")) >= 150
    assert len(reader.read("uwsgi")) >= 40


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

    def test_dropped_fields_are_counted(self) -> None:
        conn = connection()
        Intake(65535, 0, 65536).feed(conn, b"GET / HTTP/1.0\r\nX_A: 1\r\nProxy: x\r\nB: 1\r\n\r\n")
        assert conn.head is not None
        assert conn.head.dropped == 2


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

    def test_a_long_body_is_a_file_and_is_closed(self) -> None:
        intake, conn = self.conn()
        assert intake.feed(conn, self.HEAD + b"0123456789") == MORE
        assert conn.spool is None
        assert intake.feed(conn, b"0123456789") == READY
        spool = conn.spool
        assert conn.environ is not None
        assert conn.environ["wsgi.input"] is spool
        assert spool.readline(5) == b"01234"
        start_over(conn)
        assert spool.closed
        assert conn.spool is None
        assert conn.state == HEAD

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


class TestHeadsThatComeAgain:
    """A head that is known, whole or by its fields, must be what it would be to a new intake."""

    BASE = (
        b"GET /a/b?c=d HTTP/1.1\r\nHost: example.org\r\nUser-Agent: one\r\n"
        b"X-Forwarded-Proto: https\r\nCookie: a=b\r\nCookie: c=d\r\nX_Dropped: 1\r\n"
    )
    MORE_FIELDS = (
        b"",
        b"Connection: close\r\n",
        b"Connection: keep-alive\r\n",
        b"Content-Length: 3\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Expect: 100-continue\r\n",
    )

    @staticmethod
    def outcome(intake: Intake, place: Door, pieces: list[bytes], port: int) -> Any:
        conn = Connection(-1, place, "127.0.0.1", port, None)  # type: ignore[arg-type]
        step = MORE
        try:
            for piece in pieces:
                if step == READY:
                    conn.buffer += piece
                else:
                    step = intake.feed(conn, piece)
        except ProtocolError as error:
            return error.status, error.reason
        if conn.state == HEAD:
            return step, conn.state, conn.buffer
        head = conn.head
        assert head is not None
        assert conn.environ is not None
        names = "content_length chunked keep_alive expect_continue is_head absolute minor fields "
        names += "size dropped dynamic method uri protocol"
        facts = [getattr(head, name) for name in names.split()]
        environ = dict(conn.environ)
        body = environ.pop("wsgi.input", None)
        # The order as well: an application may show it.
        return (
            *(step, conn.state, conn.buffer, conn.missing, facts, list(environ.items())),
            body.read() if body else None,
        )

    def compare(self, first: bytes, pieces: list[bytes]) -> None:
        place = door()
        warm = Intake(2000, 0, 65536)
        for port in (1, 2, 3):
            self.outcome(warm, place, [first], port)
        expected = self.outcome(Intake(2000, 0, 65536), place, pieces, 4)
        assert self.outcome(warm, place, pieces, 4) == expected
        assert self.outcome(warm, place, pieces, 5) == self.outcome(
            Intake(2000, 0, 65536), place, pieces, 5
        )

    @pytest.mark.parametrize("more", MORE_FIELDS)
    @pytest.mark.parametrize(
        "line",
        [
            b"GET /a/b?c=d HTTP/1.1\r\n",
            b"HEAD / HTTP/1.1\r\n",
            b"POST /%41/../x?y HTTP/1.1\r\n",
            b"GET / HTTP/1.0\r\n",
            b"GET http://other.example/z HTTP/1.1\r\n",
            b"OPTIONS * HTTP/1.1\r\n",
            b"CONNECT a:1 HTTP/1.1\r\n",
            b"GET /%zz HTTP/1.1\r\n",
            b"GET / HTTP/2.0\r\n",
            b"GET /\x00 HTTP/1.1\r\n",
            b"GET / HTTP/1.1\n",
            b"\r\nGET / HTTP/1.1\r\n",
            b"\n",
            b"\r\n",
            b"GET  / HTTP/1.1\r\n",
            b"GET / HTTP/1.1\r\nHost: twice\r\n",
            b"GET /" + 1900 * b"a" + b" HTTP/1.1\r\n",
        ],
    )
    def test_another_request_line(self, line: bytes, more: bytes) -> None:
        first = self.BASE + more + b"\r\n"
        self.compare(first, [line + first[first.index(b"\n") + 1 :] + b"abc"])

    @given(st.data())
    @settings(max_examples=300, deadline=None)
    def test_any_other_octet(self, data: st.DataObject) -> None:
        first = self.BASE + data.draw(st.sampled_from(self.MORE_FIELDS)) + b"\r\n"
        changed = bytearray(first)
        for _ in range(data.draw(st.integers(0, 2))):
            at = data.draw(st.integers(0, len(changed) - 1))
            what = data.draw(st.sampled_from(b"\r\n\t :;,aG/?%.0\x00\x7f\xc8"))
            if data.draw(st.booleans()):
                changed[at] = what
            else:
                changed.insert(at, what)
        sent = bytes(changed) + data.draw(st.sampled_from([b"", b"abc", b"0\r\n\r\n", first]))
        cut = data.draw(st.integers(0, len(sent)))
        self.compare(first, [piece for piece in (sent[:cut], sent[cut:]) if piece])

    def test_what_an_application_does_to_its_environ_reaches_nobody(self) -> None:
        place = door()
        intake = Intake(2000, 0, 65536)
        seen = []
        for port in range(6):
            conn = Connection(-1, place, "192.0.2.1", port, None)  # type: ignore[arg-type]
            assert intake.feed(conn, self.BASE + b"\r\n") == READY
            assert conn.environ is not None
            environ = conn.environ
            seen.append((environ["HTTP_COOKIE"], environ["REMOTE_PORT"], len(environ)))
            conn.environ["HTTP_COOKIE"] = "spoilt"
            conn.environ["more"] = "spoilt"
        assert seen == [("a=b; c=d", str(port), seen[0][2]) for port in range(6)]
