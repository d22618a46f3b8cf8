"""What a worker may hand to the master: sealed memory, and nothing that could hold it up."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from quaich.master import channels
from quaich.stats.appmetrics import LONGEST


@pytest.fixture
def memory() -> Iterator[int]:
    fd = os.memfd_create("x", os.MFD_ALLOW_SEALING)
    os.write(fd, b"metrics")
    yield fd
    os.close(fd)


def test_sealed_memory_is_read(memory: int) -> None:
    assert channels._contents(memory) == b""
    fcntl.fcntl(memory, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
    assert channels._contents(memory) == b""
    fcntl.fcntl(memory, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)
    assert channels._contents(memory) == b"metrics"


def test_too_much_of_it_is_not(memory: int) -> None:
    os.ftruncate(memory, LONGEST + 1)
    fcntl.fcntl(memory, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_WRITE)
    assert channels._contents(memory) == b""


def test_files_and_pipes_are_not(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("metrics")
    with (tmp_path / "file").open() as file:
        assert channels._contents(file.fileno()) == b""
    reader, writer = os.pipe()
    try:
        assert channels._contents(reader) == b""
    finally:
        os.close(reader)
        os.close(writer)
