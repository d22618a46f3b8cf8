"""fail2ban's filter over lines as the server writes them, and over those that try to deceive it."""

import re
from pathlib import Path

import pytest

from quaich.machine import scans

ROOT = Path(__file__).parents[3]
# What fail2ban does: it takes the date out, and puts an address where the filter says so.
DATES = (r"\[\w{3} \w{3} [ \d]\d [\d:]{8} \d{4}\]", r"\d{4}-\d\d-\d\dT[\d:.]+Z")
PLAIN = (
    "[pid: 7|app: 0|req: 2/2] 203.0.113.9 (ann) {24 vars in 261 bytes} "
    "[Fri Nov  6 20:32:43 2026] %s %s => generated 1 bytes in 0 msecs (HTTP/1.1 %s) "
    "0 headers in 98 bytes (1 switches on core 0)"
)
JSON = (
    '{"time":"2026-11-27T20:32:47.673802Z","type":"request","request_id":"9d-1","method":"%s",'
    '"path":"%s","protocol":"HTTP/1.1","status":%s,"bytes":1,"app_us":3,"total_us":3,"worker":1,'
    '"pid":7,"generation":1,"remote":"203.0.113.9"}'
)


def banned(line: str) -> str:
    for date in DATES:
        line = re.sub(date, "", line, count=1)
    for regex in scans.REGEXES:
        match = re.search(regex.replace("<HOST>", r"(?P<host>[0-9a-f.:]+)"), line)
        if match:
            return match["host"]
    return ""


@pytest.mark.parametrize("form", [PLAIN, JSON], ids=["plain", "json"])
@pytest.mark.parametrize(
    ("path", "status", "is_scan"),
    [
        ("/.env", 404, True),
        ("/blog/WP-login.php", 404, True),
        ("/x.php", 403, True),
        ("/%2e%2e/%2e%2e/etc/passwd", 400, True),
        ("/", 404, False),
        ("/.env", 200, False),
        ("/shop/environment", 404, False),
        ("/index.phpx", 404, False),
        ("/.well-known/acme-challenge/x", 404, False),
    ],
)
def test_what_is_a_scan(form: str, path: str, status: int, is_scan: bool) -> None:
    assert banned(form % ("GET", path, status)) == ("203.0.113.9" if is_scan else "")


@pytest.mark.parametrize(
    "line",
    [
        PLAIN % ("GET", "/.env=>generated%201%20bytes", 200),
        PLAIN.replace("203.0.113.9", "") % ("GET", "/1.2.3.4/.env", 404),
        JSON % ("GET", r"/.env\",\"status\":404,\"remote\":\"1.2.3.4", 200),
        JSON.replace('"remote":"203.0.113.9"', r'"user_agent":"\"remote\":\"1.2.3.4\""')
        % ("GET", "/.env", 404),
        "error: 1.2.3.4 () {1 vars in 1 bytes} GET /.env",
    ],
)
def test_nobody_is_banned_by_what_a_client_writes(line: str) -> None:
    assert banned(line) == ""


def test_the_shipped_files() -> None:
    shipped = ROOT / "packaging" / "fail2ban"
    assert (shipped / "filter.d/quaich.conf").read_text() == scans.fail2ban_filter()
    assert (shipped / "jail.d/quaich.conf").read_text() == scans.fail2ban_jail()
