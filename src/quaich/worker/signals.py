"""What a worker does with signals.

    HUP              finish what is here, leave clients to the workers that stay, and leave
    INT TERM QUIT    leave at once
    TSTP CONT        pause, once what runs is answered; go on
    WINCH            end the system call in which the main thread's request is blocked
    USR1             write what this worker has done to the log
    USR2             write the stacks of all threads to the log, and what each is in
    PWR              the same without the interpreter, from the master, before it kills

A handler runs in the main thread, between two steps of whatever Python runs there.  Most do nothing
but let the interpreter write the number into a pipe that the engine watches, so that any idle
thread can act on it while the main one is busy.

WINCH is for the master to send, which looks first whether the main thread is blocked at all, and
says on the scoreboard which request is meant.  Its handler raises InterruptedError, and only where
that is the application's to catch: inside a request of the main thread, when the innermost frame is
not the server's, and not while a failure is being reported.  Compiled code of the server has no
frames, but no handler can run in it either, only in Python code that it calls; and the only such
code between the beginning and the end of a request, besides the application's, writes the report.
Where another request has begun since the signal was sent, or none runs, nothing happens.

The stacks that USR2 asks for are read by the interpreter, in the main thread or in an idle one,
whichever can run first: read from outside, while threads run, they may be torn, and following a
torn one crashes.  Where neither can run (the interpreter is held in C, or the main thread is
blocked in C and no other is idle) they come when it can.  Only a worker that is to be killed, and
has not shown them, is made to by ``faulthandler``: it has nothing to lose.

Without a master neither TSTP nor WINCH has a meaning of ours: both come from a terminal then, when
somebody types ^Z or changes its size.
"""

import contextlib
import errno
import faulthandler
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import FrameType

from quaich.log.server import Log
from quaich.stats.scoreboard import (
    EXCEPTIONS,
    GENERATION,
    LANE_SINCE,
    RUNNING,
    SENT,
    STARTED,
    WAKE,
    Slot,
)
from quaich.sys.process import set_handler
from quaich.worker import logswitch
from quaich.worker.loop import Engine
from quaich.worker.record import describe

LAST_WORDS = signal.SIGPWR
"""From the master, to a worker that it kills next."""

EXIT_LEFT = 17
"""After HUP; uWSGI's worker exits so."""

EXIT_ENDED = 30
"""After INT, TERM or QUIT, and without a master; likewise."""

_HANDLED = (
    *(signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGTSTP),
    *(signal.SIGCONT, signal.SIGWINCH, signal.SIGUSR1, signal.SIGUSR2),
)


_AT_A_TIME = 0.5
"""Seconds in which stacks are shown once: a signal comes to the main thread and to an idle one."""

_DEEPEST = 100
"""Frames of a stack that are shown, from the innermost; faulthandler shows as many."""


def prepare_last_words() -> None:
    """Show the stacks at ``LAST_WORDS``, unless the signal has a meaning of a library's already.

    It needs no interpreter, and is the same in every worker.
    """
    if signal.getsignal(LAST_WORDS) is signal.SIG_DFL:
        faulthandler.register(LAST_WORDS, file=2, all_threads=True)


