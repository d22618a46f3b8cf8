"""A log that cannot be opened now is opened later."""

import errno
import os
from pathlib import Path

import pytest

from quaich.config.effective import Config
from quaich.log.board import Board
from quaich.log.file import Target
from quaich.master import logkeeper
from quaich.master.logkeeper import LogKeeper
from quaich.sys.privileges import Identity
from tests.unit.master.house import FakeHouse


class Keeper(FakeHouse):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self._config = config

    def config(self, generation: int) -> Config | None:
        return self._config


def test_a_touch_is_not_forgotten_where_there_is_no_descriptor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch = tmp_path / "touch"
    touch.touch()
    log = tmp_path / "log"
    keeper = LogKeeper(Target(str(log)), Identity(None, None, ()), Board())
    house = Keeper(Config(touch_logreopen=(str(touch),)))
    keeper.attach(house)
    keeper.turn(0.0)
    os.utime(touch, (2**31, 2**31))
    redirected: list[int] = []

    def redirect(fd: int) -> None:
        redirected.append(fd)
        os.close(fd)

    def full(self: Target, truncate: bool = False) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(logkeeper, "redirect", redirect)
    with monkeypatch.context() as patch:
        patch.setattr(Target, "open", full)
        keeper.turn(1.0)
    assert "too many open files" in house.log.lines[-1]
    keeper.turn(60.0)
    assert len(redirected) == 1
    keeper.close()
