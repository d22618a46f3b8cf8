"""The real host: files, fifos, pipes and directories, bounded in size and time."""

import errno
import os
import socket
from pathlib import Path

import pytest

from quaich.config import sources
from quaich.config.sources import Host
from quaich.errors import ConfigError


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.ini"
    path.write_bytes(b"x" * 200_000)
    assert Host().read(str(path)) == b"x" * 200_000


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no\.ini: No such file or directory$"):
        Host().read(str(tmp_path / "no.ini"))


def test_a_directory(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r": Is a directory$"):
        Host().read(str(tmp_path))


def test_a_name_with_nul() -> None:
    with pytest.raises(ConfigError, match="null"):
        Host().read("a\0.ini")


def test_a_file_that_may_not_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        # The tests may run as root, whom no mode keeps out.
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ConfigError, match=r"^a\.ini: Permission denied$"):
        Host().read("a.ini")


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "a.ini"
    with path.open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    with pytest.raises(ConfigError, match="larger than 4 MiB"):
        Host().read(str(path))


def test_a_device_without_end() -> None:
    with pytest.raises(ConfigError, match="larger than"):
        Host().read("/dev/zero")


def test_a_pipe_is_read_to_its_end() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"[uwsgi]\n")
    os.close(writer)
    try:
        assert Host().read(f"/dev/fd/{reader}") == b"[uwsgi]\n"
    finally:
        os.close(reader)


def test_a_pipe_that_never_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "PIPE_SECONDS", 0.05)
    reader, writer = os.pipe()
    os.write(writer, b"[uwsgi]\n")
    try:
        with pytest.raises(ConfigError, match="no end of file"):
            Host().read(f"/dev/fd/{reader}")
    finally:
        os.close(reader)
        os.close(writer)


def test_a_fifo_that_nobody_writes_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "PIPE_SECONDS", 0.05)
    path = tmp_path / "fifo"
    os.mkfifo(path)
    with pytest.raises(ConfigError, match="no end of file"):
        Host().read(str(path))


def test_a_socket_file(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        with pytest.raises(ConfigError, match="No such device or address"):
            Host().read(str(tmp_path / "s"))


def test_magic_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "conf" / "site.prod.ini"
    magic = Host().magic(str(path), "uwsgi")
    whole = os.path.realpath(path)
    assert magic["o"] == str(path)
    assert magic["p"] == whole
    assert magic["s"] == "site.prod.ini"
    assert magic["n"] == "site.prod"
    assert magic["e"] == "ini"
    assert magic["d"] == os.path.dirname(whole) + "/"
    assert magic["c"] == "conf"
    assert magic["x"] == "uwsgi"
    assert Host().magic(str(path), None)["x"] == ""
    assert magic["0"] == whole.split("/")[1]
    assert magic["9"] == "" or whole.count("/") > 9


def test_magic_at_the_root() -> None:
    magic = Host().magic("/site", "uwsgi")
    assert magic["d"] == "/"
    assert magic["n"] == "site"
    assert magic["e"] == ""


def test_magic_of_the_machine() -> None:
    magic = Host().machine_magic()
    assert int(magic["k"]) >= 1
    assert magic["u"] == str(os.getuid())
    assert int(magic["T"]) // 1_000_000 - int(magic["t"]) in (0, 1)
    assert magic["v"] == os.getcwd()