class Signals:
    """Acts on signals, from whichever thread reads them; ``status`` is the exit status they ask.

    It is made before the workers are forked; ``belong`` says whose it is.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._reader = self._number = -1
        self._slot: Slot
        self._on_abandon: Callable[[], None]
        self._on_shown: Callable[[], None]
        self._engine: Engine | None = None
        self._reading = threading.Lock()
        self._showing = threading.Lock()
        self._shown = -_AT_A_TIME
        self.status = 0
        self.on_log: Callable[[], None] = _nothing

    def belong(
        self,
        number: int,
        slot: Slot,
        on_abandon: Callable[[], None],
        on_shown: Callable[[], None],
    ) -> None:
        """Act for worker ``number``, that has this slot."""
        self._number = number
        self._slot = slot
        self._on_abandon = on_abandon
        self._on_shown = on_shown

    @property
    def _worker(self) -> str:
        return f"worker={self._number} pid={os.getpid()}"

    def install(self, engine: Engine, reader: int, writer: int, supervised: bool) -> None:
        """From here on signals go to ``engine``, which watches ``reader``, the end of a pipe."""
        self._engine = engine
        self._reader = reader
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        set_handler(signal.SIGHUP, self._leave)
        set_handler(signal.SIGUSR1, _noted)
        # The kernel's own action would be to stop the process, and a request with it.
        set_handler(signal.SIGTTIN, _noted)
        set_handler(signal.SIGTTOU, _noted)
        if supervised:
            set_handler(signal.SIGTSTP, _noted)
            set_handler(signal.SIGCONT, _noted)
            set_handler(signal.SIGWINCH, self._interrupt)
        set_handler(signal.SIGUSR2, self._show)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
            set_handler(number, self._at_once)
        os.register_at_fork(after_in_child=self._belong_to_nobody)

    def read(self) -> None:
        """Act on what the pipe holds, in its order, whichever threads come to read it."""
        with self._reading:
            self._read()

    def _read(self) -> None:
        try:
            numbers = os.read(self._reader, 64)
        except BlockingIOError:
            return
        engine = self._engine
        assert engine is not None
        for number in numbers:
            if number == signal.SIGHUP:
                self.status = self.status or EXIT_LEFT
                engine.leave()
            elif number == signal.SIGTSTP:
                engine.pause()
            elif number == signal.SIGCONT:
                engine.resume()
            elif number == logswitch.SIGNAL:
                # The main thread, which runs handlers, may be busy.
                self.on_log()
            elif number == signal.SIGUSR1:
                self._log.info(self.statistics())
            elif number == signal.SIGUSR2:
                self._show_stacks(None)

    def statistics(self) -> str:
        """What this process has done so far, as a line for the log."""
        engine, slot = self._engine, self._slot
        assert engine is not None
        age = time.monotonic() - slot.get(STARTED) / 1000000
        running = sum(1 for core in range(slot.threads) if slot.lane(core, LANE_SINCE))
        return (
            f"{self._worker} statistics state={self._state(engine)} "
            f"generation={slot.get(GENERATION)} age={age:.1f}s "
            f"served={slot.served()} requests={slot.requests()} exceptions={slot.get(EXCEPTIONS)} "
            f"sent={slot.get(SENT)} busy={slot.get(RUNNING) / 1000000:.3f}s running={running} "
            f"parked={len(engine.table)} refused={engine.dropped}"
        )

    def _state(self, engine: Engine) -> str:
        return "paused" if engine.paused else "leaving" if engine.leaving else "serving"

    def _show(self, number: int, frame: FrameType | None) -> None:
        """Nothing may come out of here: it would be the request's."""
        try:
            self._show_stacks(frame)
        except Exception:
            self._log.error(f"{self._worker} a defect in quaich kept the stacks from the log")
            self._log.block(traceback.format_exc())

    def _show_stacks(self, frame: FrameType | None) -> None:
        """Write all stacks to the log; ``frame`` is where this thread was, when it was in Python.

        A thread that would show them while another does, or has just done so, leaves it at that;
        the main thread may also have been interrupted by a signal while it was here.
        """
        if not self._showing.acquire(blocking=False):
            return
        try:
            if time.monotonic() - self._shown < _AT_A_TIME:
                return
            frames = sys._current_frames()
            here = threading.get_ident()
            frames.pop(here)
            names = {each.ident: each.name for each in threading.enumerate()}
            for ident, each in [(here, frame), *frames.items()]:
                self._log.block("\n".join([f"Thread {names.get(ident, ident)}:", *_stack(each)]))
            self._show_state()
            self._shown = time.monotonic()
        finally:
            self._showing.release()
        self._on_shown()

    def _show_state(self) -> None:
        engine, slot = self._engine, self._slot
        assert engine is not None
        state = self._state(engine)
        self._log.info(f"{self._worker} {state} cores={slot.threads} parked={len(engine.table)}")
        for lane in engine.lanes:
            since = slot.lane(lane.index, LANE_SINCE)
            if since:
                age = time.monotonic() - since / 1000000
                what = describe(lane.conn) if lane.conn is not None else ""
                self._log.info(f"{self._worker} core={lane.index} age={age:.1f}s {what}".rstrip())

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        slot = self._slot
        meant = slot.get(WAKE)
        slot.set(WAKE, 0)
        since = slot.lane(0, LANE_SINCE)
        engine = self._engine
        if not since or (meant and meant != since) or engine is None or engine.answerer.failing:
            return
        if frame is None or str(frame.f_globals.get("__name__", "")).startswith("quaich."):
            return
        raise InterruptedError(errno.EINTR, "woken by SIGWINCH")

    def _belong_to_nobody(self) -> None:
        """In a process that the application forked: it shares the worker's pipe, its epoll and its
        place on the scoreboard, so no handler of ours may run there, nor the engine."""
        assert self._engine is not None
        self._engine.answerer.astray = True
        with contextlib.suppress(OSError):
            self._engine.forsake()
        signal.set_wakeup_fd(-1)
        faulthandler.unregister(LAST_WORDS)
        for number in _HANDLED:
            handler = signal.getsignal(number)
            if handler is _noted or isinstance(getattr(handler, "__self__", None), Signals):
                signal.signal(number, signal.SIG_DFL)

    def _leave(self, number: int, frame: FrameType | None) -> None:
        """Inside a request others need not wait for its end."""
        self.status = self.status or EXIT_LEFT
        if self._slot.lane(0, LANE_SINCE):
            self._let_go()

    def _let_go(self) -> None:
        """Hand over who is idle.  Nothing may come out of here: it would be the request's."""
        engine = self._engine
        assert engine is not None
        try:
            engine.leave()
            engine.hand_over()
        except Exception:
            self._log.error(f"{self._worker} a defect in quaich kept clients from other workers")
            self._log.block(traceback.format_exc())

    def _at_once(self, number: int, frame: FrameType | None) -> None:
        """Inside a request nothing can return from, the process ends.

        All is done here and nothing when the number is read from the pipe, where it is also when
        the application has a handler of its own in this one's place.
        """
        if self._slot.lane(0, LANE_SINCE):
            self._let_go()
            self._on_abandon()
            if lines := self._slot.left():
                self._log.write(lines)
            os._exit(EXIT_ENDED)
        self.status = EXIT_ENDED
        assert self._engine is not None
        self._engine.halt()


def _stack(frame: FrameType | None) -> list[str]:
    """The lines of a stack, the innermost first, as ``faulthandler`` writes them."""
    lines: list[str] = []
    while frame is not None and len(lines) < _DEEPEST:
        code = frame.f_code
        lines.append(f'  File "{code.co_filename}", line {frame.f_lineno} in {code.co_name}')
        frame = frame.f_back
    return lines or ["  in no Python function but the server's"]


def _nothing() -> None:
    pass


def _noted(number: int, frame: FrameType | None) -> None:
    """The number is in the pipe; that is all a handler is for."""
