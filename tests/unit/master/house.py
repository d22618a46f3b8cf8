"""A house for sides under test: real descriptors, and a plan to look at."""

import selectors
import time
from collections.abc import Callable, Sequence

from quaich.config.effective import Config
from quaich.master.plan import Plan
from quaich.master.side import Side
from quaich.master.vocabulary import Event
from quaich.net.listen import BoundListener
from quaich.stats.scoreboard import Scoreboard
from tests.support.logs import Lines
from tests.unit.master.story import COMPATIBLE


class FakeHouse:
    def __init__(self) -> None:
        self.log = Lines()
        self.plan = Plan(COMPATIBLE)
        self.listeners: Sequence[BoundListener] = ()
        self.told: list[Event] = []
        self.selector = selectors.DefaultSelector()

    def config(self, generation: int) -> Config | None:
        return None

    def scoreboard(self, generation: int) -> Scoreboard | None:
        return None

    def watch(self, fd: int, callback: Callable[[], None], writing: bool = False) -> None:
        mask = selectors.EVENT_WRITE if writing else selectors.EVENT_READ
        if fd in self.selector.get_map():
            self.selector.modify(fd, mask, callback)
        else:
            self.selector.register(fd, mask, callback)

    def unwatch(self, fd: int) -> None:
        self.selector.unregister(fd)

    def tell(self, event: Event) -> None:
        self.told.append(event)

    def wait(self, *sides: Side, seconds: float = 0.0) -> None:
        """Call back whoever is watched, until nothing is left to do."""
        timeout = seconds
        while True:
            ready = self.selector.select(timeout)
            timeout = 0.0
            for key, _ in ready:
                if self.selector.get_map().get(key.fd) is key:
                    key.data()
            for side in sides:
                side.turn(time.monotonic())
            if not ready:
                return
