"""The responder by itself; the corpus shows it behind a connection."""

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaich.errors import ProtocolError
from quaich.wire.fastcgi import MAX_RECORDS, MAX_REFUSED, MOST, Responder
from tests.support.gateways import (
    ABORT,
    BEGIN,
    DATA,
    END,
    GET_VALUES,
    GET_VALUES_RESULT,
    KEEP,
    PARAMS,
    STDIN,
    STDOUT,
    UNKNOWN_TYPE,
    begin,
    pairs,
    record,
    request,
)

ONE = {"A": "b"}
TEXT = st.text(st.characters(max_codepoint=255), max_size=200)
APART = ("CONTENT_LENGTH", "HTTP_PROXY", "HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE")


def run(
    pieces: list[bytes], limit: int = 0, head_limit: int = 65535, expected: int | None = None
) -> tuple[Responder, list[tuple[dict[str, Any], bytes]]]:
    """A responder that was fed these pieces, and the requests that it found."""
    responder = Responder(head_limit)
    found: list[tuple[dict[str, Any], bytes]] = []
    environ: dict[str, Any] = {}
    body: list[bytes] = []
    began = False
    for piece in pieces:
        at = 0
        while True:
            at = responder.feed(piece, at, body)
            if responder.ready and not began:
                began = True
                head = responder.variables(environ)
                wanted = head.content_length if expected is None else expected
                responder.expect(wanted, limit)
            if responder.done and began:
                if not responder.aborted:
                    found.append((environ, b"".join(body)))
                environ, body, began = {}, [], False
                responder.reset()
            elif at == len(piece):
                break
    return responder, found


def records(data: bytes) -> list[tuple[int, int, bytes]]:
    found = []
    while data:
        version, kind, number, length, padding = struct.unpack(">BBHHBx", data[:8])
        assert version == 1
        found.append((kind, number, data[8 : 8 + length]))
        data = data[8 + length + padding :]
    return found


@given(
    st.dictionaries(TEXT.filter(lambda name: name and name not in APART), TEXT, min_size=1),
    st.binary(max_size=300),
    st.integers(1, 400),
    st.integers(1, 400),
)
def test_what_was_packed_is_read(
    variables: dict[str, str], body: bytes, piece: int, step: int
) -> None:
    """However the streams are cut into records, and these into reads."""
    data = request(variables, body, piece=piece) if piece > 4 else request(variables, body)
    responder, found = run([data[start : start + step] for start in range(0, len(data), step)])
    assert found == [(variables, body)]
    assert responder.say == b""
    assert responder.idle


@given(st.binary(max_size=60), st.booleans(), st.integers(1, 60))
def test_anything(data: bytes, begun: bool, step: int) -> None:
    whole = begin() + data if begun else data

    def outcome(pieces: list[bytes]) -> tuple[Any, ...]:
        try:
            responder, found = run(pieces)
        except ProtocolError as error:
            assert error.status in (400, 413, 431)
            return error.status, error.reason
        return responder.say, responder.request, responder.over, found

    cut = [whole[start : start + step] for start in range(0, len(whole), step)]
    assert outcome(cut) == outcome([whole])


def test_requests_one_after_another() -> None:
    data = request(ONE, b"x", 1, KEEP) + request({"C": "d"}, b"", 2, KEEP)
    for step in (1, 7, 8, 13, 1000):
        responder, found = run([data[at : at + step] for at in range(0, len(data), step)])
        assert found == [(ONE, b"x"), ({"C": "d"}, b"")]
        assert responder.keep


def test_keep_is_the_fronts_choice() -> None:
    responder, _ = run([begin(flags=KEEP)])
    assert responder.keep
    responder, _ = run([begin(flags=0xFE)])
    assert not responder.keep


