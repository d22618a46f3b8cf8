"""What the kernel tells of a peer: that it sends no more, that it is gone, what it has sent."""

import os
import socket
import struct
from collections.abc import Iterator

import pytest

from quaich.sys.io import Poller, peek, peer_state, receive


@pytest.fixture(params=["tcp", "unix"])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[socket.socket, socket.socket]]:
    if request.param == "unix":
        ours, theirs = socket.socketpair()
    else:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            theirs = socket.create_connection(listener.getsockname())
            ours, _ = listener.accept()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def news(fd: int, one_shot: bool = False) -> list[int]:
    poller = Poller(one_shot)
    poller.add(fd, False)
    try:
        return poller.wait(5000)
    finally:
        poller.close()


@pytest.mark.parametrize("one_shot", [False, True])
def test_who_sends(pair: tuple[socket.socket, socket.socket], one_shot: bool) -> None:
    ours, theirs = pair
    theirs.sendall(b"more")
    assert news(ours.fileno(), one_shot) == [ours.fileno()]
    assert peer_state(ours.fileno()) == 0


@pytest.mark.parametrize("one_shot", [False, True])
def test_who_sends_no_more(pair: tuple[socket.socket, socket.socket], one_shot: bool) -> None:
    ours, theirs = pair
    theirs.sendall(b"last")
    theirs.shutdown(socket.SHUT_WR)
    assert news(ours.fileno(), one_shot) == [~ours.fileno()]
    assert peer_state(ours.fileno()) == 1
    assert receive(ours.fileno(), 10) == b"last"


def test_who_is_gone(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    if theirs.family == socket.AF_INET:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    theirs.close()
    assert news(ours.fileno()) == [~ours.fileno()]
    assert peer_state(ours.fileno()) == 2


def test_one_that_only_reads_does_not_wake_who_writes(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    theirs.shutdown(socket.SHUT_WR)
    while True:
        try:
            ours.send(b"x" * 65536)
        except BlockingIOError:
            break
    poller = Poller(False)
    poller.add(ours.fileno(), True)
    assert poller.wait(0) == []
    poller.close()


def test_what_is_peeked_at_stays(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    assert peek(ours.fileno(), 10) is None
    theirs.sendall(b"octets")
    assert news(ours.fileno()) == [ours.fileno()]
    assert peek(ours.fileno(), 3) == b"oct"
    assert receive(ours.fileno(), 10) == b"octets"
    theirs.shutdown(socket.SHUT_WR)
    assert news(ours.fileno()) == [~ours.fileno()]
    assert peek(ours.fileno(), 3) == b""
    with pytest.raises(OSError):
        peek(10**6, 1)


def test_no_connection() -> None:
    reader, writer = os.pipe()
    os.close(writer)
    assert peer_state(reader) == 2
    os.close(reader)
