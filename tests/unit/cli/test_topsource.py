"""Where samples come from, as far as it is decided without a connection."""

import socket
from pathlib import Path

import pytest

from quaich.cli import topsource
from quaich.cli.top import Wish, read
from quaich.errors import UsageError


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        (None, topsource.Control),
        ("/run/site.pid", topsource.Control),
        ("site.ini", topsource.Control),
        ("127.0.0.1:1717", topsource.Stats),
        ("http://127.0.0.1:1717/", topsource.Stats),
        ("@name", topsource.Stats),
        ("ssh://host/", topsource.Ssh),
    ],
)
def test_the_target_decides(target: str | None, kind: type) -> None:
    assert isinstance(topsource.choose(target, None, 1.0), kind)


def test_a_socket_is_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind("s")
        assert isinstance(topsource.choose("s", None, 1.0), topsource.Stats)


@pytest.mark.parametrize(
    ("target", "words", "server"),
    [
        ("ssh://host", ["ssh", "-T", "--", "host"], []),
        ("ssh://me@host:2222/", ["ssh", "-T", "-p", "2222", "--", "me@host"], []),
        ("ssh://host/run/site.pid", ["ssh", "-T", "--", "host"], ["/run/site.pid"]),
        ("ssh://host/127.0.0.1:17", ["ssh", "-T", "--", "host"], ["127.0.0.1:17"]),
    ],
)
def test_ssh(target: str, words: list[str], server: list[str]) -> None:
    assert topsource.read_ssh(target) == (words, server)


def test_what_runs_there_is_quoted() -> None:
    source = topsource.Ssh("ssh://host/srv/my site.pid;reboot", 1.0)
    assert source.remote("reload", *source.command)[-1] == "quaich reload '/srv/my site.pid;reboot'"


@pytest.mark.parametrize("target", ["ssh://", "ssh:///x", "ssh://-oProxyCommand=x/", "ssh://h:x/"])
def test_no_host_is_no_host(target: str) -> None:
    with pytest.raises(UsageError, match="expected ssh://"):
        topsource.read_ssh(target)


def test_the_command_line() -> None:
    assert read(["top"]) == Wish()
    found = read(["top", "--interval=0.5", "--control", "c", "--once", "--json", "x"])
    assert found == Wish("x", "c", 0.5, True, True)


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (["--onse"], "did you mean --once"),
        (["--interval", "0"], "expected seconds from 0.1 to 3600"),
        (["--interval", "nan"], "expected seconds from 0.1 to 3600"),
        (["--control"], "needs a value"),
        (["a", "b"], "one server at a time"),
    ],
)
def test_mistakes(argv: list[str], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        read(["top", *argv])
