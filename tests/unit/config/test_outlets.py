"""Where statistics and alarms go, as it is written."""

import pytest

from quaich.config.outlets import Alarm, Push, Threshold, alarm, push, threshold


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("statsd:127.0.0.1:8125", Push("statsd", "127.0.0.1:8125", "uwsgi")),
        ("statsd:[::1]:8125,site", Push("statsd", "[::1]:8125", "site")),
        ("socket:/run/s,x", Push("socket", "/run/s", "x")),
        ("socket:h:1", Push("socket", "h:1")),
        ("file:/var/log/s", Push("file", "/var/log/s")),
        ("file:path=/s,freq=10", Push("file", "/s", every=10)),
    ],
)
def test_destinations(text: str, meant: Push) -> None:
    assert push(text) == meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "statsd",
        "statsd:",
        "statsd:host",
        "statsd:h:0",
        "statsd:h:99999999",
        "mongodb:x",
        "file:",
        "file:freq=1",
        "file:path=x,freq=y",
        "file:path=x,separator=;",
    ],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"ADDRESS|file:path"):
        push(text)


def test_alarms() -> None:
    assert alarm("full cmd:mail -s full root") == Alarm("full", "cmd", "mail -s full root")
    assert alarm("  l  log:") == Alarm("l", "log", "")
    assert alarm("u udp:127.0.0.1:5000") == Alarm("u", "udp", "127.0.0.1:5000")


@pytest.mark.parametrize("text", ["", "x", "x cmd:", "x udp:nowhere", "x mule:1", "cmd:true"])
def test_what_is_no_alarm(text: str) -> None:
    with pytest.raises(ValueError, match="NAME cmd:COMMAND"):
        alarm(text)


def test_thresholds() -> None:
    found = threshold("key=worker.0.requests,value=2,alarm=one")
    assert found == Threshold("worker.0.requests", 2, "one", 0, "worker.0.requests")
    found = threshold("key=k,value=2,alarm=a,rate=6,msg=hi there")
    assert found == Threshold("k", 2, "a", 6, "hi there")


@pytest.mark.parametrize(
    "text", ["", "key=k", "key=k,value=x,alarm=a", "key=k,value=1", "key=k,value=1,alarm=a,reset=0"]
)
def test_what_is_no_threshold(text: str) -> None:
    with pytest.raises(ValueError, match="key=METRIC"):
        threshold(text)
