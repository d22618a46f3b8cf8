"""Executing the master anew: what is carried, and what must not change where it cannot be."""

import os
import sys
from pathlib import Path

import pytest

from quaich.config.effective import Config
from quaich.master import upgrade
from quaich.master.estate import FORMAT, State
from quaich.master.watch import Watch
from quaich.stats.scoreboard import MAGIC


def test_what_is_the_masters_alone_stays_so_where_it_cannot_be_executed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader, writer = os.pipe()
    before = set(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(OSError, match="No such file"):
        upgrade.execute({}, [reader, writer])
    assert not os.get_inheritable(reader)
    assert not os.get_inheritable(writer)
    assert set(os.listdir("/proc/self/fd")) == before
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize(
    "data",
    [{}, {"format": FORMAT + 1, "scoreboard": MAGIC}, {"format": FORMAT, "scoreboard": MAGIC - 1}],
)
def test_the_state_of_another_version_is_refused(data: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="the state of the master cannot be read"):
        State.from_data(data)


def test_a_file_that_is_touched_meanwhile_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "touch"
    path.touch()
    config = Config(touch_reload=(str(path),), py_auto_reload=1)
    first = Watch()
    assert first.touched(config) == []
    first.learn([str(path)])
    os.utime(path, (2**31, 2**31))
    second = Watch()
    second.resume(first.carry())
    assert [each.path for each in second.touched(config)] == [str(path)]
    assert [each.path for each in second.edited(config, 100.0)] == [str(path)]
