"""Files that are whole or not there, the lock, and the audit."""

import json
import os
import stat
from pathlib import Path

import pytest

from quaich.deploy import records
from quaich.deploy.layout import layout
from quaich.errors import QuaichError

ANN = records.Who("ann", 1000, 42)


def test_a_file_is_replaced_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.symlink_to("/etc/passwd")
    (tmp_path / "file.new").write_text("of an interrupted run")
    records.write(str(path), "text\n", 0o600)
    assert not path.is_symlink()
    assert path.read_text() == "text\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["file"]


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    with pytest.raises(UnicodeEncodeError):
        records.write(str(tmp_path / "file"), "\ud800")
    assert (tmp_path / "file").read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_link_is_moved(tmp_path: Path) -> None:
    path = tmp_path / "current"
    for aim in ("a", "b"):
        records.link(str(path), aim)
        assert os.readlink(path) == aim
    assert os.listdir(tmp_path) == ["current"]


def test_damaged_json_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    assert records.read_json(str(path)) is None
    path.write_text("{")
    with pytest.raises(QuaichError, match=r"x\.json: damaged: expected JSON"):
        records.read_json(str(path))


def test_the_lock_names_its_holder_and_ends_with_the_block(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    with records.locked(path, ANN, "deploy"):
        with pytest.raises(QuaichError) as caught, records.locked(path, ANN, "stop"):
            pass
        said = "another change is under way: deploy by ann (pid 42) since "
        assert str(caught.value).startswith(said)
    with records.locked(path, ANN, "stop"):
        pass


def test_behind_sudo_is_a_person() -> None:
    me = records.who({})
    assert (me.uid, me.pid) == (os.getuid(), os.getpid())
    if me.uid == 0:
        assert records.who({"SUDO_UID": "4294967290"}).user == "4294967290"


def test_the_audit_grows_by_lines(tmp_path: Path) -> None:
    paths = layout(0, {"QUAICH_PREFIX": str(tmp_path)}).site("shop")
    os.makedirs(paths.state)
    for number in (1, 2):
        records.audit(paths, ANN, {"action": "deploy", "number": number})
    lines = [json.loads(line) for line in Path(paths.audit).read_text().splitlines()]
    assert [each["number"] for each in lines] == [1, 2]
    assert lines[0]["user"] == "ann"