class TestManagement:
    def test_values(self) -> None:
        asked = pairs({"FCGI_MPXS_CONNS": "", "FCGI_MAX_REQS": "", "FCGI_ELSE": "7"})
        responder, _ = run([record(GET_VALUES, 0, asked, 5)])
        answer = pairs({"FCGI_MPXS_CONNS": "0", "FCGI_MAX_REQS": "65535"})
        assert records(responder.say) == [(GET_VALUES_RESULT, 0, answer)]

    def test_no_values(self) -> None:
        responder, _ = run([record(GET_VALUES, 0)])
        assert records(responder.say) == [(GET_VALUES_RESULT, 0, b"")]

    def test_another_type(self) -> None:
        responder, _ = run([record(200, 0, b"x")])
        assert records(responder.say) == [(UNKNOWN_TYPE, 0, b"\xc8" + bytes(7))]

    def test_in_the_middle_of_a_request(self) -> None:
        manage = record(GET_VALUES, 0)
        data = begin() + manage + record(PARAMS, 1, pairs(ONE)) + manage + record(PARAMS, 1)
        data += manage + record(STDIN, 1, b"xy") + manage + record(STDIN, 1)
        responder, found = run([data])
        assert found == [(ONE, b"xy")]
        assert len(records(responder.say)) == 4

    def test_their_number_in_a_head_is_bounded(self) -> None:
        manage = record(200, 0)
        run([manage * 2 * MAX_RECORDS])
        run([begin() + manage * MAX_RECORDS])
        with pytest.raises(ProtocolError, match="more than"):
            run([begin() + manage * (MAX_RECORDS + 1)])


class TestOthers:
    def test_another_request_meanwhile(self) -> None:
        other = begin(2) + record(PARAMS, 2, b"x" * 3000, 9) + record(STDIN, 2) + record(ABORT, 2)
        data = begin() + other + record(PARAMS, 1, pairs(ONE)) + record(PARAMS, 1)
        data += record(STDIN, 2, b"no") + record(STDIN, 1, b"yes") + record(STDIN, 1)
        responder, found = run([data])
        assert found == [(ONE, b"yes")]
        assert records(responder.say) == [(END, 2, b"\0\0\0\0\1\0\0\0")]

    @pytest.mark.parametrize("role", [0, 2, 3, 257])
    def test_another_role(self, role: int) -> None:
        rest = record(PARAMS, 5, b"xx") + record(STDIN, 5) + record(DATA, 5)
        responder, found = run([begin(5, role, KEEP) + rest + request(ONE)])
        assert found == [(ONE, b"")]
        assert records(responder.say) == [(END, 5, b"\0\0\0\0\3\0\0\0")]
        assert not responder.over

    def test_another_role_on_a_connection_that_is_not_kept(self) -> None:
        responder, found = run([begin(5, 2) + b"garbage"])
        assert (responder.over, found) == (True, [])

    def test_the_same_number_can_begin_again(self) -> None:
        _, found = run([begin(1, 2, KEEP) + record(PARAMS, 1) + request(ONE)])
        assert found == [(ONE, b"")]

    def test_their_number_is_bounded(self) -> None:
        refused = b"".join(begin(number, 2, KEEP) for number in range(1, MAX_REFUSED + 1))
        run([refused])
        with pytest.raises(ProtocolError, match="more than"):
            run([refused + begin(100, 2, KEEP)])

    def test_what_comes_late(self) -> None:
        """A front may give a request up that was answered meanwhile."""
        _, found = run([request(ONE, flags=KEEP) + record(ABORT, 1) + request(ONE)])
        assert found == [(ONE, b"")] * 2


class TestAbort:
    OVER = (STDOUT, 1, b""), (END, 1, bytes(8))

    def test_before_the_variables(self) -> None:
        data = begin(flags=KEEP) + record(PARAMS, 1, b"xx") + record(ABORT, 1)
        responder, found = run([data + request(ONE)])
        assert found == [(ONE, b"")]
        assert records(responder.say) == [*self.OVER]

    def test_before_the_body(self) -> None:
        data = begin(flags=KEEP) + record(PARAMS, 1, pairs(ONE)) + record(PARAMS, 1)
        data += record(STDIN, 1, b"xx") + record(ABORT, 1, b"", 3)
        responder, found = run([data + request({"C": ""})])
        assert found == [({"C": ""}, b"")]
        assert records(responder.say) == [*self.OVER]

    def test_on_a_connection_that_is_not_kept(self) -> None:
        responder, _ = run([begin() + record(ABORT, 1) + b"garbage"])
        assert responder.over
        assert records(responder.say) == [*self.OVER]


