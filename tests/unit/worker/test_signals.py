"""What a worker does with signals, handled here as if they had come."""

import faulthandler
import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from quaich.stats.scoreboard import LANE_SINCE, WAKE, Scoreboard, Slot
from quaich.worker import logswitch, signals
from quaich.worker.signals import EXIT_ENDED, EXIT_LEFT, LAST_WORDS, Signals, prepare_last_words
from tests.support.logs import Lines


class Ended(BaseException):
    pass


class FakeAnswerer:
    failing = False
    astray = False


class FakeLane:
    def __init__(self, index: int) -> None:
        self.index = index
        self.conn = None


class FakeEngine:
    """Keeps what it is told; ``fails`` is a defect."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.table: dict[int, Any] = {}
        self.lanes = [FakeLane(0), FakeLane(1)]
        self.dropped = 0
        self.paused = self.leaving = False
        self.answerer = FakeAnswerer()
        self.fails = False

    def __getattr__(self, name: str) -> Callable[[], None]:
        def told() -> None:
            if self.fails:
                raise RuntimeError("a defect")
            self.told.append(name)

        return told


class House:
    """A worker's signals, installed where nothing is really installed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.handlers: dict[int, Any] = {}
        self.at_fork: list[Callable[[], None]] = []
        self.abandoned: list[bool] = []
        self.shown: list[bool] = []
        self.log = Lines()
        self.engine = FakeEngine()
        self.board = Scoreboard.create(1, 2)
        self.slot: Slot = self.board.slot(1)
        self.reader, self.writer = os.pipe2(os.O_NONBLOCK)
        monkeypatch.setattr(signals, "set_handler", self.handlers.__setitem__)
        monkeypatch.setattr(signal, "set_wakeup_fd", lambda *_, **__: -1)
        monkeypatch.setattr(
            os, "register_at_fork", lambda after_in_child: self.at_fork.append(after_in_child)
        )
        self.signals = Signals(self.log)
        self.signals.belong(
            1,
            self.slot,
            lambda: self.abandoned.append(True),
            lambda: self.shown.append(True),
        )

    def install(self, supervised: bool = True) -> None:
        engine: Any = self.engine
        self.signals.install(engine, self.reader, self.writer, supervised)

    def comes(self, number: int, frame: Any = None) -> None:
        self.handlers[number](number, frame)

    def read(self, *numbers: int) -> None:
        os.write(self.writer, bytes(numbers))
        self.signals.read()

    def close(self) -> None:
        for fd in (self.reader, self.writer, self.board.fd):
            os.close(fd)


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    made = House(monkeypatch)
    made.install()
    yield made
    made.close()


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    statuses: list[int] = []

    def end(status: int) -> None:
        statuses.append(status)
        raise Ended

    monkeypatch.setattr(os, "_exit", end)
    return statuses


class TestFromThePipe:
    def test_in_their_order(self, house: House) -> None:
        house.signals.on_log = lambda: house.engine.told.append("log")
        house.read(
            *(signal.SIGTSTP, signal.SIGCONT, logswitch.SIGNAL, signal.SIGUSR1, signal.SIGINT),
            *(signal.SIGHUP, signal.SIGUSR2),
        )
        assert house.engine.told == ["pause", "resume", "log", "leave"]
        assert house.signals.status == EXIT_LEFT
        assert "worker=1 pid=" in house.log.lines[0]
        assert " statistics state=serving generation=0 " in house.log.lines[0]
        assert house.shown == [True]

    def test_read_by_another_thread_before(self, house: House) -> None:
        house.signals.read()
        assert house.engine.told == []

    def test_where_nobody_follows_the_log(self, house: House) -> None:
        house.read(logswitch.SIGNAL)
        assert not house.log.lines

    @pytest.mark.parametrize("state", ["paused", "leaving"])
    def test_the_state_is_said(self, house: House, state: str) -> None:
        setattr(house.engine, state, True)
        house.read(signal.SIGUSR1)
        assert f"state={state}" in house.log.text


class TestLeaving:
    def test_between_two_requests(self, house: House) -> None:
        house.comes(signal.SIGHUP)
        assert house.engine.told == [], "the number is in the pipe"

    def test_inside_a_request_others_do_not_wait_for_it(self, house: House) -> None:
        house.slot.begin(0, 1000)
        house.comes(signal.SIGHUP)
        assert house.engine.told == ["leave", "hand_over"]

    def test_a_defect_is_not_the_request_s(self, house: House) -> None:
        house.slot.begin(0, 1000)
        house.engine.fails = True
        house.comes(signal.SIGHUP)
        assert "a defect in quaich kept clients from other workers" in house.log.text
        assert "RuntimeError: a defect" in house.log.text

    def test_at_once(self, house: House) -> None:
        house.comes(signal.SIGTERM)
        assert house.engine.told == ["halt"]
        assert house.signals.status == EXIT_ENDED
        house.comes(signal.SIGHUP)
        assert house.signals.status == EXIT_ENDED

    def test_at_once_inside_a_request(self, house: House, exits: list[int]) -> None:
        house.slot.begin(0, 1000)
        with pytest.raises(Ended):
            house.comes(signal.SIGINT)
        assert exits == [EXIT_ENDED]
        assert house.engine.told == ["leave", "hand_over"]
        assert house.abandoned == [True]
        assert not house.log.lines

    def test_at_once_with_lines_that_were_gathered(self, house: House, exits: list[int]) -> None:
        house.slot.begin(0, 1000)
        house.slot.shelve(0, b"one\n")
        house.slot.shelve(1, b"two\n")
        with pytest.raises(Ended):
            house.comes(signal.SIGTERM)
        assert house.log.lines == ["one\ntwo"]
        assert house.slot.left() == b"", "the master has nothing to write"


