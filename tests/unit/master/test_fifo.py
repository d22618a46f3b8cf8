import os
import stat
from pathlib import Path

import pytest

from quaich.errors import QuaichError
from quaich.master.fifo import INTERVAL, Fifo
from quaich.master.fleet import Phase
from quaich.master.vocabulary import Asked, Meaning
from tests.unit.master.house import FakeHouse


@pytest.fixture
def house() -> FakeHouse:
    return FakeHouse()


def opened(house: FakeHouse, directory: Path, *names: str, vacuum: bool = True) -> Fifo:
    fifo = Fifo(names, directory=str(directory), place="site.ini:3", vacuum=vacuum)
    fifo.open()
    fifo.attach(house)
    return fifo


def write(path: Path, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    os.write(fd, data)
    os.close(fd)


def test_letters_are_asked_for_also_after_the_writer_has_gone(
    house: FakeHouse, tmp_path: Path
) -> None:
    fifo = opened(house, tmp_path, "f")
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o600
    for letters in (b"r\n", b"pc", b"?"):
        write(tmp_path / "f", letters)
        house.wait(fifo)
    meanings = [Meaning.RELOAD, Meaning.PAUSE, Meaning.CHAIN_RELOAD]
    assert house.told == [Asked(each) for each in meanings]
    assert house.log.lines[0] == "fifo=f letter=r action=reload"
    assert house.log.lines[-1].startswith("warning: fifo=f unknown letter ? ignored")
    fifo.close()
    assert not (tmp_path / "f").exists()


def test_a_digit_switches(house: FakeHouse, tmp_path: Path) -> None:
    fifo = opened(house, tmp_path, "zero", "one", vacuum=False)
    assert not (tmp_path / "one").exists()
    write(tmp_path / "zero", b"7")
    write(tmp_path / "zero", b"1s")
    house.wait(fifo)
    write(tmp_path / "one", b"r")
    house.wait(fifo)
    assert house.told == [Asked(Meaning.STATISTICS), Asked(Meaning.RELOAD)]
    assert house.log.lines[0] == "warning: fifo=zero letter=7 ignored: expected 0 to 1"
    with pytest.raises(OSError, match="No such device"):
        write(tmp_path / "zero", b"r")
    fifo.close()
    assert (tmp_path / "one").exists()


def test_what_is_in_the_way(house: FakeHouse, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dir").mkdir()
    for name in ("file", "link", "dir"):
        with pytest.raises(QuaichError) as caught:
            opened(house, tmp_path, name)
        assert str(caught.value) == (
            f"site.ini:3: master-fifo = {name}: a file that is not a FIFO is there; "
            "remove it or choose another path"
        )
    with pytest.raises(QuaichError, match="none/f: no such file or directory"):
        opened(house, tmp_path, "none/f")
    assert (tmp_path / "file").read_text() == "precious"
    os.mkfifo(tmp_path / "old", 0o666)
    fifo = opened(house, tmp_path, "old")
    assert stat.S_IMODE((tmp_path / "old").stat().st_mode) == 0o600
    fifo.close()


def test_one_that_vanishes_is_made_again(house: FakeHouse, tmp_path: Path) -> None:
    fifo = opened(house, tmp_path, "f")
    fifo.turn(100.0)
    (tmp_path / "f").unlink()
    fifo.turn(100.0 + INTERVAL / 2)
    assert not (tmp_path / "f").exists()
    assert fifo.due() == 100.0 + INTERVAL
    fifo.turn(100.0 + INTERVAL)
    write(tmp_path / "f", b"Q")
    house.wait(fifo)
    assert house.told == [Asked(Meaning.STOP)]
    fifo.close()


def test_one_that_another_server_took_is_left_to_it(house: FakeHouse, tmp_path: Path) -> None:
    fifo, other = opened(house, tmp_path, "f"), Fifo([str(tmp_path / "f")])
    other.open()
    fifo.turn(1000.0)
    fifo.close()
    assert (tmp_path / "f").is_fifo()
    other.close()


def test_leaving_gracefully_is_not_hurried(house: FakeHouse, tmp_path: Path) -> None:
    fifo = opened(house, tmp_path, "f")
    house.plan.phase = Phase.DRAINING
    write(tmp_path / "f", b"q")
    house.wait(fifo)
    assert house.told == []
    fifo.close()


def test_it_is_carried_over(house: FakeHouse, tmp_path: Path) -> None:
    before = opened(house, tmp_path, "a", "b")
    write(tmp_path / "a", b"1")
    house.wait(before)
    state, descriptors = before.carry()
    house.unwatch(descriptors[0])
    after = Fifo(["a", "b"], directory=str(tmp_path), vacuum=True)
    after.resume(state)
    after.attach(house)
    write(tmp_path / "b", b"r")
    house.wait(after)
    assert house.told == [Asked(Meaning.RELOAD)]
    after.close()
    assert not (tmp_path / "b").exists()
