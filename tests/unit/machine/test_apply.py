import stat
from pathlib import Path

import pytest

from quaich.errors import QuaichError
from quaich.machine.apply import CommandFailed, apply
from quaich.machine.plan import ACCOUNT, DIRECTORY, FILE, Step


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_every_kind(tmp_path: Path) -> None:
    told: list[str] = []
    made, written = tmp_path / "a" / "b", tmp_path / "c" / "unit"
    steps = (
        Step(DIRECTORY, "make b", path=str(made), mode=0o711),
        Step(FILE, "write it", path=str(written), mode=0o640, text="text\n"),
        Step(ACCOUNT, "run", commands=(("touch", str(tmp_path / "ran")),)),
    )
    for _ in range(2):
        apply(steps, told.append)
    assert (mode(made), mode(written), written.read_text()) == (0o711, 0o640, "text\n")
    assert (tmp_path / "ran").exists()
    assert told[:3] == ["1/3 make b", "2/3 write it", "3/3 run"]
    assert [path.name for path in written.parent.iterdir()] == ["unit"]


def test_no_link_is_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir(0o700)
    (tmp_path / "link").symlink_to(victim)
    with pytest.raises(QuaichError, match="make it: "):
        apply((Step(DIRECTORY, "make it", path=str(tmp_path / "link"), mode=0o777),), print)
    assert mode(victim) == 0o700
    target = tmp_path / "target"
    target.write_text("kept")
    (tmp_path / "unit").symlink_to(target)
    apply((Step(FILE, "write", path=str(tmp_path / "unit"), mode=0o644, text="new"),), print)
    assert target.read_text() == "kept"
    assert (tmp_path / "unit").read_text() == "new"


def test_the_step_that_fails_ends_it(tmp_path: Path) -> None:
    steps = (
        Step(ACCOUNT, "fail", commands=(("sh", "-c", "echo out of tea; exit 3"),)),
        Step(DIRECTORY, "never", path=str(tmp_path / "never"), mode=0o700),
    )
    with pytest.raises(CommandFailed, match="exit status 3") as caught:
        apply(steps, print)
    assert "out of tea" in caught.value.detail
    assert not (tmp_path / "never").exists()
    with pytest.raises(QuaichError, match="no-such-tool is not installed"):
        apply((Step(ACCOUNT, "x", commands=(("no-such-tool",),)),), print)
