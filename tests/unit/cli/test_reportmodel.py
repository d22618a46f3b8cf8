import json
import random

import pytest

from quaich.cli.reportmodel import Summary, Table, Times, as_data

PLAIN = (
    "[pid: 7|app: 0|req: 2/2] 203.0.113.9 () {24 vars in 261 bytes} "
    "[Fri Nov  6 20:32:43 2026] GET %s => generated 1 bytes in %d msecs (HTTP/1.1 %d) "
    "0 headers in 98 bytes (1 switches on core 0)"
)
COMBINED = (
    '198.51.100.7 - ann [06/Nov/2026:20:32:43 +0000] "POST %s HTTP/1.1" %d 12 "-" "Googlebot/2.1"'
)


def as_json(**values: object) -> str:
    base = {"time": "2026-11-06T20:32:43.5Z", "type": "request", "method": "GET", "path": "/j"}
    return json.dumps({**base, "status": 200, "total_us": 2500, "remote": "::1", **values})


def test_a_day() -> None:
    summary = Summary()
    for line in (
        PLAIN % ("/?page=2", 5, 200),
        PLAIN % ("/", 5, 200),
        PLAIN % ("/buy?x=1", 1500, 500),
        "Traceback (most recent call last):",
        '  File "shop.py", line 3, in buy',
        "ValueError: no cup 17",
        PLAIN % ("/.env", 0, 404),
        PLAIN % ("/gone", 0, 404),
        COMBINED % ("/form", 302),
        as_json(status=503, path="/down"),
        as_json(type="server", level="error", message="worker=3 died", status=0),
        "error: worker=4 died",
        "listening 127.0.0.1:80",
        "",
    ):
        summary.add(line)
    data = as_data(summary, 10)
    assert data["requests"] == 7
    assert data["classes"] == {"1xx": 0, "2xx": 2, "3xx": 1, "4xx": 2, "5xx": 2}
    assert data["statuses"] == {"200": 2, "302": 1, "404": 2, "500": 1, "503": 1}
    assert data["paths"][0] == {"path": "GET /", "count": 2, "failed": 0, "seconds": 0.01}
    assert data["slowest"][0]["request"] == "500 GET /buy"
    assert {row["name"]: row.get("example") for row in data["failures"]} == {
        "500 GET /buy": "/buy?x=1",
        "503 GET /down": "/down",
    }
    assert {row["name"]: row["count"] for row in data["messages"]} == {
        "error: ValueError: no cup N": 1,
        "error: worker=N died": 2,
    }
    assert [row["name"] for row in data["scans"]] == ["/.env"]
    assert data["scanners"] == [{"name": "203.0.113.9", "count": 1}]
    assert [row["name"] for row in data["missing"]] == ["/gone"]
    assert data["bots"] == [{"name": "Googlebot/2.1", "count": 1}]
    assert data["seconds"]["max"] == 1.5


def test_only_what_is_recent() -> None:
    summary = Summary(since=1794000000.0)
    for line in (
        "error: before everything",
        as_json(time=1793999999),
        "error: still before",
        as_json(type="server", level="error", message="old", time=1793999999, status=0),
        as_json(time=1794000001),
        "error: after",
    ):
        summary.add(line)
    assert summary.requests == 1
    assert [name for name, _ in summary.messages.top(9)] == ["error: after"]
    summary.begin()
    summary.add("error: of another file, without a date")
    assert len(summary.messages.top(9)) == 1


@pytest.mark.parametrize(
    "line",
    [
        '{"status": 1e999}',
        '{"status": 200, "seconds": NaN, "time": Infinity}',
        '{"status": 200, "seconds": -1, "time": -5, "path": null}',
        '{"status": 200, "time": 1e30, "total_us": 1e300}',
        '{"level": "error"}',
        "[1]",
        "{" * 20000,
        '{"a":' * 20000,
        '- - [99/Foo/0000:99:99:99 +9999] "GET / x" 200 1',
    ],
)
def test_nonsense_does_no_harm(line: str) -> None:
    summary = Summary(since=1.0)
    summary.add(line)
    json.dumps(as_data(summary, 5), allow_nan=False)


def test_the_memory_is_bounded() -> None:
    table = Table(rows=10)
    for number in range(5000):
        table.add(f"rare {number}")
        table.add("often", example=str(number))
    assert len(table.top(10**6)) <= 20
    name, row = table.top(1)[0]
    assert (name, row.count, row.example) == ("often", 5000, "4999")


def test_quantiles() -> None:
    times = Times()
    assert times.quantile(0.5) == 0.0
    draw = random.Random(1)
    values = sorted(draw.lognormvariate(-4, 1) for _ in range(5000))
    for value in values:
        times.add(value)
    for part in (0.5, 0.95, 0.99):
        exact = values[int(part * len(values)) - 1]
        assert exact <= times.quantile(part) * 1.001
        assert times.quantile(part) <= exact * 1.11
    assert times.longest == values[-1]
