"""The file wrapper: what may be sent by the kernel, and what must be read."""

import bz2
import gzip
import io
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from quaich.wsgi.files import FileWrapper


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    return path


class TestIteration:
    def test_blocks(self, path: Path) -> None:
        with path.open("rb") as file:
            assert list(FileWrapper(file, 4)) == [b"0123", b"4567", b"89"]

    @pytest.mark.parametrize("size", [0, -1])
    def test_a_block_size_of_nothing(self, size: int) -> None:
        assert list(FileWrapper(io.BytesIO(b"abc"), size)) == [b"abc"]

    def test_what_cannot_be_read_is_refused_at_once(self) -> None:
        with pytest.raises(AttributeError, match="no attribute 'read'"):
            FileWrapper(object())


class TestClose:
    def test_it_is_the_files(self, path: Path) -> None:
        file = path.open("rb")
        FileWrapper(file).close()
        assert file.closed

    def test_there_is_none_where_the_file_has_none(self) -> None:
        class Reader:
            def read(self, size: int) -> bytes:
                return b""

        assert not hasattr(FileWrapper(Reader()), "close")


class TestRegion:
    def test_a_file(self, path: Path) -> None:
        with path.open("rb") as file:
            assert FileWrapper(file).region() == (file.fileno(), 0, 10)

    def test_its_offset(self, path: Path) -> None:
        with path.open("rb") as file:
            file.read(3)
            assert FileWrapper(file).region() == (file.fileno(), 3, 7)
            file.seek(99)
            assert FileWrapper(file).region() == (file.fileno(), 99, 0)

    @pytest.mark.parametrize("buffering", [0, 4096])
    def test_other_classes(self, path: Path, buffering: int) -> None:
        with path.open("r+b", buffering=buffering) as file:
            assert FileWrapper(file).region() == (file.fileno(), 0, 10)
        with tempfile.NamedTemporaryFile() as named:
            named.write(b"x" * 5)
            named.seek(0)
            assert FileWrapper(named).region() == (named.fileno(), 0, 5)

    @pytest.mark.parametrize("module", [gzip, bz2])
    def test_not_what_reads_through_a_file(self, tmp_path: Path, module: Any) -> None:
        """The descriptor is that of the compressed octets."""
        path = tmp_path / "packed"
        with module.open(path, "wb") as packed:
            packed.write(b"unpacked")
        with module.open(path, "rb") as packed:
            wrapper = FileWrapper(packed)
            assert wrapper.region() is None
            assert b"".join(wrapper) == b"unpacked"

    def test_not_what_has_no_size(self) -> None:
        with open("/proc/self/comm", "rb") as file:
            wrapper = FileWrapper(file)
            assert wrapper.region() is None
            assert b"".join(wrapper).endswith(b"\n")

    def test_not_an_empty_file(self, tmp_path: Path) -> None:
        (tmp_path / "empty").touch()
        with (tmp_path / "empty").open("rb") as file:
            assert FileWrapper(file).region() is None

    def test_not_a_pipe(self) -> None:
        reader, writer = os.pipe()
        os.close(writer)
        with open(reader, "rb") as file:
            assert FileWrapper(file).region() is None

    @pytest.mark.parametrize(
        "attributes",
        [
            {},
            {"fileno": lambda: "x"},
            {"fileno": lambda: -1},
            {"fileno": lambda: 10**6},
            {"fileno": 3},
            {"fileno": lambda: 1 / 0},
        ],
    )
    def test_not_what_only_looks_like_a_file(self, attributes: dict[str, Any]) -> None:
        filelike = type("Filelike", (), {})()
        filelike.read = lambda size: b""
        for name, value in attributes.items():
            setattr(filelike, name, value)
        if attributes and callable(attributes["fileno"]):
            try:
                attributes["fileno"]()
            except ZeroDivisionError:
                with pytest.raises(ZeroDivisionError):
                    FileWrapper(filelike).region()
                return
        assert FileWrapper(filelike).region() is None

    def test_not_a_file_that_cannot_tell(self, path: Path) -> None:
        with path.open("rb") as file:
            filelike = type("Filelike", (), {})()
            filelike.read = file.read
            filelike.fileno = file.fileno
            assert FileWrapper(filelike).region() is None
            filelike.tell = lambda: None
            assert FileWrapper(filelike).region() is None

    def test_not_in_text_mode(self, path: Path) -> None:
        with path.open() as file:
            assert FileWrapper(file).region() is None
