"""Which lines of the log raise alarms."""

import socket
from collections.abc import Iterator

import pytest

from quaich.config.outlets import LogAlarm
from quaich.log.courier.bell import LONGEST, MOST, Bell


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    heard, rung = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with heard, rung:
        heard.setblocking(False)
        rung.setblocking(False)
        yield heard, rung


def packets(sock: socket.socket) -> list[bytes]:
    found = []
    while True:
        try:
            found.append(sock.recv(65536))
        except BlockingIOError:
            return found


def test_lines_that_match_ring(ends: tuple[socket.socket, socket.socket]) -> None:
    heard, rung = ends
    alarms = [LogAlarm("one", "^ab+"), LogAlarm("two", "b c$"), LogAlarm("one", "zz")]
    bell = Bell(alarms, ["quiet"], rung)
    for line in (b"abb c\n", b"xab\n", b"ab quiet\n", b"zz\n", b"error: ALARM one: ab\xff\n"):
        bell.hear(line, 1.0)
    assert packets(heard) == [b"one\0abb c", b"two\0abb c", b"one\0zz"]


def test_what_the_master_says_of_an_alarm_raises_none(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    heard, rung = ends
    Bell([LogAlarm("one", "boom")], [], rung).hear(b"warning: ALARM one: boom\n", 1.0)
    assert packets(heard) == []


def test_no_more_than_ten_a_second(ends: tuple[socket.socket, socket.socket]) -> None:
    heard, rung = ends
    bell = Bell([LogAlarm("one", ".")], [], rung)
    counts = []
    for now in (1.0, 1.9, 2.0):
        for _ in range(1000):
            bell.hear(b"x" * 1000, now)
        counts.append(len(packets(heard)))
    assert counts == [MOST, 0, MOST]
    bell.hear(b"x" * 100_000, 3.0)
    assert len(packets(heard)[0]) == LONGEST + 4


def test_nobody_listens(ends: tuple[socket.socket, socket.socket]) -> None:
    heard, rung = ends
    heard.close()
    Bell([LogAlarm("one", ".")], [], rung).hear(b"x\n", 1.0)
