"""Checks of a status and headers, one mistake each, and the texts a server sends by itself."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaich.errors import ApplicationError
from quaich.wire import reply
from quaich.wire.reply import check_head, chunk, has_no_body, refusal

PLAIN = [("Content-Type", "text/plain")]


def test_an_ordinary_head() -> None:
    head = check_head("200 OK", [*PLAIN, ("X-A", "")])
    assert head.lines == b"200 OK\r\nContent-Type: text/plain\r\nX-A: "
    assert (head.status, head.count, head.length) == (200, 2, -1)
    assert (head.has_date, head.has_server, head.close, head.removed) == (False, False, False, None)


def test_no_headers() -> None:
    head = check_head("200 OK", [])
    assert (head.lines, head.count) == (b"200 OK", 0)


def test_known_headers() -> None:
    head = check_head(
        "200 OK",
        [("content-LENGTH", "007"), ("date", "x"), ("SERVER", "y"), ("connection", "Close")],
    )
    assert (head.length, head.has_date, head.has_server, head.close) == (7, True, True, True)
    assert b"onnection" not in head.lines
    assert head.count == 3


@pytest.mark.parametrize(
    "name",
    [
        "Transfer-Encoding",
        "Keep-Alive",
        "TE",
        "Trailer",
        "upgrade",
        "Proxy-Connection",
        "Proxy-Authenticate",
        "Proxy-Authorization",
        "Status",
    ],
)
def test_what_only_a_server_may_say_is_taken_out(name: str) -> None:
    head = check_head("200 OK", [(name, "x"), *PLAIN])
    assert head.lines == b"200 OK\r\nContent-Type: text/plain"
    assert head.removed == [name]
    assert not head.close
    assert check_head("200 OK", [(name, "x"), (name, "y")]).removed == [name, name]


@pytest.mark.parametrize(
    ("status", "line"),
    [
        ("404", b"404 Not Found"),
        ("799", b"799 Unknown"),
        ("200 ", b"200 OK"),
        ("404   ", b"404 Not Found"),
        ("200 caf\xe9 ok", b"200 caf\xe9 ok"),
    ],
)
def test_statuses(status: str, line: bytes) -> None:
    assert check_head(status, []).lines == line


def test_204_has_no_length() -> None:
    assert b"Length" not in check_head("204 No Content", [("Content-Length", "0")]).lines
    assert b"Length" in check_head("304 Not Modified", [("Content-Length", "5")]).lines


BAD_STATUSES = [b"200 OK", 200, None, "", "OK", "20", "2000 OK", "20x OK", "\u0662\u0660\u0660 OK"]
BAD_STATUSES += ["-20 OK", "+20 OK", " 200 OK", "100 Continue", "101 Switching", "000 x", "200\tOK"]
BAD_STATUSES += ["200 a\r\nb", "200 a\nb", "200 a\0", "200 \u20ac", "200 \x7f"]


@pytest.mark.parametrize("status", BAD_STATUSES)
def test_bad_statuses(status: object) -> None:
    for _ in range(2):
        with pytest.raises(ApplicationError, match="start_response"):
            check_head(status, [])


BAD_HEADERS: list[object] = [
    None,
    (),
    {},
    iter([]),
    [["a", "b"]],
    ["ab"],
    [("a",)],
    [("a", "b", "c")],
    [("a", b"b")],
    [(b"a", "b")],
    [("a", 1)],
    [("a", None)],
    [("", "b")],
    [("a b", "c")],
    [("a:", "c")],
    [("a\r", "c")],
    [("\xe9", "c")],
    [("\u20ac", "c")],
    [("a", "b\r\nc: d")],
    [("a", "b\n c")],
    [("a", "b\r")],
    [("a", "\n")],
    [("a", "b\0")],
    [("a", "b\x7f")],
    [("a", "\x1b[0m")],
    [("a", "\u20ac")],
    [("a", "\ud800")],
    [("Content-Length", "1"), ("Content-Length", "1")],
    [("Content-Length", "")],
    [("Content-Length", "-1")],
    [("Content-Length", "+1")],
    [("Content-Length", "1 ")],
    [("Content-Length", "1_0")],
    [("Content-Length", "0x1")],
    [("Content-Length", "1, 1")],
    [("Content-Length", "\u0661")],
    [("Content-Length", "1" * 19)],
    [("a", "b" * 70000)],
]


@pytest.mark.parametrize("headers", BAD_HEADERS)
def test_bad_headers(headers: object) -> None:
    for _ in range(2):
        with pytest.raises(ApplicationError, match="start_response"):
            check_head("200 OK", headers)


def test_a_mistake_is_named_shortly() -> None:
    with pytest.raises(ApplicationError) as caught:
        check_head("200 OK", [("a", ["b" * 1000])])
    assert len(str(caught.value)) < 200


class Liar(str):
    """A str of an application's own class: its characters are one thing, what it says another."""

    def __str__(self) -> str:
        return "a\r\nSet-Cookie: b"

    __format__ = __repr__ = lambda self, *_: str(self)  # type: ignore[assignment]


class Pair(tuple[str, str]):
    pass


