import select
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from quaich.worker.inherited import Seen, descriptors, look, remarks


def test_nothing_is_remarked_on_where_there_is_nothing() -> None:
    assert remarks(Seen()) == []


def test_each_is_named_with_what_to_do() -> None:
    found = remarks(Seen(("poller",), ("blas", "blas"), ("the connection to 10.0.0.1:5432",), ()))
    assert [level for level, _ in found] == ["warning", "info", "warning"]
    thread, native, connection = (text for _, text in found)
    assert "the thread poller" in thread
    assert "post-fork" in thread
    assert "lazy-apps" in thread
    assert "2 threads of libraries" in native
    assert native.endswith(": blas")
    assert "the connection to 10.0.0.1:5432" in connection
    assert "post-fork" in connection


@pytest.fixture
def release() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_a_thread_is_seen_by_its_name(release: threading.Event) -> None:
    thread = threading.Thread(target=release.wait, args=(20,), name="refresher", daemon=True)
    thread.start()
    assert "refresher" in look(descriptors()).threads


def test_connections_are_told_from_what_was_there(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        before = descriptors()
        assert look(before).sockets == ()
        port = server.getsockname()[1]
        path = str(tmp_path / "s")
        with (
            socket.create_connection(("127.0.0.1", port)),
            socket.socket(socket.AF_UNIX) as listening,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        ):
            listening.bind(path)
            listening.listen()
            one, two = socket.socketpair()
            with one, two, socket.socket(socket.AF_UNIX) as client:
                client.connect(path)
                told = " ".join(look(before).sockets)
    assert f"the connection to 127.0.0.1:{port}" in told
    assert f"the listening socket {path}" in told
    assert f"the connection to {path}" in told
    assert told.count("a pair of sockets") == 2
    assert told.count("a socket") == 1


def test_an_event_loop_is_seen() -> None:
    before = descriptors()
    with select.epoll():
        assert len(look(before).loops) == 1
    assert look(before).loops == ()
