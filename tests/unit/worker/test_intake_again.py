"""A head that an intake remembers, whole or by its fields, held against a fresh reading of it."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quaich.errors import ProtocolError
from quaich.worker.connection import HEAD, Connection, Door
from quaich.worker.intake import MORE, READY, Intake
from tests.support.intake import connection


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
        place = connection().door
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
        place = connection().door
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
