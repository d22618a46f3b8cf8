import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaich.master import requests
from quaich.master.requests import Malformed, Request, parse
from quaich.master.vocabulary import Meaning


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"command": "status"}', Request("status", None)),
        ('{"command": "reload"}', Request("reload", Meaning.RELOAD)),
        ('{"command": "reload", "mode": "chain"}', Request("reload", Meaning.CHAIN_RELOAD)),
        (
            '{"command": "reload", "mode": "brutal-workers"}',
            Request("reload", Meaning.BRUTAL_WORKERS_RELOAD),
        ),
        ('{"command": "stop"}', Request("stop", Meaning.DRAIN)),
        ('{"command": "stop", "mode": "now"}', Request("stop", Meaning.STOP)),
        ('{"command": "pause"}', Request("pause", Meaning.SUSPEND)),
        ('{"command": "resume"}', Request("resume", Meaning.RESUME)),
        ('{"command": "scale", "workers": 4}', Request("scale", Meaning.SCALE, 4)),
        ('{"command": "restore"}', Request("restore", Meaning.RESTORE)),
        ('{"command": "restore", "generation": 3}', Request("restore", Meaning.RESTORE, 3)),
        ('{"command": "upgrade"}', Request("upgrade", Meaning.UPGRADE)),
    ],
)
def test_requests(line: str, expected: Request) -> None:
    assert parse(line.encode()) == expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", 'expected a line such as {"command": "status"}'),
        ("GET / HTTP/1.1", "expected a line such as"),
        ("\xff", "expected a line such as"),
        ("[" * 4000, "expected a line such as"),
        ("[]", "expected an object with a command"),
        ('{"command": 1}', "expected an object with a command"),
        ('{"command": "relaod"}', 'unknown command "relaod": expected reload, stop'),
        ('{"command": "relaod"}', "did you mean reload?"),
        ('{"command": "reload", "mode": "soft"}', "expected the mode brutal or chain or"),
        ('{"command": "reload", "mode": []}', "or none, got []"),
        ('{"command": "scale"}', "scale: expected workers from 1 on, got null"),
        ('{"command": "scale", "workers": true}', "got true"),
        ('{"command": "scale", "workers": 0}', "got 0"),
        ('{"command": "scale", "workers": 1e99}', "got 1e+99"),
        ('{"command": "restore", "generation": "2"}', 'got "2"'),
        ('{"command": "stop", "now": true}', 'stop: unknown key "now"'),
    ],
)
def test_what_is_no_request(line: str, message: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse(line.encode("latin-1"))
    assert message in str(caught.value)
    assert len(str(caught.value)) < 300


@given(st.binary(max_size=200))
def test_any_line_is_read_or_refused(line: bytes) -> None:
    try:
        parse(line)
    except Malformed:
        pass


def test_answers_are_lines() -> None:
    assert requests.ask("reload", mode=None) == b'{"command":"reload"}\n'
    lines = [
        requests.accepted(7),
        requests.progress("a\nb"),
        requests.outcome(False, "no"),
        requests.outcome(True, "", {"pid": 7}),
    ]
    assert all(line.count(b"\n") == 1 for line in lines)
    assert [json.loads(line) for line in lines] == [
        {"accepted": True, "pid": 7},
        {"progress": "a\nb"},
        {"ok": False, "text": "no"},
        {"ok": True, "text": "", "status": {"pid": 7}},
    ]
