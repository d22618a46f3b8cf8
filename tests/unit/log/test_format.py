"""Lines in a format of the operator's, and which requests have one."""

import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaich.config.logformat import NAMES
from quaich.log.format import FormatLog, Process
from quaich.log.request import kept
from quaich.log.selection import Selection
from tests.unit.log.test_request import answered


def formatted(text: str, environ: dict[str, Any] | None = None, **changes: Any) -> str:
    memory = changes.pop("memory", None)
    log = FormatLog(text, Process(41, 2, memory=memory, metric=lambda place: 70 + place))
    changes["values"] = kept(environ or {}, log.needs)
    line = log.line(answered(**changes))
    assert line.endswith(b"\n")
    return line[:-1].decode("ascii")


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_written(name: str) -> None:
    assert formatted(f"<%({name})>") != "<>"
    assert FormatLog(f"%({name})", Process(1, 1)).open is False


@pytest.mark.parametrize(
    ("text", "changes", "line"),
    [
        ("%(rsize) %(hsize) %(size)", {}, "5 44 49"),
        ("%(micros) %(msecs) %(secs)", {}, "12999 12 0.012999"),
        ("%(tmsecs) %(tmicros) %(time)", {"began": 7.25}, "7250 7250000 7"),
        ("%(epoch)", {"began": 7.99, "micros": 20000}, "8"),
        ("%(pid) %(wid) %(core)", {"core": 3}, "41 2 3"),
        ("%(vars) %(pktsize) %(headers) %(switches)", {}, "24 246 1 1"),
        ("%(werr) %(rerr) %(ioerr)", {"failed": True}, "1 0 1"),
        ("%(vsz) %(rss) %(vszM) %(rssM)", {}, "0 0 0 0"),
        (
            "%(vsz) %(rss) %(vszM) %(rssM)",
            {"memory": lambda: (3145729, 2097153)},
            "3145729 2097153 3 2",
        ),
        ("%(modifier1) %(modifier2)", {}, "0 0"),
        ("%(metric.worker.1.requests) %(metric.b) %(metric.worker.1.requests)", {}, "70 71 70"),
        ("%(user) %(proto) %(mine)", {"protocol": ""}, "- - -"),
        ("100% %d %%", {}, "100% %d %%"),
        ("%(mine) %(uri)", {"names": {"mine": "my value", "uri": "no"}}, "my value /a?b"),
    ],
)
def test_values(text: str, changes: dict[str, Any], line: str) -> None:
    assert formatted(text, **changes) == line


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        ({}, "- - - 0 -"),
        ({"SERVER_NAME": "sn"}, "sn - - 0 -"),
        ({"SERVER_NAME": "sn", "HTTP_HOST": ""}, "- - - 0 -"),
        (
            {
                "HTTP_HOST": "h",
                "HTTP_USER_AGENT": "u a",
                "HTTP_REFERER": "r",
                "CONTENT_LENGTH": "7",
                "HTTP_X": "x",
            },
            "h u a r 7 x",
        ),
    ],
)
def test_variables_of_the_request(environ: dict[str, str], line: str) -> None:
    assert formatted("%(host) %(uagent) %(referer) %(cl) %(var.HTTP_X)", environ) == line


def test_dates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    text = "%(ltime)|%(ftime)|%(ctime)"
    date = "27/Nov/2026:16:47:09 +0000"
    began = {"began": 1795798029.2}
    assert formatted(text, **began) == f"{date}|{date}|Fri Nov 27 16:47:09 2026"
    log = FormatLog(text, Process(1, 1, ftime="%Y|%H"))
    assert log.line(answered(**began)).startswith(f"{date}|2026|16|Fri".encode())


@pytest.mark.parametrize(
    ("text", "line"),
    [("%(uri)", 'a"\\c\\x0a\\xe9'), ('"%(uri)"', '"a\\x22\\x5cc\\x0a\\xe9"')],
)
def test_escapes(text: str, line: str) -> None:
    assert formatted(text, uri='a"\\c\n\xe9') == line


@given(st.text(max_size=20))
def test_no_client_ends_a_quoted_field(text: str) -> None:
    for name in ("uri", "var.HTTP_X", "mine"):
        line = formatted(f'"%({name})" end', {"HTTP_X": text}, uri=text, names={"mine": text})
        assert re.fullmatch(r'"[ -!#-~]*" end', line)


@given(st.text(max_size=30))
def test_any_format_gives_one_line(text: str) -> None:
    log = FormatLog(text, Process(1, 1))
    log.line(answered(values=kept({}, log.needs)))


@pytest.mark.parametrize(
    ("selection", "changes", "picked"),
    [
        ({}, {}, False),
        ({"client_errors": True}, {"status": 404}, True),
        ({"client_errors": True}, {"status": 500}, False),
        ({"server_errors": True}, {"status": 500}, True),
        ({"slow": 12}, {}, True),
        ({"slow": 13}, {}, False),
        ({"big": 5}, {}, True),
        ({"big": 6}, {}, False),
        ({"zero": True}, {"sent": 0}, True),
        ({"zero": True}, {}, False),
        ({"sendfile": True}, {"how": " via sendfile()"}, True),
        ({"sendfile": True}, {}, False),
        ({"failed": True}, {"failed": True}, True),
        ({"zero": True, "slow": 1}, {}, True),
    ],
)
def test_selection(selection: dict[str, Any], changes: dict[str, Any], picked: bool) -> None:
    chosen = Selection(all=False, **selection)
    assert chosen.picks(answered(**changes)) is picked
    assert chosen.any() is bool(selection)
