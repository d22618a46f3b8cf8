"""A configuration that is read again: whatever its reader does, nobody waits for it."""

import os
import time
from collections.abc import Callable

import pytest

from quaich.config.effective import Config
from quaich.errors import QuaichError
from quaich.master.readings import Readings
from quaich.sys.process import describe_end
from tests.unit.master.house import FakeHouse

Done = list[tuple[int, Config | QuaichError]]


class Reader:
    """A child that does something, and is the configuration ``threads = LENGTH OF ITS WORDS``."""

    def __init__(self, act: Callable[[int], None]) -> None:
        self.fd, writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            act(writer)
            os._exit(0)
        os.close(writer)

    def finish(self, data: bytes, end: str) -> Config:
        if not data:
            raise QuaichError(f"nothing was read: {end}")
        return Config(threads=len(data))


class Scene:
    def __init__(self, act: Callable[[int], None]) -> None:
        self.house = FakeHouse()
        self.done: Done = []
        self.reader: Reader
        self.side = Readings(lambda: self._begin(act), lambda *told: self.done.append(told))
        self.side.attach(self.house)

    def _begin(self, act: Callable[[int], None]) -> Reader:
        self.reader = Reader(act)
        return self.reader

    def reap(self) -> None:
        """As the master does: it looks at what there is to read, then buries the dead."""
        deadline = time.monotonic() + 20
        pid = 0
        while not pid:
            assert time.monotonic() < deadline
            self.house.wait(seconds=0.02)
            pid, status = os.waitpid(-1, os.WNOHANG)
        assert self.side.died(pid, describe_end(status))
        assert not self.side.died(pid, "exit=0")
        assert not self.house.selector.get_map()
        self.house.selector.close()


@pytest.mark.parametrize("size", [1, 65536, 1000000])
def test_all_of_what_is_written_is_read(size: int) -> None:
    def act(writer: int) -> None:
        with os.fdopen(writer, "wb") as file:
            file.write(b"x" * size)

    scene = Scene(act)
    scene.side.begin(2, 30.0, 100.0)
    assert scene.side.due() == 130.0
    scene.side.turn(129.0)
    scene.reap()
    assert scene.done == [(2, Config(threads=size))]
    assert scene.side.due() is None


def test_what_is_no_configuration_is_said() -> None:
    scene = Scene(lambda writer: os._exit(3))
    scene.side.begin(2, 0.0, 100.0)
    assert scene.side.due() is None
    scene.reap()
    [(number, error)] = scene.done
    assert (number, str(error)) == (2, "nothing was read: exit=3")


def test_it_has_its_time() -> None:
    scene = Scene(lambda writer: time.sleep(60))
    scene.side.begin(7, 5.0, 100.0)
    scene.side.turn(105.0)
    [(number, error)] = scene.done
    text = "still reading the configuration after startup-timeout=5s"
    assert (number, str(error)) == (7, text)
    scene.reap()
    assert len(scene.done) == 1


def test_a_server_that_ends_does_not_wait_for_it() -> None:
    scene = Scene(lambda writer: time.sleep(60))
    scene.side.begin(7, 0.0, 100.0)
    scene.side.close()
    scene.side.close()
    scene.reap()
    assert scene.done == []
