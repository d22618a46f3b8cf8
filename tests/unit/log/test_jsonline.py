"""Request lines as JSON."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaich.log.format import Process
from quaich.log.jsonline import JsonLog, queue_micros
from quaich.log.request import kept
from quaich.log.style import rfc3339
from tests.unit.log.test_request import answered

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"


def logged(log: JsonLog | None = None, **changes: Any) -> dict[str, Any]:
    log = log or JsonLog(Process(41, 2, 3))
    environ = changes.pop("environ", {})
    line = log.line(answered(values=kept(environ, log.needs), **changes))
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_line() -> None:
    found = logged(began=1795798029.25, app_micros=12000)
    assert found.pop("request_id")
    assert found == {
        "time": "2026-11-27T16:47:09.250000Z",
        "type": "request",
        "method": "GET",
        "path": "/a",
        "query": "b",
        "protocol": "HTTP/1.1",
        "status": 200,
        "bytes": 5,
        "app_us": 12000,
        "total_us": 12999,
        "worker": 2,
        "pid": 41,
        "generation": 3,
        "remote": "127.0.0.1",
    }


def test_what_is_not_there_is_left_out() -> None:
    found = logged(uri="/a", user="joe")
    assert "query" not in found
    assert found["user"] == "joe"


def test_the_request_id() -> None:
    log = JsonLog(Process(41, 2))
    first, second = (logged(log)["request_id"] for _ in range(2))
    assert first != second
    for given_id, kept_id in (("abc-123", True), ("a b", False), ("x" * 129, False)):
        found = logged(log, environ={"HTTP_X_REQUEST_ID": given_id})["request_id"]
        assert (found == given_id) is kept_id


@pytest.mark.parametrize(
    ("parent", "valid"),
    [
        (f"00-{TRACE}-{SPAN}-01", True),
        (f"cc-{TRACE}-{SPAN}-01-more", True),
        (f"00-{TRACE}-{SPAN}-01-more", False),
        (f"ff-{TRACE}-{SPAN}-01", False),
        (f"00-{'0' * 32}-{SPAN}-01", False),
        (f"00-{TRACE}-{'0' * 16}-01", False),
        (f"00-{TRACE.upper()}-{SPAN}-01", False),
        ("nonsense", False),
    ],
)
def test_the_trace(parent: str, valid: bool) -> None:
    found = logged(environ={"HTTP_TRACEPARENT": parent})
    assert (found.get("trace_id"), found.get("span_id")) == (
        (TRACE, SPAN) if valid else (None,) * 2
    )


@pytest.mark.parametrize(
    ("started", "waited"),
    [
        ("t=1000000000.500", 500000),
        ("1000000000.250000", 750000),
        ("1000000000900", 100000),
        ("t=1000000000999999", 1),
        ("1000000002.0", None),
        ("0999990000.0", None),
        ("yesterday", None),
    ],
)
def test_the_queue(started: str, waited: int | None) -> None:
    found = queue_micros(started, 1000000001.0)
    assert found == waited or (found is not None and waited and abs(found - waited) <= 1)


def test_text_is_what_its_octets_are() -> None:
    agent = "caf\xc3\xa9 \xff".encode("latin-1").decode("latin-1")
    assert logged(environ={"HTTP_USER_AGENT": agent})["user_agent"] == "café \\xff"


@given(st.text(max_size=30))
def test_always_valid(text: str) -> None:
    names = ("HTTP_REFERER", "HTTP_USER_AGENT", "HTTP_X_REQUEST_ID", "HTTP_TRACEPARENT")
    logged(uri=text, user=text, method=text, address=text, environ=dict.fromkeys(names, text))


def test_no_secret() -> None:
    names = ("HTTP_COOKIE", "HTTP_AUTHORIZATION")
    assert "s3cret" not in json.dumps(logged(environ=dict.fromkeys(names, "s3cret")))


def test_rfc3339() -> None:
    assert rfc3339(1795798029.000001) == "2026-11-27T16:47:09.000001Z"
