"""Questions, whole and in pieces."""

import pytest

from quaich.stats.question import LONGEST, Question, read, response

GET = b"GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\nAccept: text/plain\r\naccept: b/c\r\n\r\n"


def test_a_request_is_understood_when_it_is_whole() -> None:
    for end in range(len(GET)):
        assert read(GET[:end]) is None or not end
    assert read(GET) == Question("GET", "/metrics", "text/plain,b/c")


@pytest.mark.parametrize(
    "data",
    [
        b"x",
        b"\n",
        b"\r\n",
        b"GET\n",
        b"GET / HTTP/2\r\n",
        b"BREW / HTTP/1.1\r\n",
        b"GET  / HTTP/1.1\n",
    ],
)
def test_what_is_no_http(data: bytes) -> None:
    assert read(data) == Question()


def test_bare_line_feeds_will_do() -> None:
    assert read(b"GET / HTTP/1.0\nAccept: a/b\n\n") == Question("GET", "/", "a/b")


def test_a_head_has_a_limit() -> None:
    assert read(b"GET /" + b"a" * LONGEST) == Question()
    endless = b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * (LONGEST // 6 + 1)
    assert read(endless) == Question("GET", "/", "")


def test_other_methods_are_told_apart() -> None:
    assert read(b"POST / HTTP/1.1\r\n\r\n") == Question("POST", "/", "")


def test_an_answer() -> None:
    head, _, body = response("200 OK", b"abc").partition(b"\r\n\r\n")
    assert body == b"abc"
    assert b"Content-Length: 3\r\n" in head
    assert b"Access-Control" not in head