@pytest.mark.parametrize("first", b"GPTHDOCZ\x16")
def test_http_and_tls_are_recognised(first: int) -> None:
    with pytest.raises(ProtocolError, match="http-socket"):
        run([bytes((first,))])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\0", "version 0"),
        (b"\2", "version 2"),
        (record(BEGIN, 1, b"\0\1\0"), "8 octets"),
        (record(BEGIN, 1, b"\0\1" + bytes(7)), "8 octets"),
        (record(BEGIN, 0, b"\0\1" + bytes(6)), "for no request"),
        (record(PARAMS, 0), "for no request"),
        (record(STDIN, 0), "for no request"),
        (begin() + begin(), "begins twice"),
        (record(PARAMS, 1), "no place"),
        (record(STDIN, 1), "no place"),
        (record(ABORT, 1), "no place"),
        (begin() + record(STDIN, 1), "no place"),
        (begin() + record(DATA, 1), "no place"),
        (begin() + record(STDOUT, 1), "no place"),
        (begin() + record(END, 1), "no place"),
        (begin() + record(GET_VALUES, 1), "no place"),
        (begin() + record(PARAMS, 2), "no place"),
        (record(GET_VALUES, 0, b"x" * 1025), "much content"),
        (record(GET_VALUES, 0, b"x"), "inside a length"),
        (begin() + record(PARAMS, 1), "without variables"),
    ],
)
def test_what_cannot_be(data: bytes, reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason):
        run([data])


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        (b"\1", "inside a length"),
        (b"\x80\0\0", "inside a length"),
        (b"\x80\0\0\1", "inside a length"),
        (b"\1\x80\0\0", "inside a length"),
        (b"\1\1a", "over the end"),
        (b"\1\1abx", "inside a length"),
        (b"\xff\xff\xff\xff\xff\xff\xff\xffab", "over the end"),
        (b"\0\1a", "without a name"),
    ],
)
def test_variables_that_do_not_add_up(block: bytes, reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason):
        run([begin() + record(PARAMS, 1, block) + record(PARAMS, 1)])


class TestLimits:
    def test_variables(self) -> None:
        data = request({"A": "x" * 1000}, piece=300)
        size = len(pairs({"A": "x" * 1000}))
        assert len(run([data], head_limit=size)[1]) == 1
        with pytest.raises(ProtocolError) as caught:
            run([data], head_limit=size - 1)
        assert caught.value.status == 431

    def test_records(self) -> None:
        head = record(PARAMS, 1, b"x") * MAX_RECORDS
        with pytest.raises(ProtocolError, match="more than"):
            run([begin() + head + record(PARAMS, 1)])

    def test_body(self) -> None:
        assert run([request(ONE, b"1234", piece=3)], limit=4)[1] == [(ONE, b"1234")]
        with pytest.raises(ProtocolError) as caught:
            run([request(ONE, b"1234", piece=3)], limit=3)
        assert caught.value.status == 413


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize(("length", "reason"), [(3, "longer"), (0, "longer"), (5, "shorter")])
def test_a_body_of_another_length(length: int, reason: str, cut: bool) -> None:
    data = request({"CONTENT_LENGTH": str(length)}, b"1234", piece=3)
    with pytest.raises(ProtocolError, match=reason):
        run([bytes((octet,)) for octet in data] if cut else [data])


def test_no_body_where_one_was_promised() -> None:
    for data in ([request({"CONTENT_LENGTH": "1"})], [request({"CONTENT_LENGTH": "1"}), b""]):
        with pytest.raises(ProtocolError, match="shorter"):
            run(data)


class TestReplies:
    def responder(self) -> Responder:
        return run([begin(0x102)])[0]

    @pytest.mark.parametrize("size", [0, 1, MOST, MOST + 1, 3 * MOST])
    def test_output(self, size: int) -> None:
        found = records(self.responder().encode(b"x" * size))
        assert b"".join(content for _, _, content in found) == b"x" * size
        assert {(kind, number) for kind, number, _ in found} == {(STDOUT, 0x102)}

    def test_end(self) -> None:
        responder = self.responder()
        assert not responder.ended
        assert records(responder.end()) == [(STDOUT, 0x102, b""), (END, 0x102, bytes(8))]
        assert responder.ended

    def test_frame(self) -> None:
        assert records(self.responder().frame(3) + b"abc") == [(STDOUT, 0x102, b"abc")]

    def test_the_last_page(self) -> None:
        found = records(self.responder().last(b"page"))
        assert [content for _, _, content in found] == [b"page", b"", bytes(8)]
        assert Responder(100).last(b"page") == b"page"
        assert Responder(100).farewell() == b""
