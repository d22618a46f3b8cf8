"""PROXY headers of both versions: read, or refused."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaich.errors import ProtocolError
from quaich.wire.proxy import MOST_BLOCK, MOST_LINE, SIGNATURE, header_size, parse

V4 = b"\xc0\x00\x02\x01\x0a\x00\x00\x01" + struct.pack(">HH", 50000, 443)
V6 = bytes.fromhex("20010db8000000000000000000000007") * 2 + struct.pack(">HH", 50000, 443)


def block(payload: bytes, command: int = 0x21, family: int = 0x11) -> bytes:
    return SIGNATURE + struct.pack(">BBH", command, family, len(payload)) + payload


def tlv(kind: int, value: bytes) -> bytes:
    return struct.pack(">BH", kind, len(value)) + value


def read(header: bytes) -> tuple[str, int, bool] | None:
    assert header_size(header) == header_size(header + b"GET / HTTP/1.1") == len(header)
    for end in range(len(header)):
        assert header_size(header[:end]) == 0
    found = parse(header)
    return (found.address, found.port, found.secure) if found else None


def refused(header: bytes) -> str:
    with pytest.raises(ProtocolError) as caught:
        parse(header[: header_size(header)])
    assert caught.value.status == 400
    return caught.value.reason


def test_lines() -> None:
    line = b"PROXY TCP4 192.0.2.1 10.0.0.1 50000 443\r\n"
    assert read(line) == ("192.0.2.1", 50000, False)
    assert read(b"PROXY TCP6 2001:db8::7 ::1 0 65535\r\n") == ("2001:db8::7", 0, False)
    assert read(b"PROXY UNKNOWN\r\n") is None
    assert read(b"PROXY UNKNOWN whatever it says\r\n") is None


def test_the_longest_line() -> None:
    line = b"PROXY UNKNOWN " + b"x" * (MOST_LINE - 16) + b"\r\n"
    assert read(line) is None
    with pytest.raises(ProtocolError, match="more than"):
        header_size(line[:-2] + b"x\r\n")


@pytest.mark.parametrize(
    "line",
    [
        b"PROXY ",
        b"PROXY TCP4",
        b"PROXY TCP5 192.0.2.1 10.0.0.1 50000 443",
        b"PROXY tcp4 192.0.2.1 10.0.0.1 50000 443",
        b"PROXY TCP4 192.0.2.1 10.0.0.1 50000",
        b"PROXY TCP4 192.0.2.1 10.0.0.1 50000 443 ",
        b"PROXY TCP4  192.0.2.1 10.0.0.1 50000 443",
        b"PROXY TCP4 192.0.2.256 10.0.0.1 50000 443",
        b"PROXY TCP4 192.0.2.01 10.0.0.1 50000 443",
        b"PROXY TCP4 ::1 10.0.0.1 50000 443",
        b"PROXY TCP6 192.0.2.1 ::1 50000 443",
        b"PROXY TCP4 192.0.2.1 x 50000 443",
        b"PROXY TCP4 192.0.2.1 10.0.0.1 65536 443",
        b"PROXY TCP4 192.0.2.1 10.0.0.1 050 443",
        b"PROXY TCP4 192.0.2.1 10.0.0.1 +5 443",
        b"PROXY TCP4 192.0.2.1 10.0.0.1 5 999999",
        b"PROXY TCP4 192.0.2.1 10.0.0.1 5 ",
    ],
)
def test_lines_that_are_refused(line: bytes) -> None:
    assert "PROXY line" in refused(line + b"\r\n")


def test_blocks() -> None:
    assert read(block(V4)) == ("192.0.2.1", 50000, False)
    assert read(block(V6, family=0x21)) == ("2001:db8::7", 50000, False)
    assert read(block(V4 + tlv(4, b"") + tlv(1, b"h2"))) == ("192.0.2.1", 50000, False)
    assert read(block(V4, command=0x20)) is None
    assert read(block(b"", command=0x20, family=0)) is None
    assert read(block(b"", family=0)) is None
    assert read(block(bytes(216), family=0x31)) is None


@pytest.mark.parametrize(("client", "secure"), [(0, False), (1, True), (7, True), (6, False)])
def test_whether_the_client_came_by_tls(client: int, secure: bool) -> None:
    said = tlv(0x20, bytes((client,)) + bytes(4) + tlv(0x21, b"TLSv1.3"))
    assert read(block(V4 + tlv(4, b"xx") + said)) == ("192.0.2.1", 50000, secure)


@pytest.mark.parametrize(
    "header",
    [
        block(V4, command=0x11),
        block(V4, command=0x22),
        block(V4, family=0x12),
        block(V4, family=0x41),
        block(V4[:-1]),
        block(V4, family=0x21),
        block(V4 + b"\1"),
        block(V4 + b"\1\0"),
        block(V4 + b"\1\0\1"),
        block(V4 + tlv(0x20, bytes(4))),
    ],
)
def test_blocks_that_are_refused(header: bytes) -> None:
    assert "PROXY header" in refused(header)


def test_the_longest_block() -> None:
    more = tlv(4, bytes(MOST_BLOCK - len(V4) - 3))
    assert header_size(block(V4 + more)) == 16 + MOST_BLOCK
    with pytest.raises(ProtocolError, match="more than"):
        header_size(block(V4 + more + b"x"))


@pytest.mark.parametrize(
    "data", [b"G", b"PROXX", b"PROXY\t", b"proxy", b"\r\n\r\nG", b"\n", b"\0", b"\x16\3\1"]
)
def test_what_is_no_header(data: bytes) -> None:
    with pytest.raises(ProtocolError, match="no PROXY header"):
        header_size(data)


@given(
    st.one_of(
        st.binary(),
        st.binary().map(block),
        st.binary().map(lambda text: b"PROXY " + text + b"\r\n"),
    )
)
def test_anything(data: bytes) -> None:
    try:
        size = header_size(data)
        if size:
            parse(data[:size])
    except ProtocolError as error:
        assert error.status == 400
