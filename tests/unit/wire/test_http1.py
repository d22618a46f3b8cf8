"""What of the head reader the corpus does not show: ends, positions, and what is remembered."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaich.errors import ProtocolError
from quaich.wire import http1, target
from quaich.wire.grammar import HEX, TARGET, TOKEN, VALUE
from quaich.wire.http1 import (
    check_line,
    check_method,
    find_end,
    parse_again,
    parse_head,
    read_length,
    skip_empty_lines,
)

HEAD = b"GET /a?b HTTP/1.1\r\nHost: example.org\r\nX-A: 1\r\n\r\n"


def parse(data: bytes) -> tuple[http1.Head, dict[str, Any]]:
    environ: dict[str, Any] = {}
    return parse_head(data, 0, len(data), environ), environ


class TestFindEnd:
    def test_the_end_is_after_the_empty_line(self) -> None:
        assert find_end(HEAD, 0, 0) == len(HEAD)
        assert find_end(HEAD + b"body", 0, 0) == len(HEAD)

    def test_the_start_is_where_the_head_begins(self) -> None:
        assert find_end(b"\r\n\r\n" + HEAD, 4, 0) == 4 + len(HEAD)

    def test_the_mark_may_be_cut_anywhere(self) -> None:
        for seen in range(len(HEAD)):
            assert find_end(HEAD[:seen], 0, 0) == -1
            assert find_end(HEAD, 0, seen) == len(HEAD)

    @pytest.mark.parametrize("data", [b"GET\n", b"\n", b"GET / HTTP/1.1\r\nX\n", b"a\r\n\n"])
    def test_a_bare_lf_is_told_at_once(self, data: bytes) -> None:
        assert find_end(data, 0, 0) == -2

    def test_a_bare_lf_is_told_when_its_cr_was_not_the_last_octet_seen(self) -> None:
        assert find_end(b"GET\r\n", 0, 4) == -1
        assert find_end(b"GET\n", 0, 3) == -2

    @pytest.mark.parametrize("data", [b"GET\r/", b"\rX", b"GET / HTTP/1.1\r\nX\r\r", b"a\r\n\r\r"])
    def test_a_bare_cr_is_told_at_once(self, data: bytes) -> None:
        assert find_end(data, 0, 0) == -2
        assert find_end(data, 0, len(data) - 1) == -2
        assert find_end(data[:-1], 0, 0) == -1

    @pytest.mark.parametrize("first", [0, 9, 32, 34, 58, 127, 128, 255])
    def test_an_octet_that_begins_no_method(self, first: int) -> None:
        assert find_end(bytes((first,)), 0, 0) == -2

    def test_nothing(self) -> None:
        assert find_end(b"", 0, 0) == -1


class TestCheckLine:
    @pytest.mark.parametrize("line", [b"GET / HTTP/1.0\r\n", b"OPTIONS * HTTP/1.1\r\n"])
    def test_a_good_one(self, line: bytes) -> None:
        check_line(b"xx" + line + b"rest", 2, 2 + len(line))

    @pytest.mark.parametrize(
        ("line", "status"),
        [(b"GET /\r\n", 400), (b"GET / HTTP/2.0\r\n", 505), (b"CONNECT a:1 HTTP/1.1\r\n", 501)],
    )
    def test_a_wrong_one(self, line: bytes, status: int) -> None:
        with pytest.raises(ProtocolError) as caught:
            check_line(line, 0, len(line))
        assert caught.value.status == status


class TestMethodAlone:
    @pytest.mark.parametrize("line", [b"M" * 32, b"M" * 32 + b" /", b"GET /" + b"a" * 60, b"G(T"])
    def test_one_that_may_still_be_right(self, line: bytes) -> None:
        check_method(b"xx" + line, 2, 2 + len(line))

    @pytest.mark.parametrize(
        ("line", "status"), [(b"M" * 33, 501), (b"M" * 33 + b" /", 501), (b"G(T" + b"M" * 40, 400)]
    )
    def test_a_wrong_one(self, line: bytes, status: int) -> None:
        with pytest.raises(ProtocolError) as caught:
            check_method(line, 0, len(line))
        assert caught.value.status == status


def test_empty_lines() -> None:
    assert skip_empty_lines(b"GET", 0) == 0
    assert skip_empty_lines(b"\r\nGET", 0) == 2
    assert skip_empty_lines(b"\r\n\r\nGET", 0) == 4
    assert skip_empty_lines(b"\r", 0) == 0
    assert skip_empty_lines(b"\r\n\r", 0) == 2
    assert skip_empty_lines(b"\rX", 0) == 0
    assert skip_empty_lines(b"\r\n" * 9, 0) == 2 * http1.MAX_EMPTY_LINES


def test_the_facts_of_a_head() -> None:
    head, environ = parse(HEAD)
    assert (head.method, head.uri, head.protocol) == ("GET", "/a?b", "HTTP/1.1")
    assert (head.minor, head.is_head, head.absolute, head.chunked) == (1, False, False, False)
    assert head.content_length == -1
    assert environ == {
        "REQUEST_METHOD": "GET",
        "REQUEST_URI": "/a?b",
        "PATH_INFO": "/a",
        "QUERY_STRING": "b",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "example.org",
        "HTTP_X_A": "1",
    }


def test_the_size_in_a_packet() -> None:
    """Names and values with four octets of lengths for each, as uWSGI's request log counts."""
    head, environ = parse(HEAD)
    assert head.fields == len(environ)
    assert head.size == sum(4 + len(key) + len(value) for key, value in environ.items())


