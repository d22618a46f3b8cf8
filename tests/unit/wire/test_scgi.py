"""The SCGI reader by itself; the corpus shows it behind a connection."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaich.errors import ProtocolError
from quaich.wire.scgi import netstring_size, parse_request
from tests.support.gateways import scgi

NAME = st.text(st.characters(min_codepoint=1, max_codepoint=255), min_size=1, max_size=20)
VALUE = st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=20)
APART = ("CONTENT_LENGTH", "SCGI", "HTTP_PROXY", "HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE")


def parse(data: bytes) -> tuple[Any, dict[str, Any]]:
    environ: dict[str, Any] = {}
    return parse_request(data, 0, netstring_size(data, 0), environ), environ


@given(st.dictionaries(NAME.filter(lambda name: name not in APART), VALUE, max_size=8))
def test_what_was_packed_is_read(variables: dict[str, str]) -> None:
    data = scgi(variables)
    assert netstring_size(data, 0) == len(data)
    head, environ = parse(data)
    assert environ == {"CONTENT_LENGTH": "0", "SCGI": "1", **variables}
    assert (head.content_length, head.keep_alive) == (0, False)
    assert head.size == len(data) - 2 - data.index(b":")


@given(st.binary(max_size=40))
def test_any_block(block: bytes) -> None:
    data = b"%d:%b" % (len(block), block + b",")
    try:
        parse(data)
    except ProtocolError as error:
        assert error.status == 400


@given(st.binary(max_size=12))
def test_any_beginning(data: bytes) -> None:
    try:
        size = netstring_size(data, 0)
    except ProtocolError as error:
        assert error.status == 400
    else:
        number, colon, _ = data.partition(b":")
        assert size == (len(number) + 2 + int(number) if colon else 0)


def test_the_size_is_known_from_the_colon_on() -> None:
    assert netstring_size(b"", 0) == netstring_size(b"7", 0) == netstring_size(b"999999", 0) == 0
    assert netstring_size(b"xx7:", 2) == 10
    assert netstring_size(b"0:", 0) == 3


@pytest.mark.parametrize("data", [b":", b"07:", b"00:", b"+7:", b"7 :", b" 7:", b"1234567", b"x"])
def test_what_is_no_length(data: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        netstring_size(data, 0)
    assert caught.value.status == 400


@pytest.mark.parametrize("first", b"GPTHDOCZ\x16")
def test_http_and_tls_are_recognised(first: int) -> None:
    with pytest.raises(ProtocolError, match="http-socket"):
        netstring_size(bytes((first,)), 0)


LENGTH = b"CONTENT_LENGTH\x000\0"


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        (b"", "does not begin"),
        (b"SCGI\x001\0" + LENGTH, "does not begin"),
        (LENGTH, "SCGI = 1"),
        (LENGTH + b"SCGI\x002\0", "SCGI = 1"),
        (b"CONTENT_LENGTH\0\0SCGI\x001\0", "empty CONTENT_LENGTH"),
        (b"CONTENT_LENGTH\0-1\0SCGI\x001\0", "not a number"),
        (LENGTH + b"SCGI\x001\0A", "without a name, a value or an end"),
        (LENGTH + b"SCGI\x001\0A\0", "without a name, a value or an end"),
        (LENGTH + b"SCGI\x001\0A\0b", "without a name, a value or an end"),
        (LENGTH + b"SCGI\x001\0\0b\0", "without a name, a value or an end"),
        (LENGTH + b"SCGI\x001\0CONTENT_LENGTH\x001\0", "two content lengths"),
        (LENGTH + b"SCGI\x001\0CONTENT_LENGTH\0\0", "or with two"),
        (b"CONTENT_LENGTH\0\0CONTENT_LENGTH\x005\0SCGI\x001\0", "or with two"),
    ],
)
def test_what_does_not_add_up(block: bytes, reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason):
        parse(b"%d:%b," % (len(block), block))


def test_the_comma() -> None:
    with pytest.raises(ProtocolError, match="comma"):
        parse(scgi({}).replace(b",", b"."))