def test_of_a_str_of_another_class_its_characters_are_sent() -> None:
    head = check_head(Liar("200 OK"), [(Liar("X-A"), Liar("b"))])
    assert (head.lines, head.status) == (b"200 OK\r\nX-A: b", 200)
    assert check_head(Liar("404"), []).lines == b"404 Not Found"
    with pytest.raises(ApplicationError, match="split"):
        check_head("200 OK", [("X-A", Liar("b\nc"))])


def test_what_is_of_another_class_is_checked_each_time() -> None:
    """It may be equal to what passed before and not say the same."""
    for item in (("X-A", Liar("b")), Pair(("X-A", "b"))):
        first = check_head("200 Once more", [item])
        assert first.lines == b"200 Once more\r\nX-A: b"
        assert check_head("200 Once more", [item]) is not first


def test_a_long_head_is_checked_each_time() -> None:
    """It is sent, and not kept."""
    headers = [("X-A", "b" * 5000)]
    first = check_head("200 Long", headers)
    assert first.lines.endswith(b"b" * 5000)
    assert check_head("200 Long", headers) is not first


TEXT = st.text(st.characters(max_codepoint=0x110), max_size=12)


@given(TEXT.map("200 ".__add__), st.lists(st.tuples(TEXT, TEXT), max_size=4))
def test_no_octet_begins_a_line_of_its_own(status: str, headers: list[tuple[str, str]]) -> None:
    try:
        head = check_head(status, headers)
    except ApplicationError:
        return
    lines = head.lines.split(b"\r\n")
    assert len(lines) == head.count + 1
    for line in lines:
        assert not re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", line)
    for line, (name, value) in zip(lines[1:], headers, strict=False):
        if head.removed is None and not head.close:
            assert line == f"{name}: {value}".encode("latin-1")


def test_what_is_remembered_is_bounded() -> None:
    for number in range(3000):
        check_head(f"200 Reason-{number}", [(f"X-{number}", "a")])
    assert len(reply._names) <= 2048
    assert len(reply._statuses) <= 2048


def test_the_first_octets_of_a_reply_say_what_they_were_made_from() -> None:
    start = reply.Start(b"HTTP/1.1 200 OK", b"now", 5, 10**12)
    assert (start.octets, start.date, start.added) == (b"HTTP/1.1 200 OK", b"now", 5)
    assert start.size == 10**12


def test_content_length() -> None:
    for size in (0, 5, 5, 10**12, *range(100, 3000)):
        assert reply.content_length(size) == b"\r\nContent-Length: %d" % size
    assert len(reply._lengths) <= 2048


def test_statuses_without_a_body() -> None:
    assert has_no_body(204, False)
    assert has_no_body(304, False)
    assert has_no_body(200, True)
    assert not has_no_body(200, False)
    assert not has_no_body(205, False)


def test_chunk() -> None:
    assert chunk(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"


@pytest.mark.parametrize("status", [400, 408, 413, 414, 417, 431, 500, 501, 503, 505])
def test_refusals(status: int) -> None:
    whole = refusal(status, "a reason", False)
    head, _, body = whole.partition(b"\r\n\r\n")
    assert re.match(rb"HTTP/1\.1 %d [A-Z][A-Za-z ]+\r\n" % status, head)
    assert body == b"a reason\n"
    assert b"\r\nContent-Length: %d" % len(body) in head
    assert b"\r\nConnection: close" in head
    assert refusal(status, "a reason", True) == head + b"\r\n\r\n"
    stamped = refusal(status, "a reason", False, b"\r\nDate: today")
    assert stamped == whole.replace(b"\r\nConnection", b"\r\nDate: today\r\nConnection")


class TestHeadsThatComeAgain:
    @pytest.fixture(autouse=True)
    def none_yet(self) -> None:
        """Other tests may have used up the places, with a status each."""
        reply._heads.clear()

    def test_the_same_fields_are_checked_once(self) -> None:
        first = check_head("200 OK", [("X-Again", "1"), ("X-B", "2")])
        assert check_head("200 OK", [("X-Again", "1"), ("X-B", "2")]) is first

    @pytest.mark.parametrize(
        "headers",
        [
            [("X-Again", "2")],
            [("X-again", "1")],
            [("X-Again", "1"), ("X-Again", "1")],
            [],
        ],
    )
    def test_other_fields_are_read(self, headers: list[tuple[str, str]]) -> None:
        first = check_head("200 OK", [("X-Again", "1")])
        second = check_head("200 OK", headers)
        assert second is not first
        assert second.lines.split(b"\r\n")[1:] == [f"{n}: {v}".encode() for n, v in headers]

    def test_a_list_that_is_changed_afterwards_changes_nothing(self) -> None:
        headers = [("X-Again", "1")]
        first = check_head("201 Created", headers)
        headers.append(("X-More", "1"))
        assert b"X-More" not in first.lines
        assert b"X-More" in check_head("201 Created", headers).lines

    @pytest.mark.parametrize("item", [["X-Again", "1"], ("X-Again", 1), ("X-Again",), None])
    def test_what_was_refused_is_refused_after_a_good_one(self, item: object) -> None:
        check_head("200 OK", [("X-Again", "1")])
        with pytest.raises(ApplicationError):
            check_head("200 OK", [item])

    def test_a_split_is_refused_after_a_good_one(self) -> None:
        check_head("200 OK", [("X-Again", "1")])
        with pytest.raises(ApplicationError, match="split"):
            check_head("200 OK", [("X-Again", "1\r\nSet-Cookie: a=b")])
