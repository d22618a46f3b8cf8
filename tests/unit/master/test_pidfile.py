import os
import socket
import stat
from pathlib import Path

import pytest

from quaich.errors import QuaichError
from quaich.master.pidfile import PidFile, read


def test_written_and_removed(tmp_path: Path) -> None:
    pidfile = PidFile(str(tmp_path / "q.pid"))
    assert pidfile.write() is None
    assert (tmp_path / "q.pid").read_text() == f"{os.getpid()}\n"
    assert os.listdir(tmp_path) == ["q.pid"]
    pidfile.remove()
    assert os.listdir(tmp_path) == []
    pidfile.remove()


def test_a_stale_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "q.pid").write_text("99999999\n")
    assert PidFile(str(tmp_path / "q.pid")).write() is None
    assert read(str(tmp_path / "q.pid")) == os.getpid()


def test_a_running_process_in_the_file_is_reported_and_replaced(tmp_path: Path) -> None:
    (tmp_path / "q.pid").write_text(f"{os.getppid()}\n")
    assert PidFile(str(tmp_path / "q.pid")).write() == os.getppid()
    assert read(str(tmp_path / "q.pid")) == os.getpid()


def test_a_file_that_became_anothers_is_left(tmp_path: Path) -> None:
    pidfile = PidFile(str(tmp_path / "q.pid"))
    pidfile.write()
    (tmp_path / "q.pid").write_text("1\n")
    pidfile.remove()
    assert (tmp_path / "q.pid").exists()


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("1234")
    (tmp_path / "q.pid").symlink_to(tmp_path / "precious")
    assert PidFile(str(tmp_path / "q.pid")).write() is None
    assert (tmp_path / "precious").read_text() == "1234"
    assert not (tmp_path / "q.pid").is_symlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a device")
def test_a_device_is_written_to_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "null"
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    pidfile = PidFile(str(path))
    assert pidfile.write() is None
    pidfile.remove()
    PidFile.adopt(str(path), "", "pidfile").remove()
    assert stat.S_ISCHR(path.lstat().st_mode)
    assert os.listdir(tmp_path) == ["null"]


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "socket"))
        for name in ("fifo", "socket"):
            with pytest.raises(QuaichError, match=r"pidfile = .*: what is there is not a file"):
                PidFile(str(tmp_path / name)).write()
    assert sorted(os.listdir(tmp_path)) == ["fifo", "socket"]


def test_a_directory_that_everyone_can_write_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(QuaichError, match=r"site\.ini:2: pidfile = .*every user can write"):
        PidFile(str(tmp_path / "q.pid"), "site.ini:2").write()
    tmp_path.chmod(0o1777)
    PidFile(str(tmp_path / "q.pid")).write()


def test_a_path_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(QuaichError, match="no such file or directory"):
        PidFile(str(tmp_path / "nowhere" / "q.pid")).write()
    (tmp_path / "directory").mkdir()
    with pytest.raises(QuaichError, match="is a directory"):
        PidFile(str(tmp_path / "directory")).write()
    assert os.listdir(tmp_path) == ["directory"]


@pytest.mark.parametrize("content", ["", "x", "-1", "12 34", "1" * 40])
def test_what_is_no_pid_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "q.pid").write_text(content)
    pid = read(str(tmp_path / "q.pid"))
    assert pid is None or content.startswith("1")
    assert PidFile(str(tmp_path / "q.pid")).write() is None


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "q.pid")
    assert read(str(tmp_path / "q.pid")) is None


def test_what_another_server_wrote_is_not_adopted(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    path.write_text("1\n")
    assert PidFile.adopt(str(path), "", "pidfile").inode == (0, 0)
    PidFile.adopt(str(path), "", "pidfile").remove()
    assert path.exists()
