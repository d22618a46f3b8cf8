"""Keeping a real courier: its lines, its counters, its end."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from quaich.config.effective import Config
from quaich.errors import QuaichError
from quaich.log.file import Target
from quaich.master.courierhouse import CourierHouse, wanted
from tests.support.processes import wait_until

WAIT = 20.0


class FakePlan:
    current = 1


class FakeHouse:
    """A master that has no configuration to look at."""

    plan = FakePlan()

    def __init__(self) -> None:
        self.said: list[str] = []
        self.log: Any = self

    def config(self, generation: int) -> Config | None:
        return None

    def error(self, text: str) -> None:
        self.said.append(text)

    def info(self, text: str) -> None:
        self.said.append(text)


def house_of(*loggers: str) -> CourierHouse:
    return CourierHouse(Config(master=True, req_logger=loggers), Target, None)


def test_who_wants_one() -> None:
    found = [
        wanted(each)
        for each in (
            Config(),
            Config(logger=("file:/x",)),
            Config(logger=("mine file:/x",)),
            Config(logger=("file:/x", "stdio")),
            Config(req_logger=("file:/x",)),
            Config(log_worker_output=True),
            Config(log_syslog=""),
        )
    ]
    assert found == [False, False, True, True, True, True, True]


def test_lines_counters_and_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    house = house_of(f"file:{path}", "file:/dev/full")
    log = house.open()
    log.requests.write(b"one\n")
    wait_until(lambda: path.exists() and path.read_bytes() == b"one\n", WAIT, "the line")
    wait_until(lambda: house.counters()["file:/dev/full"] == (0, 1), WAIT, "the count")
    assert house.counters()[f"file:{path}"] == (1, 0)
    for number in range(100):
        log.requests.write(b"%d\n" % number)
    house.end()
    assert path.read_bytes().endswith(b"98\n99\n")


def test_one_that_dies_is_started_again(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    house = house_of(f"file:{path}")
    log = house.open()
    around = FakeHouse()
    house.attach(around)  # type: ignore[arg-type]
    state, descriptors = house.carry()
    assert set(state["inlet"]) <= set(descriptors)
    pid = state["pid"]
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    log.requests.write(b"between\n")
    assert not house.died(pid + 1, "exit=0")
    assert house.died(pid, "signal=SIGKILL")
    due = house.due()
    assert due is not None
    house.turn(max(due, time.monotonic()))
    wait_until(lambda: path.read_bytes() == b"between\n", WAIT, "the line")
    assert around.said[0] == f"courier pid={pid} died signal=SIGKILL"
    assert around.said[1].endswith("started again")
    house.end()


def test_what_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    with pytest.raises(QuaichError, match=r"logger: .*nowhere/x cannot be opened: no such file"):
        house_of(f"file:{tmp_path}/nowhere/x").open()
