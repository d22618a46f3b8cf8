"""Loggers, encoders and routes as they are written."""

import pytest

from quaich.config.kinds import Refused
from quaich.config.loggers import (
    LOGGERS,
    Encoder,
    Route,
    Sink,
    arguments,
    encoder,
    remarks,
    route,
    sink,
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("file:/var/log/a b.log", Sink("file", "/var/log/a b.log")),
        ("mine file:/x", Sink("file", "/x", "mine")),
        ("stdio", Sink("stdio")),
        ("syslog", Sink("syslog")),
        ("syslog:shop,local3", Sink("syslog", "shop,local3")),
        ("syslog5424:10.0.0.1,shop,local3", Sink("syslog5424", "10.0.0.1,shop,local3")),
        ("rsyslog:127.0.0.1:514,shop,29", Sink("rsyslog", "127.0.0.1:514,shop,29")),
        ("rsyslog:127.0.0.1:514,shop", Sink("rsyslog", "127.0.0.1:514,shop")),
        ("socket:/run/x.sock", Sink("socket", "/run/x.sock")),
        ("pipe:cat >> /tmp/x; true", Sink("pipe", "cat >> /tmp/x; true")),
        ("fd:3", Sink("fd", "3")),
        ("j systemd", Sink("systemd", "", "j")),
    ],
)
def test_sinks(text: str, found: Sink) -> None:
    assert sink(text) == found
    assert LOGGERS.read(text).value == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/var/log/x.log", "[NAME] TYPE[:ARGUMENT]"),
        ("sylog:x", "did you mean syslog"),
        ("file", "file: and a path"),
        ("file:", "file: and a path"),
        ("fd:x", "the number of a descriptor"),
        ("syslog:x,locl3", "did you mean local3"),
        ("syslog:@10.0.0.1,x,nope", "a facility of syslog"),
        ("syslog5424:10.0.0.1:514,x,nope", "a facility of syslog"),
        ("rsyslog:10.0.0.1:514,x,local3", "a priority of rsyslog"),
        ("zmq:tcp://x", "ZeroMQ is not spoken"),
        ("mongodblog:x", "use a pipe"),
    ],
)
def test_sinks_that_are_refused(text: str, said: str) -> None:
    with pytest.raises(Refused) as caught:
        sink(text)
    assert said in str(caught.value)


def test_nothing_is_no_logger() -> None:
    with pytest.raises(Refused):
        LOGGERS.read(None)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("nl", Encoder("nl")),
        ("prefix a b", Encoder("prefix", "a b")),
        ("prefix:mine  x", Encoder("prefix", " x", "mine")),
        ('json:j {"m": "${msg}"}', Encoder("json", '{"m": "${msg}"}', "j")),
    ],
)
def test_encoders(text: str, found: Encoder) -> None:
    assert encoder(text) == found


@pytest.mark.parametrize(
    ("text", "said"), [("prefx a", "did you mean prefix"), ("compress", "use gzip")]
)
def test_encoders_that_are_refused(text: str, said: str) -> None:
    with pytest.raises(Refused) as caught:
        encoder(text)
    assert said in str(caught.value)


def test_routes() -> None:
    assert route("mine GET /a b") == Route("mine", "GET /a b")
    for text in ("mine", "mine ", "mine ("):
        with pytest.raises(Refused):
            route(text)


def test_routes_and_encoders_without_their_logger() -> None:
    values = {
        "logger": ("mine file:/x", "stdio"),
        "log_route": ("mine a", "mien b"),
        "log_encoder": ("nl", "nl:mine", "prefix:odd x"),
        "log_req_route": ("mine a",),
    }
    found = [each.text for each in remarks(values, {})]
    assert found == [
        "log-route: no logger has the name mien; did you mean mine?",
        "log-encoder: no logger has the name odd",
        "log-req-route: no req-logger has the name mine",
    ]


def test_arguments() -> None:
    assert arguments('127.0.0.1:6379,"publish foo",pre,fix', 3) == [
        "127.0.0.1:6379",
        "publish foo",
        "pre,fix",
    ]
