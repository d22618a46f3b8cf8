import select
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from quaich.worker import inherited
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


def test_an_event_loop_is_remarked_on() -> None:
    [(level, text)] = remarks(Seen(loops=("an event loop (fd 7)",)))
    assert (level, "an event loop (fd 7)" in text) == ("warning", True)


def test_nothing_is_known_without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    def listdir(path: str) -> list[str]:
        raise FileNotFoundError(2, "No such file or directory", path)

    monkeypatch.setattr(inherited.os, "listdir", listdir)
    assert descriptors() == frozenset()
    assert look(()) == Seen(look(()).threads)


def test_a_thread_that_ends_while_it_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inherited, "_tasks", lambda: [2**22 + 1])
    assert look(descriptors()).native == ("one that has just ended",)


def test_a_library_s_thread_has_its_name(
    release: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = threading.Thread(target=release.wait, args=(20,), daemon=True)
    thread.start()
    # As one that Python does not know of.
    monkeypatch.setattr(inherited.threading, "enumerate", lambda: [threading.current_thread()])
    with open(f"/proc/self/task/{thread.native_id}/comm", encoding="utf-8") as file:
        assert file.read().strip() in look(descriptors()).native


def test_a_file_is_no_mistake(tmp_path: Path) -> None:
    before = descriptors()
    with (tmp_path / "f").open("w"):
        assert look(before) == look(descriptors())


def test_an_abstract_address() -> None:
    before = descriptors()
    name = f"\0quaich-test-{id(before)}"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(name)
        listening.listen()
        [told] = look(before).sockets
    assert told.startswith(f"the listening socket @{name[1:]} (fd ")


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
