"""Request lines, read back, and filtered."""

import time

import pytest

from quaich.cli import logline
from quaich.cli.logline import Entry, Filter
from quaich.cli.logs import Wish, _select, read
from quaich.errors import UsageError
from quaich.log.format import Process
from quaich.log.jsonline import JsonLog
from quaich.log.request import Answered, RequestLog


def answered(status: int = 200, milliseconds: int = 5, uri: str = "/a b") -> Answered:
    found = Answered("192.0.2.1", "", "GET", uri, "HTTP/1.1")
    found.status, found.micros, found.began = status, milliseconds * 1000, time.time()
    found.fields, found.size, found.sent, found.headers, found.headers_size = 20, 300, 5, 2, 80
    found.count, found.total, found.switches = 1, 2, 1
    return found


def line(status: int = 200, milliseconds: int = 5, uri: str = "/a b") -> str:
    return RequestLog(7).line(answered(status, milliseconds, uri)).decode().rstrip("\n")


def test_our_own_lines_are_read() -> None:
    entry = logline.read(line(404, 1500))
    assert entry is not None
    assert (entry.status, entry.seconds, entry.method) == (404, 1.5, "GET")
    assert (entry.uri, entry.address) == ("/a b", "192.0.2.1")
    assert abs(entry.when - time.time()) < 60


def test_our_own_json_is_read() -> None:
    seen = answered(503, 20, "/a?b=1")
    seen.values = ("",) * len(JsonLog.needs)
    entry = logline.read(JsonLog(Process(7, 1, 1)).line(seen).decode())
    assert entry is not None
    assert (entry.status, entry.seconds, entry.method) == (503, 0.02, "GET")
    assert (entry.uri, entry.address) == ("/a", "192.0.2.1")
    assert abs(entry.when - time.time()) < 60


def test_uwsgis_line_is_read() -> None:
    text = (
        "[pid: 13219|app: 0|req: 7/7] 127.0.0.1 () {18 vars in 169 bytes} "
        "[Fri Nov 27 16:50:25 2026] GET / => generated 5 bytes in 0 msecs (HTTP/1.0 200) "
        "1 headers in 45 bytes (1 switches on core 0)"
    )
    entry = logline.read(text)
    assert entry is not None
    assert time.localtime(entry.when)[:6] == (2026, 11, 27, 16, 50, 25)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "worker=1 pid=2 ready generation=1",
        "Traceback (most recent call last):",
        "{}",
        "{",
        "[]",
        '{"status": "x"}',
        '{"status": 7}',
    ],
)
def test_other_lines_are_none(text: str) -> None:
    assert logline.read(text) is None


def test_json_lines_are_read() -> None:
    text = (
        '{"time": "2026-11-27T16:50:25+00:00", "status": 503, "method": "POST", "uri": "/x", '
        '"msecs": 250, "addr": "::1"}'
    )
    assert logline.read(text) == Entry(1795798225.0, 503, 0.25, "POST", "/x", "::1")
    assert logline.read('{"status": "200", "micros": 500000, "ts": 12.5}') == Entry(
        *(12.5, 200, 0.5, "", "", "")
    )


def test_filters() -> None:
    entry = Entry(1000.0, 502, 0.75, "GET", "/api/x", "-")
    assert Filter().takes(entry)
    assert Filter(statuses=("404", "5xx")).takes(entry)
    assert not Filter(statuses=("4xx", "503")).takes(entry)
    assert Filter(slow=0.5).takes(entry)
    assert not Filter(slow=0.8).takes(entry)
    assert Filter(path="/api/").takes(entry)
    assert not Filter(path="/x").takes(entry)
    assert not Filter(since=1001.0).takes(entry)


def test_lines_that_are_no_requests_are_shown_only_without_filters() -> None:
    lines = ["generation=1 serves", line(200), line(500), "more"]
    assert _select(lines, Wish(Filter()))[0] == lines
    assert _select(lines, Wish(Filter(statuses=("5xx",))))[0] == [lines[2]]
    kept, enough = _select(lines, Wish(Filter(), lines=2))
    assert (kept, enough) == (lines[2:], True)


def test_since_takes_what_follows_too() -> None:
    old = '{"status": 200, "ts": 10}'
    new = '{"status": 200, "ts": 20}'
    wish = Wish(Filter(since=15.0), lines=None)
    assert _select(["a", old, "b", new, "c"], wish) == ([new, "c"], True)


def test_the_command_line() -> None:
    found = read(["logs", "-f", "--status", "5XX,404", "--slow=2s", "--since", "10m", "x"], 1000.0)
    assert found.filter == Filter(("5xx", "404"), 2.0, "", 400.0)
    assert (found.follow, found.lines, found.target) == (True, None, "x")
    assert read(["logs", "--slow", "500", "-n", "5"], 0).filter.slow == 0.5


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (["--status", "9xx"], "expected 404, 5xx"),
        (["--slow", "fast"], "expected a time such as 500ms"),
        (["-n", "x"], "expected a number"),
        (["--foo"], "unknown option"),
        (["--path"], "needs a value"),
        (["a", "b"], "one file or server"),
    ],
)
def test_mistakes(argv: list[str], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        read(["logs", *argv], 0.0)
