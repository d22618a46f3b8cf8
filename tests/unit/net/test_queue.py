"""How many connections wait, asked of the kernel about real sockets."""

import os
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from quaich.net.queue import listen_queue
from tests.support.processes import wait_until


def bound(kind: str, directory: Path) -> socket.socket:
    if kind == "tcp":
        listener = socket.create_server(("127.0.0.1", 0), backlog=20)
    elif kind == "tcp6":
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6, backlog=20)
    else:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(directory / "s") if kind == "unix" else f"\0quaich-{os.getpid()}\0")
        listener.listen(20)
    return listener


@pytest.mark.parametrize("kind", ["tcp", "tcp6", "unix", "abstract"])
def test_what_waits_is_counted_until_it_is_accepted(kind: str, tmp_path: Path) -> None:
    with ExitStack() as opened:
        try:
            listener = opened.enter_context(bound(kind, tmp_path))
        except OSError as error:
            pytest.skip(f"{kind}: {error}")
        assert listen_queue(listener.fileno()) == (0, 20)
        for _ in range(3):
            client = opened.enter_context(socket.socket(listener.family, socket.SOCK_STREAM))
            client.connect(listener.getsockname())
        wait_until(lambda: listen_queue(listener.fileno()) == (3, 20), 5, "three wait")
        opened.enter_context(listener.accept()[0])
        assert listen_queue(listener.fileno()) == (2, 20)


def test_a_look_is_cheap(tmp_path: Path) -> None:
    with bound("unix", tmp_path) as listener:
        began = time.process_time()
        for _ in range(100):
            listen_queue(listener.fileno())
        assert time.process_time() - began < 0.5


def test_what_is_no_socket_has_no_queue() -> None:
    reader, writer = os.pipe()
    try:
        assert listen_queue(reader) is None
    finally:
        os.close(reader)
        os.close(writer)
    assert listen_queue(-1) is None


def test_descriptors_are_given_back(tmp_path: Path) -> None:
    with bound("unix", tmp_path) as listener:
        before = len(os.listdir("/proc/self/fd"))
        listen_queue(listener.fileno())
        assert len(os.listdir("/proc/self/fd")) == before
