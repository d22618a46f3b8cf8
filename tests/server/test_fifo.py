"""The master's FIFO of a running server, letter by letter."""

import os
import time
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.support.processes import wait_until
from tests.support.server import Server


@pytest.fixture
def server(start: StartServer, tmp_path: Path, apps: Path) -> Server:
    started = start(
        *("--http-socket", "127.0.0.1:0", "--wsgi-file", str(apps / "hello.py"), "-p", "2"),
        *("--master-fifo", "zero", "--master-fifo", "one", "--vacuum"),
    )
    started.wait_line("^generation=1 serves")
    return started


def write(path: Path, letters: str) -> None:
    """As a shell would, but with an end."""
    deadline = time.monotonic() + 10
    while True:
        try:
            fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
            break
        except OSError:
            assert time.monotonic() < deadline, f"nobody reads {path}"
            time.sleep(0.01)
    os.write(fd, letters.encode())
    os.close(fd)


def test_letters(server: Server, tmp_path: Path) -> None:
    fifo = tmp_path / "zero"
    for letters, line in (
        ("r\n", "^generation=2 serves"),
        ("c", "^generation=3 serves"),
        ("R", "^generation=4 serves"),
        ("s", "^statistics pid="),
        ("+", "^workers=3 before=2 cause=asked"),
        ("-", "^workers=2 before=3 cause=asked"),
        ("X", "^warning: fifo=zero unknown letter X ignored: expected one of "),
        ("E", "^warning: fifo=zero letter=E not supported: there is no emperor"),
        ("7", "^warning: fifo=zero letter=7 ignored: expected 0 to 1$"),
        ("1", "^fifo=one is listened to, slot=1$"),
    ):
        write(fifo, letters)
        server.wait_line(line)
    write(tmp_path / "one", "q")
    assert server.wait_exit() == 0
    assert not (tmp_path / "one").exists()


def test_a_burst(server: Server, tmp_path: Path) -> None:
    write(tmp_path / "zero", "rrrrrrrrrrXYZssrrrr")
    server.wait_line("^generation=3 serves")
    server.wait_line("^statistics", count=2)
    server.wait_line("^warning: fifo=zero unknown letter X Y Z ignored")
    assert "generation=4" not in server.log


def test_one_that_vanishes_comes_back(server: Server, tmp_path: Path) -> None:
    (tmp_path / "zero").unlink()
    wait_until((tmp_path / "zero").exists, 10, "the FIFO is made again")
    write(tmp_path / "zero", "Q")
    assert server.wait_exit() == 0


def test_a_second_server_takes_over(
    server: Server, start: StartServer, tmp_path: Path, apps: Path
) -> None:
    """The way to replace one server by another: the new one listens at slot 0, the old at 1."""
    write(tmp_path / "zero", "1")
    server.wait_line("^fifo=one is listened to")
    second = start(
        *("--http-socket", "127.0.0.1:0", "--wsgi-file", str(apps / "hello.py"), "-M"),
        *("--master-fifo", "zero", "--master-fifo", "one", "--vacuum"),
    )
    second.wait_line("^generation=1 serves")
    write(tmp_path / "one", "q")
    write(tmp_path / "zero", "1")
    assert server.wait_exit() == 0
    second.wait_line("^fifo=one is listened to")
    write(tmp_path / "one", "s")
    second.wait_line("^statistics")
