import json

import pytest

from quaich.cli.main import main
from quaich.cli.operate import Wish, read
from quaich.errors import UsageError


def asked(wish: Wish) -> dict[str, object]:
    data: dict[str, object] = json.loads(wish.request)
    return data


@pytest.mark.parametrize(
    ("line", "request_", "target"),
    [
        ("reload", {"command": "reload"}, None),
        ("reload site.ini", {"command": "reload"}, "site.ini"),
        ("reload --chain a.pid", {"command": "reload", "mode": "chain"}, "a.pid"),
        ("reload --workers --brutal", {"command": "reload", "mode": "brutal-workers"}, None),
        ("stop --now", {"command": "stop", "mode": "now"}, None),
        ("scale 4 site.ini", {"command": "scale", "workers": 4}, "site.ini"),
        ("restore", {"command": "restore"}, None),
        ("restore 3", {"command": "restore", "generation": 3}, None),
        ("restore a.pid", {"command": "restore"}, "a.pid"),
        ("restore 3 a.pid", {"command": "restore", "generation": 3}, "a.pid"),
        ("status --json", {"command": "status"}, None),
        ("pause", {"command": "pause"}, None),
    ],
)
def test_what_is_asked_for(line: str, request_: dict[str, object], target: str | None) -> None:
    wish = read(line.split())
    assert asked(wish) == request_
    assert wish.target == target


def test_where_and_how_long() -> None:
    wish = read(["stop", "--control=/run/c.sock", "--timeout", "9"])
    assert (wish.control, wish.timeout) == ("/run/c.sock", 9.0)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("reload --cahin", "reload: unknown option --cahin; did you mean --chain?"),
        ("reload --chain --brutal", "reload: --chain goes with neither --brutal nor --workers"),
        ("stop --chain", "stop: unknown option --chain"),
        ("scale", "scale: expected the number of workers: quaich scale 4"),
        ("scale four", 'scale: expected the number of workers, got "four": quaich scale 4'),
        ("status a b", "status: one server at a time, got a and b"),
        ("stop --timeout soon", '--timeout: expected seconds, got "soon"'),
        ("stop --timeout 0", '--timeout: expected seconds, got "0"'),
        ("stop --control", "stop: --control needs a value"),
    ],
)
def test_mistakes(line: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(line.split())
    assert str(caught.value) == message


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["quaich", "reload", "--help"]) == 0
    assert "quaich restore [GENERATION] [SERVER]" in capsys.readouterr().out


@pytest.mark.parametrize(("word", "meant"), [("restart", "reload"), ("relaod", "reload")])
def test_what_others_call_it(capsys: pytest.CaptureFixture[str], word: str, meant: str) -> None:
    assert main(["quaich", word]) == 1
    assert f"did you mean quaich {meant}?" in capsys.readouterr().err
