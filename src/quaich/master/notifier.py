"""Tells the service manager, and the shell that waits for ``daemonize2``, how the server fares.

A message that does not go at once is kept and tried again; the manager gets them in their order.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from quaich.master.fleet import Phase
from quaich.master.generation import Post, Stage
from quaich.master.notices import Notices, View
from quaich.master.plan import Plan
from quaich.master.side import BaseSide, House
from quaich.master.vocabulary import Action
from quaich.sys.notify import Manager, Sender

_AGAIN = 0.2
_MOST = 64
_ENDING = (Phase.DRAINING, Phase.STOPPING, Phase.OVER)


def view_of(plan: Plan) -> View:
    """The plan, as far as it is news."""
    generation = plan.generations.get(plan.current)
    workers = 0
    serving = 0
    if generation is not None and generation.stage is Stage.SERVING:
        serving = generation.number
        workers = sum(each.post is Post.READY for each in generation.workers.values())
    return View(serving, workers, plan.raising or 0, plan.phase in _ENDING, plan.in_vain)


def alone(sender: Sender, view: View) -> None:
    """Tell of a server without a master, once."""
    for text in Notices(0, time.monotonic()).look(view, time.monotonic()):
        sender.send(text)


class Notifier(BaseSide):
    """The side that talks to systemd."""

    name = "systemd"

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._goes_on = False
        self._sender = Sender(manager.address)
        self._notices = Notices(manager.watchdog, time.monotonic())
        self._waiting: deque[str] = deque(maxlen=_MOST)
        self._retry: float | None = None

    def carry(self) -> tuple[Any, list[int]]:
        """Whom to report to: the environment does not say it any more."""
        return (self._manager.address, self._manager.watchdog), []

    def resume(self, state: Any) -> None:
        """The manager knows that the server serves."""
        self._goes_on = True

    def attach(self, house: House) -> None:
        """The server loads, or goes on."""
        super().attach(house)
        if self._goes_on:
            now = time.monotonic()
            self._notices = Notices(self._manager.watchdog, now, view_of(house.plan))
        self.turn(time.monotonic())

    def due(self) -> float | None:
        """The next message by time, or the next try."""
        times = (self._notices.due(), self._retry)
        return min((each for each in times if each is not None), default=None)

    def turn(self, now: float) -> None:
        """Send what is news."""
        self._waiting.extend(self._notices.look(view_of(self.house.plan), now))
        while self._waiting and self._sender.send(self._waiting[0]):
            self._waiting.popleft()
        self._retry = now + _AGAIN if self._waiting else None

    def heed(self, action: Action, now: float) -> bool:
        """The plan has moved."""
        self.turn(now)
        return False

    def close(self) -> None:
        """What is left to say goes now or never."""
        self.turn(time.monotonic())
        self._sender.close()


class Teller(BaseSide):
    """The side that says once whether the first generation serves, or that it may never do."""

    def __init__(self, told: Callable[[bool], None]) -> None:
        self._told: Callable[[bool], None] | None = told

    def turn(self, now: float) -> None:
        """Look whether it serves."""
        serves = bool(view_of(self.house.plan).serving)
        if self._told is not None and (serves or self.house.plan.in_vain):
            self._told(serves)
            self._told = None

    def heed(self, action: Action, now: float) -> bool:
        """The plan has moved."""
        self.turn(now)
        return False