def test_a_head_in_the_middle() -> None:
    data = b"xx" + HEAD + b"body"
    environ: dict[str, object] = {}
    parse_head(data, 2, 2 + len(HEAD), environ)
    assert environ["PATH_INFO"] == "/a"


def test_a_cut_head_is_refused_and_never_overrun() -> None:
    """The end that is given is respected at every offset, also by the compiled reader."""
    for end in range(len(HEAD)):
        for data in (HEAD, HEAD[:end]):
            with pytest.raises(ProtocolError) as caught:
                parse_head(data, 0, end, {})
            assert caught.value.status == 400


FACTS = ("content_length", "chunked", "keep_alive", "expect_continue", "is_head", "absolute")
FACTS += ("minor", "fields", "size", "fields_size", "dropped", "method", "uri", "protocol")


class TestFieldsThatComeAgain:
    """A second head of a connection, whose fields are those of the first, octet by octet."""

    FIELDS = b"\r\nHost: a\r\nX_A: 1\r\nExpect: 100-continue\r\nContent-Length: 7\r\n\r\n"

    @pytest.mark.parametrize(
        "line", [b"GET /a?b HTTP/1.1", b"HEAD / HTTP/1.1", b"OPTIONS * HTTP/1.1"]
    )
    @pytest.mark.parametrize(
        "fields", [FIELDS, b"\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"]
    )
    def test_only_the_request_line_is_read(self, line: bytes, fields: bytes) -> None:
        like, environ = parse(b"POST /first HTTP/1.1" + fields)
        again = parse_again(line + fields, len(line + fields), environ, like)
        fresh, wanted = parse(line + fields)
        assert again is not None
        assert [getattr(again, fact) for fact in FACTS] == [getattr(fresh, fact) for fact in FACTS]
        assert environ == wanted

    @pytest.mark.parametrize("line", [b"GET / HTTP/1.0", b"GET http://b/ HTTP/1.1"])
    def test_a_line_that_gives_them_another_meaning(self, line: bytes) -> None:
        like, environ = parse(b"GET / HTTP/1.1" + self.FIELDS)
        assert parse_again(line + self.FIELDS, len(line + self.FIELDS), environ, like) is None

    def test_a_line_that_is_wrong(self) -> None:
        like, environ = parse(b"GET / HTTP/1.1" + self.FIELDS)
        with pytest.raises(ProtocolError):
            parse_again(b"GET /" + self.FIELDS, len(b"GET /" + self.FIELDS), environ, like)


def test_names_are_remembered_within_bounds() -> None:
    for number in range(5000):
        parse(b"GET / HTTP/1.0\r\nX-%d: 1\r\n\r\n" % number)
        parse(b"GET / HTTP/1.1\r\nHost: h%d\r\n\r\n" % number)
    assert len(http1._known) <= 2048
    assert len(target._hosts) <= 2048
    _, environ = parse(b"GET / HTTP/1.0\r\nX-New-One: 1\r\n\r\n")
    assert environ["HTTP_X_NEW_ONE"] == "1"


def test_a_bad_host_is_refused_each_time() -> None:
    for _ in range(3):
        with pytest.raises(ProtocolError):
            parse(b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n")


class TestReadLength:
    @pytest.mark.parametrize(("text", "number"), [(b"0", 0), (b"007", 7), (b"9" * 18, 10**18 - 1)])
    def test_numbers(self, text: bytes, number: int) -> None:
        assert read_length(b"x" + text + b"x", 1, 1 + len(text)) == number

    @given(st.binary(max_size=20))
    def test_anything_else(self, text: bytes) -> None:
        if text and len(text) <= 18 and all(48 <= octet <= 57 for octet in text):
            assert read_length(text, 0, len(text)) == int(text)
        else:
            with pytest.raises(ProtocolError):
                read_length(text, 0, len(text))


def test_tables() -> None:
    for octet in range(256):
        character = chr(octet)
        visible = 0x21 <= octet <= 0x7E
        delimiter = character in '"(),/:;<=>?@[\\]{}'
        assert TOKEN[octet] == (visible and not delimiter)
        assert VALUE[octet] == (visible or octet >= 0x80 or character in " \t")
        assert TARGET[octet] == (visible and character != "#")
        assert (HEX[octet] < 16) == (character in "0123456789abcdefABCDEF")
    assert len(TOKEN) == len(VALUE) == len(TARGET) == len(HEX) == 256
