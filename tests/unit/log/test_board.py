"""A descriptor that any number of processes take, each when it likes."""

import os
from pathlib import Path

from quaich.log.board import Board, take


def said_after_taking(fd: int, text: str) -> None:
    pid = os.fork()
    if pid == 0:
        take(fd)
        os.write(2, text.encode())
        os._exit(0)
    os.waitpid(pid, 0)


def test_all_take_what_was_posted_last(tmp_path: Path) -> None:
    board = Board()
    before = len(os.listdir("/proc/self/fd"))
    try:
        for name in ("a", "b"):
            with (tmp_path / name).open("ab") as file:
                board.post(file.fileno())
            for number in range(3):
                said_after_taking(board.fd, f"{number}\n")
        assert (tmp_path / "a").read_text() == (tmp_path / "b").read_text() == "0\n1\n2\n"
        assert len(os.listdir("/proc/self/fd")) == before
    finally:
        board.close()


def test_nothing_posted_changes_nothing() -> None:
    board = Board()
    before = os.fstat(2)
    take(board.fd)
    assert os.path.samestat(os.fstat(2), before)
    board.close()
    take(99999)