class TestStacks:
    def test_all_threads_and_what_they_are_in(self, house: House) -> None:
        free = threading.Event()
        other = threading.Thread(target=free.wait, args=(10,), name="waiting one")
        other.start()
        house.slot.begin(1, 1000)
        try:
            house.comes(signal.SIGUSR2)
        finally:
            free.set()
            other.join()
        assert "Thread MainThread:\n  in no Python function but the server's" in house.log.text
        assert "Thread waiting one:\n  File " in house.log.text
        assert "worker=1 pid=" in house.log.text
        assert " serving cores=2 parked=0" in house.log.text
        assert " core=1 age=" in house.log.text
        assert house.shown == [True]

    def test_once_for_a_signal(self, house: House) -> None:
        """It comes to the main thread, and to an idle one by the pipe."""
        house.comes(signal.SIGUSR2)
        count = len(house.log.lines)
        house.read(signal.SIGUSR2)
        assert (len(house.log.lines), house.shown) == (count, [True])

    def test_not_while_they_are_shown(self, house: House) -> None:
        block = house.log.block

        def again(text: str) -> None:
            block(text)
            house.comes(signal.SIGUSR2)

        house.log.block = again  # type: ignore[method-assign]
        house.comes(signal.SIGUSR2)
        assert house.shown == [True]

    def test_a_defect_is_not_the_request_s(self, house: House) -> None:
        def fail() -> None:
            raise RuntimeError("a defect")

        house.signals.belong(1, house.slot, fail, fail)
        house.comes(signal.SIGUSR2)
        assert "a defect in quaich kept the stacks from the log" in house.log.text

    def test_as_deep_as_is_useful(self) -> None:
        import sys

        def deep(left: int) -> list[str]:
            return deep(left - 1) if left else signals._stack(sys._getframe())

        lines = deep(200)
        assert len(lines) == 100
        assert lines[0].endswith("in deep")


class TestWaking:
    """WINCH ends the system call of one certain request, and of no other."""

    def frame(self, name: str) -> Any:
        class Frame:
            f_globals = {"__name__": name}

        return Frame()

    def begin(self, house: House) -> None:
        house.slot.begin(0, 1000)
        house.slot.set(WAKE, 1000)

    def test_the_request_that_is_meant(self, house: House) -> None:
        self.begin(house)
        with pytest.raises(InterruptedError, match="woken by SIGWINCH"):
            house.comes(signal.SIGWINCH, self.frame("shop"))
        assert house.slot.get(WAKE) == 0
        assert house.slot.lane(0, LANE_SINCE) == 1000

    def test_no_other(self, house: House) -> None:
        house.comes(signal.SIGWINCH, self.frame("shop"))
        self.begin(house)
        house.slot.begin(0, 2000)
        house.comes(signal.SIGWINCH, self.frame("shop"))

    @pytest.mark.parametrize("name", ["quaich.worker.failure", None])
    def test_not_where_it_is_ours_to_catch(self, house: House, name: str | None) -> None:
        self.begin(house)
        house.comes(signal.SIGWINCH, self.frame(name) if name else None)

    def test_not_while_a_failure_is_reported(self, house: House) -> None:
        self.begin(house)
        house.engine.answerer.failing = True
        house.comes(signal.SIGWINCH, self.frame("shop"))


def test_without_a_master_a_terminal_means_nothing_of_ours(house: House) -> None:
    house.handlers.clear()
    house.install(supervised=False)
    ours = {signal.SIGTSTP, signal.SIGCONT, signal.SIGWINCH}
    assert not ours & set(house.handlers)
    assert signal.SIGUSR2 in house.handlers
    # Those that stop a process mean nothing at all.
    house.comes(signal.SIGTTIN)


def test_in_a_process_that_the_application_forked(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    restored: list[int] = []
    mine = house.handlers[signal.SIGUSR1]
    kept = {signal.SIGINT: house.handlers[signal.SIGINT], signal.SIGUSR1: mine}
    monkeypatch.setattr(signal, "getsignal", lambda number: kept.get(number, print))
    monkeypatch.setattr(signal, "signal", lambda number, handler: restored.append(number))
    monkeypatch.setattr(faulthandler, "unregister", restored.append)
    [belong_to_nobody] = house.at_fork
    belong_to_nobody()
    assert house.engine.answerer.astray
    assert set(restored) == {LAST_WORDS, signal.SIGINT, signal.SIGUSR1}


@pytest.mark.parametrize(("handler", "count"), [(signal.SIG_DFL, 1), (print, 0)])
def test_last_words_where_the_signal_has_no_other_meaning(
    handler: Any, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered: list[int] = []
    monkeypatch.setattr(signal, "getsignal", lambda number: handler)
    monkeypatch.setattr(faulthandler, "register", lambda number, **_: registered.append(number))
    prepare_last_words()
    assert registered == [LAST_WORDS] * count
