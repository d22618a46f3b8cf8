"""Programs to look after, as they are written."""

import pytest

from quaich.config import daemons
from quaich.config.daemons import Daemon
from quaich.config.kinds import Refused


def test_commands() -> None:
    assert daemons.plain("a b") == Daemon("a b")
    assert daemons.control("a b") == Daemon("a b", control=True)
    assert daemons.smart("/p a b") == Daemon("a b", pidfile="/p", daemonizes=True)
    assert daemons.smart2("/p a b") == Daemon("a b", pidfile="/p")


def test_pairs() -> None:
    text = (
        r"cmd=a\,b --x=y,pidfile=/p,freq=3,control=1,daemonize=true,touch=/t;/u,stop_signal=2,"
        "reloadsignal=1,stdin=1,uid=www,gid=www,chdir=/c,max_throttle=9,ns_pid=0"
    )
    assert daemons.pairs(text) == Daemon(
        command="a,b --x=y",
        pidfile="/p",
        daemonizes=True,
        control=True,
        freq=3,
        touch=("/t", "/u"),
        stopsignal=2,
        reloadsignal=1,
        stdin=True,
        uid="www",
        gid="www",
        chdir="/c",
        max_throttle=9,
    )
    assert daemons.pairs("cmd=a") == Daemon("a")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "cmd="),
        ("freq=3", "cmd=COMMAND"),
        ("cmd=a b, c", "comma"),
        ("cmd=a,pidfle=/p", "did you mean pidfile"),
        ("cmd=a,ns_pid=1", "no ns_pid"),
        ("cmd=a,notifypid=1", "no notifypid"),
        ("cmd=a,stopsignal=TERM", "a number up to 64"),
        ("cmd=a,stopsignal=65", "a number up to 64"),
        ("cmd=a,daemonize=1", "pidfile= beside"),
    ],
)
def test_mistakes(text: str, expected: str) -> None:
    with pytest.raises(Refused, match=expected):
        daemons.pairs(text)


@pytest.mark.parametrize("text", ["", "/p", "/p  "])
def test_a_pid_file_needs_a_command(text: str) -> None:
    with pytest.raises(Refused, match="a pid file"):
        daemons.smart(text)
