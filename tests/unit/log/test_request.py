"""The request line, octet for octet."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaich.log.request import RequestLog, escape

FACTS: dict[str, Any] = {
    "count": 3,
    "total": 7,
    "address": "127.0.0.1",
    "user": "",
    "fields": 24,
    "size": 246,
    "method": "GET",
    "uri": "/a?b",
    "sent": 5,
    "microseconds": 12999,
    "how": "",
    "protocol": "HTTP/1.1",
    "status": 200,
    "headers": 1,
    "headers_size": 44,
    "core": 0,
    "has_app": True,
}


def line(**changes: Any) -> bytes:
    return RequestLog(41).line(**{**FACTS, **changes})


def test_the_default_format(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 0.0)
    monkeypatch.setattr("time.ctime", lambda second: f"<{second}>")
    assert line() == (
        b"[pid: 41|app: 0|req: 3/7] 127.0.0.1 () {24 vars in 246 bytes} [<0>] GET /a?b => "
        b"generated 5 bytes in 12 msecs (HTTP/1.1 200) 1 headers in 44 bytes "
        b"(1 switches on core 0)\n"
    )


def test_variations() -> None:
    assert b" in 12 msecs via sendfile() (HTTP/1.1" in line(how=" via sendfile()")
    assert b"|app: -1|req: -1/-1] " in line(has_app=False)
    assert b"] 127.0.0.1 (joe) {" in line(user="joe")
    assert b"on core 3)\n" in line(core=3)


def test_the_date_is_made_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    now = [100.0]
    monkeypatch.setattr("time.time", lambda: now[0])
    monkeypatch.setattr("time.ctime", lambda second: calls.append(second) or "date")
    log = RequestLog(1)
    for now[0] in (100.0, 100.9, 101.0, 101.1):
        log.line(**FACTS)
    assert calls == [100, 101]


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
