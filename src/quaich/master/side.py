"""Sides: what the master looks after besides generations, each in a class of its own.

The FIFO, the control socket, daemons, notifications to the service manager, log files: each has
descriptors, a next time, or children, and otherwise nothing to do with the plan.  A side never
blocks, and what it wants of the plan it tells as an event, like everybody.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from quaich.config.effective import Config
from quaich.log.server import Log
from quaich.master.plan import Plan
from quaich.master.vocabulary import Action, Event
from quaich.net.listen import BoundListener
from quaich.stats.scoreboard import Scoreboard


class House(Protocol):
    """What a side may use of the master."""

    @property
    def log(self) -> Log:
        """The server's log."""

    @property
    def plan(self) -> Plan:
        """The plan, to look at."""

    @property
    def listeners(self) -> Sequence[BoundListener]:
        """The sockets that the server listens on."""

    def config(self, generation: int) -> Config | None:
        """The configuration of a generation, None when it is gone; ``plan.current`` serves."""

    def scoreboard(self, generation: int) -> Scoreboard | None:
        """What a generation's workers report."""

    def watch(self, fd: int, callback: Callable[[], None], writing: bool = False) -> None:
        """Call back whenever a descriptor can be read (or written)."""

    def unwatch(self, fd: int) -> None:
        """Stop that, before the descriptor is closed."""

    def tell(self, event: Event) -> None:
        """Queue an event for the plan."""

    def answer(self, ticket: int, ok: bool, text: str) -> None:
        """Say what came of a ``Perform``; ticket 0 is nobody."""


class Side(Protocol):
    """One of the master's other duties; ``BaseSide`` has a default for each method.

    ``name`` is its own: under it its state is carried over when the master is executed anew.
    """

    name: str

    def resume(self, state: Any) -> None:
        """Before ``attach``: go on from this state of ``carry`` instead of starting."""

    def attach(self, house: House) -> None:
        """The master starts; no generation is there yet, unless it goes on."""

    def due(self) -> float | None:
        """When ``turn`` must be called although nothing happens (monotonic), None: never."""

    def turn(self, now: float) -> None:
        """Something happened, or it is time."""

    def heed(self, action: Action, now: float) -> bool:
        """The plan decided on an action; True says that a ``Perform`` was this side's to do."""

    def died(self, pid: int, how: str) -> bool:
        """A child has ended; True says that it was this side's."""

    def handed(self, pid: int, slot: int, data: bytes) -> None:
        """The worker in a slot has handed over its application's metrics."""

    def carry(self) -> tuple[Any, list[int]]:
        """The state for ``resume``, as JSON has it, and the descriptors that it names."""

    def close(self) -> None:
        """The master ends."""


class BaseSide:
    """A side that does nothing yet."""

    name = ""
    house: House

    def resume(self, state: Any) -> None:
        """Nothing to go on from."""

    def attach(self, house: House) -> None:
        """Remember the house."""
        self.house = house

    def due(self) -> float | None:
        """Never of its own accord."""
        return None

    def turn(self, now: float) -> None:
        """Nothing to do."""

    def heed(self, action: Action, now: float) -> bool:
        """Not ours."""
        return False

    def died(self, pid: int, how: str) -> bool:
        """Not ours."""
        return False

    def handed(self, pid: int, slot: int, data: bytes) -> None:
        """Not ours."""

    def carry(self) -> tuple[Any, list[int]]:
        """Nothing to carry over."""
        return None, []

    def close(self) -> None:
        """Nothing to release."""
