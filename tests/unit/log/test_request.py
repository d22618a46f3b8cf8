"""The request line, octet for octet."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaich.log.request import Answered, RequestLog, escape, escape_quoted, kept


def answered(**changes: Any) -> Answered:
    facts: dict[str, Any] = {
        "address": "127.0.0.1",
        "user": "",
        "method": "GET",
        "uri": "/a?b",
        "protocol": "HTTP/1.1",
    }
    first = {name: changes.pop(name, value) for name, value in facts.items()}
    found = Answered(**first)
    others: dict[str, Any] = {
        "count": 3,
        "total": 7,
        "fields": 24,
        "size": 246,
        "sent": 5,
        "switches": 1,
        "micros": 12999,
        "status": 200,
        "headers": 1,
        "headers_size": 44,
    }
    for name, value in {**others, **changes}.items():
        setattr(found, name, value)
    return found


def line(**changes: Any) -> bytes:
    return RequestLog(41).line(answered(**changes))


def test_the_default_format(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.ctime", lambda second: f"<{second}>")
    assert line() == (
        b"[pid: 41|app: 0|req: 3/7] 127.0.0.1 () {24 vars in 246 bytes} [<0>] GET /a?b => "
        b"generated 5 bytes in 12 msecs (HTTP/1.1 200) 1 headers in 44 bytes "
        b"(1 switches on core 0)\n"
    )


def test_variations() -> None:
    assert b" in 12 msecs via sendfile() (HTTP/1.1" in line(how=" via sendfile()")
    assert b"(3 switches on core 0)" in line(switches=3)
    assert b"|app: -1|req: -1/-1] " in line(has_app=False)
    assert b"] 127.0.0.1 (joe) {" in line(user="joe")
    assert b"on core 3)\n" in line(core=3)


def test_micros_and_memory() -> None:
    log = RequestLog(1, in_micros=True, memory=lambda: (59224064, 16326656))
    text = log.line(answered())
    assert b" bytes in 12999 micros (HTTP" in text
    assert text.startswith(
        b"{address space usage: 59224064 bytes/56MB} {rss usage: 16326656 bytes/15MB} [pid: 1|"
    )


def test_the_date_is_that_of_the_beginning_and_made_once_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[int] = []
    monkeypatch.setattr("time.ctime", lambda second: calls.append(second) or "date")
    log = RequestLog(1)
    for began in (100.0, 100.9, 101.0, 101.1):
        log.line(answered(began=began))
    assert calls == [100, 101]


def test_the_application_sets_names() -> None:
    found = answered()
    assert found.names is None
    found.set("a", b"caf\xe9")
    found.set(b"b", 3)
    assert found.names == {"a": "caf\xe9", "b": "3"}


def test_what_is_kept_of_an_environ() -> None:
    environ = {"A": "1", "B": b"2", "wsgi.url_scheme": "http", "E": "", "S": "s"}
    needs = [("A", ""), ("B", ""), ("wsgi.url_scheme", ""), ("C", ""), ("C", "S"), ("E", "S")]
    assert kept(environ, needs) == ("1", "", "", "", "s", "")


@given(st.text(max_size=30), st.sampled_from(["address", "user", "method", "uri", "protocol"]))
def test_one_line_of_visible_ascii(text: str, field: str) -> None:
    raw = line(**{field: text})
    assert re.fullmatch(rb"[ -~]+\n", raw)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/a b", "/a b"),
        ("a\nb", "a\\x0ab"),
        ("\x1b[31m", "\\x1b[31m"),
        ("caf\xe9", "caf\\xe9"),
        ("\x7f\x80", "\\x7f\\x80"),
        ("", ""),
    ],
)
def test_escape(text: str, shown: str) -> None:
    assert escape(text) == shown


def test_escape_between_quotes() -> None:
    assert escape_quoted('a"b\\c\n') == "a\\x22b\\x5cc\\x0a"
