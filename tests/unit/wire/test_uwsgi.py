"""The packet reader by itself; the corpus shows it behind a connection."""

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaich.errors import ProtocolError
from quaich.wire.gateway import MAX_VARIABLES
from quaich.wire.uwsgi import packet_size, parse_packet
from tests.support.uwsgi import packet


def parse(data: bytes, start: int = 0) -> tuple[Any, dict[str, Any]]:
    environ: dict[str, Any] = {}
    return parse_packet(data, start, len(data), environ), environ


TEXT = st.text(st.characters(max_codepoint=255), max_size=20)


@given(st.dictionaries(TEXT.filter(bool), TEXT, min_size=1, max_size=8))
def test_what_was_packed_is_read(variables: dict[str, str]) -> None:
    for name in ("CONTENT_LENGTH", "HTTP_PROXY", "HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE"):
        variables.pop(name, None)
    variables["A"] = "b"
    data = packet(variables)
    assert packet_size(data, 0) == len(data)
    head, environ = parse(data)
    assert environ == variables
    assert (head.fields, head.size) == (len(variables), len(data) - 4)


@given(st.binary(max_size=40))
def test_any_block(block: bytes) -> None:
    data = struct.pack("<BHB", 0, len(block), 0) + block
    try:
        head, environ = parse(data)
    except ProtocolError as error:
        assert error.status == 400
    else:
        assert head.fields >= len(environ) >= 1


@given(st.binary(max_size=8))
def test_any_header(data: bytes) -> None:
    try:
        size = packet_size(data, 0)
    except ProtocolError as error:
        assert error.status == 400
        assert data[0] != 0
    else:
        assert size == 0 if len(data) < 4 else size == 4 + data[1] + 256 * data[2]


def test_every_cut_of_a_block_is_refused_or_shorter() -> None:
    data = packet({"REQUEST_METHOD": "GET", "PATH_INFO": "/", "A": ""})
    ends = set()
    for end in range(4, len(data) + 1):
        try:
            parse_packet(data, 0, end, {})
        except ProtocolError:
            continue
        ends.add(end)
    assert ends == {4 + 21, 4 + 21 + 14, len(data)}, "only between variables"


def test_a_packet_in_the_middle() -> None:
    data = b"xxx" + packet({"A": "b"})
    assert packet_size(data, 3) == len(data) - 3
    assert parse(data, 3)[1] == {"A": "b"}


def test_facts() -> None:
    head, _ = parse(
        packet(
            {
                "REQUEST_METHOD": "HEAD",
                "REQUEST_URI": "/a?b",
                "SERVER_PROTOCOL": "HTTP/1.0",
                "CONTENT_LENGTH": "7",
            }
        )
    )
    assert (head.method, head.uri, head.protocol) == ("HEAD", "/a?b", "HTTP/1.0")
    assert (head.is_head, head.keep_alive, head.content_length) == (True, False, 7)


def test_the_number_of_variables_is_bounded() -> None:
    assert parse(packet([("A", "")] * MAX_VARIABLES))[1] == {"A": ""}
    with pytest.raises(ProtocolError, match="more than"):
        parse(packet([("A", "")] * (MAX_VARIABLES + 1)))


@pytest.mark.parametrize("first", b"GPTHDOCZ\x16")
def test_http_and_tls_are_recognised(first: int) -> None:
    with pytest.raises(ProtocolError, match="http-socket"):
        packet_size(bytes((first,)), 0)
