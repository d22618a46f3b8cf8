"""What a pid file that anybody wrote can make of a daemon: nothing."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from quaich.config.daemons import Daemon
from quaich.config.effective import Config
from quaich.master.daemonhouse import DaemonHouse
from quaich.master.vocabulary import Asked, Meaning
from tests.unit.master.house import FakeHouse
from tests.unit.master.story import Story


class Keeper(FakeHouse):
    def config(self, generation: int) -> Config | None:
        return Config(reload_mercy=45)


@pytest.fixture
def daemons() -> Iterator[DaemonHouse]:
    house = DaemonHouse()
    house.attach(Keeper())
    yield house
    house.close()


def spec(path: Path) -> Daemon:
    return Daemon("python beat.py", pidfile=str(path))


def test_a_fifo_is_not_waited_for(daemons: DaemonHouse, tmp_path: Path) -> None:
    path = tmp_path / "beat.pid"
    os.mkfifo(path)
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(daemons._pid_of(spec(path))), daemon=True)
    thread.start()
    thread.join(10)
    assert found == [0]


def test_what_is_no_file_is_not_replaced_by_a_pid(daemons: DaemonHouse, tmp_path: Path) -> None:
    path = tmp_path / "beat.pid"
    os.mkfifo(path)
    daemons._write_pidfile(str(path), 77)
    assert path.is_fifo()
    path.unlink()
    path.write_text("1\n")
    daemons._write_pidfile(str(path), 77)
    assert path.read_text() == "77\n"
    assert os.listdir(tmp_path) == ["beat.pid"]


def test_the_master_and_its_workers_are_no_daemons(daemons: DaemonHouse, tmp_path: Path) -> None:
    path = tmp_path / "beat.pid"
    path.write_text(f"{os.getpid()}\n")
    assert daemons._pid_of(spec(path)) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a file of another user")
def test_a_user_names_no_process_of_another(daemons: DaemonHouse, tmp_path: Path) -> None:
    path = tmp_path / "beat.pid"
    path.write_text(f"{os.getppid()}\n")
    words = Path(f"/proc/{os.getppid()}/cmdline").read_bytes().split(b"\0")
    named = Daemon(os.path.basename(words[0].decode()), pidfile=str(path))
    assert daemons._pid_of(named) == os.getppid()
    os.chown(path, 65534, 65534)
    assert daemons._pid_of(named) == 0


def test_the_mercy_is_not_forgotten_by_an_upgrade() -> None:
    first = DaemonHouse()
    first._generation = 1
    state, _ = first.carry()
    second = DaemonHouse()
    second.resume(state)
    house = Keeper()
    house.plan = Story().serve().plan
    second.attach(house)
    second.turn(0.0)
    assert second._daemons.mercy == 45.0
    house.plan.handle(Asked(Meaning.STOP), 1.0)
    second.turn(1.0)
    assert second._daemons.mercy == 5.0
    second.close()
