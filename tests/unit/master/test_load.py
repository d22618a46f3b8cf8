"""The side that follows the load, in a house of its own: what it watches, and what it tells."""

import socket
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from quaich.config.effective import Config
from quaich.master.fleet import Phase
from quaich.master.generation import Generation, Handle, Post, Stage
from quaich.master.load import Load, rules_of
from quaich.master.policy import first_workers, policy_of
from quaich.master.vocabulary import Asked, Event, Meaning, Resize
from quaich.stats.scoreboard import Scoreboard


class House:
    """A master with one generation and one listening socket."""

    def __init__(self, config: Config) -> None:
        self.generation = Generation(1, policy_of(config), Stage.SERVING)
        self.plan: Any = SimpleNamespace(
            phase=Phase.SERVING, paused=False, current=1, generations={1: self.generation}
        )
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.listeners: Any = (SimpleNamespace(fd=self.socket.fileno()),)
        self.lines: list[str] = []
        self.log: Any = SimpleNamespace(info=self.lines.append)
        self.watched: dict[int, Callable[[], None]] = {}
        self.told: list[Event] = []
        self.board = Scoreboard.create(config.processes, config.threads)
        self._config = config
        self.have(first_workers(config))

    def have(self, workers: int) -> None:
        self.generation.wanted = workers
        self.generation.workers = {
            slot: Handle(slot, Post.READY, 100 + slot) for slot in range(1, workers + 1)
        }
        for slot in self.generation.workers:
            self.board.slot(slot).clear(100 + slot, 1, 1)

    def config(self, generation: int) -> Config | None:
        return self._config

    def scoreboard(self, generation: int) -> Scoreboard | None:
        return self.board

    def watch(self, fd: int, callback: Callable[[], None], writing: bool = False) -> None:
        self.watched[fd] = callback

    def unwatch(self, fd: int) -> None:
        del self.watched[fd]

    def tell(self, event: Event) -> None:
        self.told.append(event)


Furnish = Callable[..., tuple[House, Load]]


@pytest.fixture
def furnish() -> Iterator[Furnish]:
    houses = []

    def make(**values: Any) -> tuple[House, Load]:
        house, load = House(Config(**values)), Load()
        load.attach(house)
        houses.append(house)
        return house, load

    yield make
    for house in houses:
        house.socket.close()


def test_who_asks_for_nothing_is_not_looked_at(furnish: Furnish) -> None:
    house, load = furnish(processes=4)
    load.turn(1.0)
    assert load.due() is None
    assert house.told == []
    assert rules_of(Config()) is None


def test_all_busy_for_overload_looks_asks_for_more(furnish: Furnish) -> None:
    house, load = furnish(processes=4, cheaper=2, cheaper_overload=2)
    for slot in (1, 2):
        house.board.slot(slot).begin(0, 1)
    for now in (10.0, 10.5, 11.0):
        load.turn(now)
    assert house.told == [Resize(1, 3, "busy=2 idle=0 for=2s")]
    assert load.due() == 12.0


def test_a_worker_with_a_free_thread_is_not_busy(furnish: Furnish) -> None:
    house, load = furnish(processes=4, cheaper=1, cheaper_overload=1, threads=2)
    house.board.slot(1).begin(0, 1)
    load.turn(10.0)
    assert house.told == []
    house.board.slot(1).begin(1, 1)
    load.turn(11.0)
    assert house.told == [Resize(1, 2, "busy=1 idle=0 for=1s")]


def test_without_workers_a_knock_brings_them(furnish: Furnish) -> None:
    house, load = furnish(processes=3, cheap=True)
    assert load.due() == 0.0
    load.turn(1.0)
    assert list(house.watched) == [house.socket.fileno()]
    assert load.due() is None
    house.watched[house.socket.fileno()]()
    # Not watched on: the connection stays there until a worker has it.
    assert house.watched == {}
    load.turn(1.5)
    assert house.told == [Resize(1, 3, "connection")]


def test_workers_that_an_operator_brings_end_the_watch(furnish: Furnish) -> None:
    house, load = furnish(processes=3, cheap=True)
    load.turn(1.0)
    house.have(1)
    load.turn(2.0)
    assert house.watched == {}
    assert house.told == []


def test_who_is_paused_or_ends_does_not_wake(furnish: Furnish) -> None:
    house, load = furnish(processes=3, cheap=True)
    load.turn(1.0)
    house.plan.paused = True
    load.turn(2.0)
    assert (house.watched, load.due()) == ({}, None)
    house.plan.paused = False
    load.turn(3.0)
    assert len(house.watched) == 1
    house.plan.phase = Phase.DRAINING
    load.turn(4.0)
    assert (house.watched, load.due()) == ({}, None)


def test_silence_is_told(furnish: Furnish) -> None:
    house, load = furnish(processes=2, idle=2)
    for now in (1.0, 2.0, 3.0):
        load.turn(now)
    assert house.told == [Resize(1, 0, "idle=2s")]


def test_a_running_request_and_one_that_waits_are_no_silence(furnish: Furnish) -> None:
    house, load = furnish(processes=2, idle=2)
    house.board.slot(2).begin(0, 1)
    for now in range(1, 9):
        load.turn(float(now))
    house.board.slot(2).end(0, 2, 10)
    with socket.create_connection(house.socket.getsockname()):
        for now in range(9, 15):
            load.turn(float(now))
        assert house.told == []


def test_die_on_idle_drains(furnish: Furnish) -> None:
    house, load = furnish(processes=2, idle=2, die_on_idle=True)
    for now in (1.0, 3.0):
        load.turn(now)
    assert house.told == [Asked(Meaning.DRAIN)]
