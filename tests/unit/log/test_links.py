"""Whose links a log may be: root is not led anywhere by the application."""

import os
from pathlib import Path

import pytest

from quaich.log.file import Target

_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be led astray")


@_ROOT
def test_root_follows_no_link_of_another_user(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("before")
    log = tmp_path / "log"
    log.symlink_to(victim)
    os.lchown(log, 65534, 65534)
    with pytest.raises(OSError, match="link of another user's"):
        Target(str(log)).open()
    assert victim.read_text() == "before"


@_ROOT
def test_what_a_link_leads_to_keeps_its_owner_and_mode(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("before")
    victim.chmod(0o600)
    log = tmp_path / "log"
    log.symlink_to(victim)
    os.close(Target(str(log), 0o666, (65534, 65534)).open())
    assert (victim.stat().st_uid, victim.stat().st_mode & 0o777) == (0, 0o600)


def test_a_file_of_its_own_gets_its_mode(tmp_path: Path) -> None:
    log = tmp_path / "log"
    os.close(Target(str(log), 0o606).open())
    assert log.stat().st_mode & 0o777 == 0o606
