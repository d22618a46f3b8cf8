import os
import socket
import stat
from pathlib import Path

import pytest

from quaich.errors import QuaichError
from quaich.log.file import Target


@pytest.mark.parametrize(
    ("name", "udp"),
    [
        ("127.0.0.1:514", True),
        ("logs.example:514", True),
        (":514", True),
        ("/var/log/a:514", False),
        ("a:b", False),
        ("site.log", False),
    ],
)
def test_what_is_an_address(name: str, udp: bool) -> None:
    assert Target(name).udp is udp


def test_appended_or_emptied(tmp_path: Path) -> None:
    path = tmp_path / "q.log"
    path.write_text("one\n")
    for truncate, expected in ((False, "one\ntwo\n"), (True, "two\n")):
        fd = Target(str(path), mode=0o604).open(truncate)
        os.write(fd, b"two\n")
        os.close(fd)
        assert path.read_text() == expected
        assert path.stat().st_mode & 0o777 == 0o604


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a device")
def test_a_device_keeps_its_owner_and_mode(tmp_path: Path) -> None:
    path = tmp_path / "null"
    os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    os.close(Target(str(path), mode=0o604, owner=(1, 1)).open())
    info = path.stat()
    assert (info.st_uid, info.st_gid, info.st_mode & 0o777) == (0, 0, 0o600)


def test_udp() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        fd = Target(f"127.0.0.1:{receiver.getsockname()[1]}").open()
        os.write(fd, b"a line\n")
        os.close(fd)
        assert receiver.recv(100) == b"a line\n"


def test_an_address_that_is_none() -> None:
    with pytest.raises(QuaichError, match=r"127\.0\.0\.1:99999: the port is 99999"):
        Target("127.0.0.1:99999").open()
