"""A lock on a file keeps a second instance away, whichever server that is."""

import fcntl
import os
import threading
from pathlib import Path

import pytest

from quaich.errors import QuaichError
from quaich.master.instance import Locks, lock
from tests.support.processes import wait_until


def held_elsewhere(path: Path, release: threading.Event) -> int:
    """Lock the file in another process until ``release`` is set there by a byte."""
    reader, writer = os.pipe()
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writer)
        with open(path, "w") as file:
            fcntl.lockf(file, fcntl.LOCK_EX)
            os.write(told, b"1")
            os.read(reader, 1)
        os._exit(0)
    os.close(reader)
    os.read(ready, 1)
    for fd in (ready, told):
        os.close(fd)

    def end() -> None:
        release.wait(20)
        os.close(writer)
        os.waitpid(child, 0)

    threading.Thread(target=end).start()
    return child


def test_the_file_is_made_and_locked(tmp_path: Path) -> None:
    fd = lock(str(tmp_path / "lock"), False, "flock", "", print)
    assert not os.get_inheritable(fd)
    os.close(fd)


def test_who_comes_second_is_told_where(tmp_path: Path) -> None:
    release = threading.Event()
    held_elsewhere(tmp_path / "lock", release)
    try:
        with pytest.raises(QuaichError, match=r"^a\.ini:3: flock = .*: another instance holds"):
            lock(str(tmp_path / "lock"), False, "flock", "a.ini:3", print)
    finally:
        release.set()


def test_who_waits_says_so_and_gets_it(tmp_path: Path) -> None:
    release = threading.Event()
    held_elsewhere(tmp_path / "lock", release)
    said: list[str] = []
    got: list[int] = []

    def wait() -> None:
        got.append(lock(str(tmp_path / "lock"), True, "flock-wait", "", said.append))

    waiter = threading.Thread(target=wait)
    waiter.start()
    try:
        wait_until(lambda: said, 10, "the word that it waits")
        assert got == []
    finally:
        release.set()
    waiter.join(20)
    os.close(got[0])


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(QuaichError, match="no such file or directory"):
        lock(str(tmp_path / "no" / "lock"), False, "flock", "", print)


def test_locks_are_carried_over_by_their_descriptors(tmp_path: Path) -> None:
    locks, again = Locks(), Locks()
    locks.take(str(tmp_path / "lock"), False, "flock", "", print)
    state, descriptors = locks.carry()
    again.resume(state)
    assert again.carry() == (state, descriptors)
    assert len(descriptors) == 1
    os.close(descriptors[0])
