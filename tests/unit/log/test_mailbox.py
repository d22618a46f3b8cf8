"""Leaving lines for the courier."""

import os
import socket
from collections.abc import Iterator

import pytest

from quaich.config.effective import Config
from quaich.log import mailbox
from quaich.log.courier import letter as letters
from quaich.log.courier.letter import ERROR, INFO, OUTPUT, REQUEST, SERVER
from quaich.log.mailbox import Mailbox
from quaich.log.server import Log, log_of
from quaich.log.style import PLAIN

Ends = tuple[socket.socket, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        ours.settimeout(10)
        theirs.setblocking(False)
        yield ours, theirs


def taken(sock: socket.socket) -> letters.Letter:
    found = letters.unpack(sock.recv(100000))
    assert found is not None
    return found


def test_lines(ends: Ends) -> None:
    box = Mailbox(ends[1].fileno(), 3)
    log = Log(2, PLAIN, box)
    log.error("bad")
    log.block("a\nb")
    box.put(REQUEST, INFO, b"x" * 200000 + b"\n")
    first, second, third = (taken(ends[0]) for _ in range(3))
    assert first == letters.Letter(SERVER, b"error: bad\n", ERROR, 3, os.getpid())
    assert second.line == b"a\nb\n"
    assert (third.kind, len(third.line)) == (REQUEST, letters.MOST)


def test_a_pipe_is_lent(ends: Ends) -> None:
    box = Mailbox(ends[1].fileno(), 3)
    reader, writer = os.pipe()
    box.lend(reader)
    message, fds, _, _ = socket.recv_fds(ends[0], 100, 1)
    found = letters.unpack(message)
    assert found is not None
    assert (found.kind, found.worker) == (OUTPUT, 3)
    os.write(writer, b"x")
    assert os.read(fds[0], 1) == b"x"
    for fd in (reader, writer, *fds):
        os.close(fd)


def test_nobody_waits_for_a_courier_that_hangs(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(mailbox.time, "monotonic", lambda: now[0])
    box = Mailbox(ends[1].fileno())
    count = 0
    while box.put(REQUEST, INFO, b"x" * 1000 + b"\n"):
        count += 1
    box.put(REQUEST, INFO, b"x" * 1000 + b"\n")
    assert box.dropped == 2
    for _ in range(count):
        taken(ends[0])
    now[0] += 2
    box.put(REQUEST, INFO, b"next\n")
    told = taken(ends[0])
    assert told.line.startswith(b"warning: log sink=courier dropped=2 pid=")
    assert taken(ends[0]).line == b"next\n"
    box.put(REQUEST, INFO, b"more\n")
    assert taken(ends[0]).line == b"more\n", "once is enough"


def test_which_lines_are_left(ends: Ends) -> None:
    fd = ends[1].fileno()
    only_requests = log_of(Config(req_logger=("stdio",)), fd)
    everything = log_of(Config(logger=("stdio",), log_date="%%"), fd)
    everything.belong(2)
    nothing = log_of(Config(logger=("file:/x",)), fd)
    assert nothing.requests is nothing
    only_requests.requests.write(b"r\n")
    assert taken(ends[0]) == letters.Letter(REQUEST, b"r\n", INFO, 0, os.getpid())
    everything.info("a")
    assert taken(ends[0]) == letters.Letter(SERVER, b"% - a\n", INFO, 2, os.getpid())
    everything.requests.write(b"r\n")
    assert taken(ends[0]).worker == 2
