"""The chunked decoder by itself; the corpus shows it behind a head."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaich.errors import ProtocolError
from quaich.wire.chunked import MAX_EXTENSIONS, MAX_LINE, MAX_TRAILERS, ChunkedDecoder


def decode(pieces: list[bytes]) -> tuple[bytes, bytes, bool]:
    """The body, what came after it, and whether it ended."""
    decoder = ChunkedDecoder()
    out: list[bytes] = []
    rest = b""
    for piece in pieces:
        if decoder.done:
            rest += piece
        else:
            rest += piece[decoder.feed(piece, 0, out) :]
    body = b"".join(out)
    assert decoder.received == len(body)
    return body, rest, decoder.done


def encode(chunks: list[bytes], extension: bytes = b"", trailers: bytes = b"") -> bytes:
    parts = [b"%x%b\r\n%b\r\n" % (len(chunk), extension, chunk) for chunk in chunks if chunk]
    return b"".join(parts) + b"0\r\n" + trailers + b"\r\n"


@given(st.lists(st.binary(min_size=1, max_size=30), max_size=5), st.data())
def test_whatever_the_split(chunks: list[bytes], data: st.DataObject) -> None:
    coded = encode(chunks, b" ;a=b", b"X-A: b\r\nY:\r\n") + b"next"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(coded)), max_size=6)))
    pieces = [coded[a:b] for a, b in zip([0, *cuts], [*cuts, len(coded)], strict=True)]
    assert decode(pieces) == (b"".join(chunks), b"next", True)


@given(st.binary(max_size=60))
def test_any_octets(data: bytes) -> None:
    try:
        whole = decode([data])
    except ProtocolError as error:
        assert error.status == 400
        with pytest.raises(ProtocolError):
            decode([data[i : i + 1] for i in range(len(data))])
    else:
        assert decode([data[i : i + 1] for i in range(len(data))]) == whole


def test_it_begins_where_it_is_told() -> None:
    out: list[bytes] = []
    assert ChunkedDecoder().feed(b"head" + encode([b"abc"]) + b"next", 4, out) == 4 + 13
    assert out == [b"abc"]


def test_a_piece_that_is_all_data_is_not_copied() -> None:
    decoder = ChunkedDecoder()
    out: list[bytes] = []
    decoder.feed(b"ffff\r\n", 0, out)
    piece = b"x" * 5000
    decoder.feed(piece, 0, out)
    assert out[0] is piece


def test_nothing_is_used_after_the_end() -> None:
    decoder = ChunkedDecoder()
    out: list[bytes] = []
    decoder.feed(encode([]), 0, out)
    assert decoder.done
    assert decoder.feed(b"5\r\nhello\r\n", 0, out) == 0
    assert out == []


def test_a_body_over_the_limit_is_refused_by_the_size_of_its_chunk() -> None:
    decoder = ChunkedDecoder(5)
    out: list[bytes] = []
    decoder.feed(b"3\r\nabc\r\n2\r\n", 0, out)
    with pytest.raises(ProtocolError) as caught:
        decoder.feed(b"de\r\n1\r\n", 0, out)
    assert caught.value.status == 413


def test_limits_are_exact() -> None:
    line = b"5;" + b"a" * (MAX_LINE - 4)
    assert decode([line + b"\r\nhello\r\n"])[0] == b"hello"
    with pytest.raises(ProtocolError):
        decode([line + b"a\r\nhello\r\n"])
    trailer = b"X: " + b"a" * (MAX_TRAILERS - 5) + b"\r\n"
    assert decode([b"0\r\n" + trailer + b"\r\n"])[2]
    with pytest.raises(ProtocolError):
        decode([b"0\r\nA: b\r\n" + trailer + b"\r\n"])


def test_extensions_may_not_outweigh_the_data() -> None:
    # A chunk of one octet, whose size line counts 100 more than what is free.
    chunk = b"1;" + b"e" * 115 + b"\r\nx\r\n"
    times = MAX_EXTENSIONS // 100
    assert decode([chunk * times])[0] == b"x" * times
    with pytest.raises(ProtocolError):
        decode([chunk * (times + 1)])
    data = b"4000\r\n" + b"y" * 0x4000 + b"\r\n"
    assert decode([(chunk * times + data) * 3])[0].count(b"x") == 3 * times


@pytest.mark.parametrize("part", [b"x", b"\r", b"5\rh", b"5;a\rb", b"1\r\na\rx", b"0\r\nX: y\rz"])
def test_what_is_wrong_already_is_refused_before_its_line_ends(part: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode([part])


@pytest.mark.parametrize("part", [b"5;" + b"a" * 2000, b"0\r\nX: " + b"a" * 9000, b"f" * 2000])
def test_an_endless_line_is_refused_before_it_ends(part: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode([part])
