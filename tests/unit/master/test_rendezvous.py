import os
import socket
from pathlib import Path

import pytest

from quaich.master import rendezvous


def test_where_to_meet() -> None:
    assert rendezvous.directories(0, {"XDG_RUNTIME_DIR": "/run/user/5"}) == [
        "/run/quaich",
        "/tmp/quaich-0",
    ]
    assert rendezvous.directories(5, {"XDG_RUNTIME_DIR": "/run/user/5"}) == [
        "/run/user/5/quaich",
        "/tmp/quaich-5",
    ]
    assert rendezvous.directories(5, {"XDG_RUNTIME_DIR": "relative"})[0] == "/run/user/5/quaich"


def test_faults_of_a_directory(tmp_path: Path) -> None:
    uid = os.geteuid()
    directory, link = tmp_path / "d", tmp_path / "link"
    directory.mkdir(0o700)
    link.symlink_to(directory)
    assert rendezvous.fault_of(str(directory), uid) == ""
    assert rendezvous.fault_of(str(link), uid) == "not a directory"
    assert rendezvous.fault_of(str(tmp_path / "none"), uid) == "no such file or directory"
    assert rendezvous.fault_of(str(directory), uid + 1) == f"it belongs to user {uid}"
    directory.chmod(0o755)
    assert rendezvous.fault_of(str(directory), uid) == ""
    directory.chmod(0o770)
    assert "others may write to it (mode 770, expec" in rendezvous.fault_of(str(directory), uid)


def test_somebody_elses_directory_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = tmp_path / "bad", tmp_path / "good"
    bad.mkdir()
    bad.chmod(0o777)
    monkeypatch.setattr(rendezvous, "directories", lambda uid, environ: [str(bad), str(good)])
    assert rendezvous.prepare(os.geteuid(), {}) == (str(good), "")
    assert good.stat().st_mode & 0o777 == (0o700 if os.geteuid() else 0o711)
    good.chmod(0o777)
    path, reason = rendezvous.prepare(os.geteuid(), {})
    assert path == ""
    assert f"{bad}: others may write to it" in reason
    assert f"{good}: others may write to it" in reason


def test_only_dead_sockets_are_swept(tmp_path: Path) -> None:
    alive = socket.socket(socket.AF_UNIX)
    alive.bind(str(tmp_path / "1.sock"))
    alive.listen()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "2.sock"))
    (tmp_path / "3.sock").write_text("a file")
    (tmp_path / "notes").touch()
    rendezvous.sweep(str(tmp_path))
    left = [pid for pid, _ in rendezvous.servers(str(tmp_path))]
    alive.close()
    assert 1 in left
    assert 2 not in left
    assert (tmp_path / "notes").exists()
