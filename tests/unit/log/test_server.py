import errno
import os
from pathlib import Path

import pytest

from quaich.log.file import Target, redirect
from quaich.log.server import Log


def test_every_call_is_one_write_of_whole_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []

    def write(fd: int, data: bytes) -> int:
        written.append(data)
        return len(data)

    monkeypatch.setattr(os, "write", write)
    log = Log(2)
    log.info("worker=2 pid=41 ready generation=3")
    log.warning("odd")
    log.error("bad")
    log.block("Traceback\n  line\nKeyError: 1\n")
    assert written == [
        b"worker=2 pid=41 ready generation=3\n",
        b"warning: odd\n",
        b"error: bad\n",
        b"Traceback\n  line\nKeyError: 1\n",
    ]


def test_no_text_makes_a_second_line_or_drives_a_terminal(tmp_path: Path) -> None:
    with open(tmp_path / "log", "wb") as file:
        Log(file.fileno()).info("a\nerror: forged\r\x1b[2J\x9b\udcffé")
    assert (tmp_path / "log").read_bytes() == (
        "a\\nerror: forged\\x0d\\x1b[2J\\x9b\\udcffé\n".encode()
    )


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EPIPE, errno.ENOSPC, errno.EBADF])
def test_a_log_that_cannot_be_written_never_raises(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(fd: int, data: bytes) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "write", write)
    log = Log(2)
    log.info("lost")
    assert log.dropped == 1


def test_a_reader_that_hangs_is_not_waited_for() -> None:
    reader, writer = os.pipe()
    log = Log(writer)
    for _ in range(100):
        log.info("x" * 4000)
    os.close(reader)
    log.info("nobody listens")
    os.close(writer)
    log.info("closed")
    assert log.dropped > 50


def test_redirect_appends(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("before\n")
    child = os.fork()
    if child == 0:
        try:
            redirect(Target(str(path)).open())
            os.write(1, b"out\n")
            Log().info("err")
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert path.read_text() == "before\nout\nerr\n"


def test_redirect_makes_a_file_that_others_cannot_read(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        try:
            os.umask(0)
            redirect(Target(str(tmp_path / "log")).open())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o640
