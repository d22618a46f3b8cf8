"""Lines to a log that must hold up nobody."""

import os
import threading
from pathlib import Path

import pytest

from quaich.sys.lines import ErrorStream, is_file, write


def test_many_lines_go_into_a_pipe_in_pieces_of_whole_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is longer than PIPE_BUF could have another process's lines in its middle."""
    reader, writer = os.pipe()
    pieces: list[bytes] = []
    real = os.write

    def note(fd: int, data: bytes) -> int:
        pieces.append(data)
        return real(fd, data)

    try:
        monkeypatch.setattr(os, "write", note)
        text = b"".join(b"%d" % number * 30 + b"\n" for number in range(300))
        assert write(writer, text) == len(text)
        assert b"".join(pieces) == text == os.read(reader, 1 << 16)
        assert all(len(each) <= 4096 and each.endswith(b"\n") for each in pieces)
    finally:
        os.close(reader)
        os.close(writer)


def test_a_long_text_to_a_reader_that_hangs() -> None:
    reader, writer = os.pipe()
    try:
        assert write(writer, b"short\n") == 6
        assert write(writer, b"x" * (1 << 20)) < 1 << 20, "dropped, and not waited for"
        assert write(writer, b"y" * 10) == 0
    finally:
        os.close(reader)
        os.close(writer)


def test_a_long_text_to_one_that_reads() -> None:
    reader, writer = os.pipe()
    with open(reader, "rb") as file:
        assert write(writer, b"x" * 20_000) == 20_000
        os.close(writer)
        assert file.read() == b"x" * 20_000


def test_what_cannot_be_written() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    assert write(writer, b"nobody listens\n") == 0
    os.close(writer)
    assert not is_file(10**6)


class TestErrorStream:
    def test_whole_lines(self, tmp_path: Path) -> None:
        with open(tmp_path / "log", "wb") as file:
            stream = ErrorStream(file.fileno())
            assert stream.writable()
            assert stream.fileno() == file.fileno()
            assert stream.write("one ") == 4
            assert (tmp_path / "log").read_bytes() == b""
            thread = threading.Thread(target=stream.write, args=("another's\n",))
            thread.start()
            thread.join()
            stream.write("line\nand the ")
            stream.writelines(["next ", "\udcff\n"])
            print("end", file=stream, end="")
            stream.flush()
            stream.flush()
        text = (tmp_path / "log").read_bytes()
        assert text == b"another's\none line\nand the next \\udcff\nend"

    def test_it_stays_open(self, tmp_path: Path) -> None:
        with open(tmp_path / "log", "wb") as file:
            stream = ErrorStream(file.fileno())
            stream.write("before")
            stream.close()
            stream.write(" after\n")
            assert not stream.closed
        assert (tmp_path / "log").read_bytes() == b"before after\n"

    def test_it_takes_text(self) -> None:
        with pytest.raises(TypeError, match="expects a str, got bytes"):
            ErrorStream().write(b"x")  # type: ignore[arg-type]

    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
    def test_a_full_disk(self) -> None:
        with open("/dev/full", "wb", buffering=0) as full:
            ErrorStream(full.fileno()).write("lost\n")

    def test_a_file_that_cannot_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "log").touch()
        with open(tmp_path / "log", "rb") as file:
            ErrorStream(file.fileno()).write("a descriptor to read from\n")
