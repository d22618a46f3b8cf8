"""The thin performer: it sleeps until something happened, tells the plan, and does what that says.

Three things wake it: a signal (handlers only write a byte to a pipe), a message of a zygote or a
worker, and the plan's next deadline.  Messages are read before deaths are reported, so that the
plan hears the last words of a process before it hears of its end.
"""

import contextlib
import os
import selectors
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence

from quaich import __version__
from quaich.config.effective import Config
from quaich.errors import QuaichError
from quaich.log.server import Log
from quaich.master import upgrade
from quaich.master import vocabulary as facts
from quaich.master.channels import Channel, Channels
from quaich.master.estate import Estate, State
from quaich.master.holdings import Holdings
from quaich.master.plan import Plan
from quaich.master.policy import policy_of
from quaich.master.readings import Reading, Readings
from quaich.master.side import Side
from quaich.master.watch import Watch, longest_queue, watches
from quaich.net.listen import BoundListener
from quaich.stats.scoreboard import Scoreboard
from quaich.sys.process import describe_end, let_go
from quaich.worker import messages

LATER = ("SIGHUP", "SIGUSR1", "SIGUSR2", "SIGTSTP", "SIGURG", "SIGTTIN", "SIGTTOU")
"""What can wait until a server that starts is there; other signals may end the start."""

_HANDLED = (*LATER, "SIGINT", "SIGTERM", "SIGQUIT", "SIGCHLD", "SIGWINCH")
# Without a meaning here, and fatal if the kernel's default were left in place.
_IGNORED = ("SIGALRM",)


class Master:
    """Supervises until the plan says to leave."""

    def __init__(
        self,
        config: Config,
        reload: Callable[[], Reading],
        estate: Estate,
        log: Log,
        sides: Sequence[Side] = (),
        state: State | None = None,
    ) -> None:
        self._config = config
        self._estate = estate
        self.log = log
        self.plan = Plan(policy_of(config))
        self._trials = upgrade.Trials(self._state)
        self._readings = Readings(reload, self._read)
        self._sides = (*sides, self._trials, self._readings)
        self._becoming = 0
        self._first: Sequence[facts.Action] = ()
        self._selector = selectors.DefaultSelector()
        self._events: deque[facts.Event] = deque()
        self._watch = Watch()
        self._channels = Channels(self, self._watch.learn, self._handed)
        # The end that nobody else holds: when it closes, everyone knows that we are gone.
        self._lifeline, self._lifeline_held = state.lifeline if state else os.pipe()
        self._holdings = Holdings(config, estate, self._lifeline, self._channels, log)
        self._wake, self._waker = os.pipe()
        self._status: int | None = None
        self._deaf = False
        if state:
            self._resume(state)
        else:
            self._first = self.plan.start()

    def run(self, early: Sequence[str] = ()) -> int:
        """Start, supervise, end; the exit status.  ``early`` are signals that came before."""
        os.set_blocking(self._wake, False)
        os.set_blocking(self._waker, False)
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        for name in _HANDLED:
            signal.signal(signal.Signals[name], lambda number, frame: None)
        for name in _IGNORED:
            signal.signal(signal.Signals[name], signal.SIG_IGN)
        self.watch(self._wake, self._read_signals)
        for side in self._sides:
            side.attach(self)
        # A master that was executed anew comes here with every signal blocked.
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        try:
            self._perform(self._first)
            self._events.extend(facts.Signal(name) for name in early)
            # The word of a death may have gone to the master that this process was.
            self._reap()
            while True:
                while self._events:
                    self._handle(self._events.popleft())
                if self._status is not None:
                    return self._status
                if self._becoming:
                    self._become()
                else:
                    self._wait()
        finally:
            signal.set_wakeup_fd(-1)
            for name in _HANDLED:
                # Whoever is impatient now must not cut the cleaning up short.
                if name != "SIGCHLD":
                    signal.signal(signal.Signals[name], signal.SIG_IGN)
            self._close_sides()

    def _close_sides(self) -> None:
        for side in self._sides:
            try:
                side.close()
            except OSError as error:
                # What the others have to clean up is no less important.
                self.log.error(f"at the end: {error}")

    def _handle(self, event: facts.Event) -> None:
        actions = self.plan.handle(event, time.monotonic())
        # Before anybody is told to leave: whether somebody will take over from them.
        heirs = self.plan.heirs
        for held in self._holdings:
            if held.scoreboard.heirs != heirs:
                held.scoreboard.heirs = heirs
        if self.plan.ending and not self._deaf:
            # The workers empty the queues before they let go, too; later clients are refused.
            self._deaf = True
            for listener in self._estate.listeners:
                let_go(listener.fd)
        self._perform(actions)

    # Executing the master anew.

    def _become(self) -> None:
        """Become the installed version, now that nothing else is to be done.

        It does not return, unless that cannot be, or is not wanted any more.
        """
        trial, self._becoming = self._becoming, 0
        if self.plan.trying:
            reason, missed = upgrade.become(self._state(), self._signals, self.log)
            self._events.extend(facts.Signal(name) for name in missed)
            self._events.append(facts.Tried(trial, reason))

    def _state(self) -> State:
        """All that the installed version goes on from."""
        sides = {each.name: each.carry() for each in self._sides if each.name}
        return State(
            config=self._config,
            estate=self._estate,
            plan=self.plan,
            held=self._holdings.carry(),
            channels=[(c.generation, c.zygote, c.socket.fileno()) for c in self._channels],
            lifeline=(self._lifeline, self._lifeline_held),
            sides={name: data for name, (data, _) in sides.items()},
            descriptors=[
                *(self._lifeline, self._lifeline_held),
                *self._estate.descriptors(),
                *(held.scoreboard.fd for held in self._holdings),
                *(each.socket.fileno() for each in self._channels),
                *(fd for _, fds in sides.values() for fd in fds),
            ],
            watch=self._watch.carry(),
            answers=self.plan.wishes.now.tickets if self.plan.wishes.now else (),
            then=self.plan.following(),
        )

    def _resume(self, state: State) -> None:
        """Go on where the master that this process was has ended."""
        for fd in state.descriptors:
            os.set_inheritable(fd, False)
        self.plan = state.plan
        self._watch.resume(state.watch)
        self._holdings.resume(state.held)
        for generation, zygote, fd in state.channels:
            self._channels.add(Channel(generation, zygote, socket.socket(fileno=fd)))
        for side in self._sides:
            if side.name in state.sides:
                side.resume(state.sides[side.name])
        text = f"quaich={__version__} goes on"
        answers = [facts.Answer(each, True, text) for each in state.answers if each]
        self._first = [*answers, *self.plan.go_on(state.then, time.monotonic())]
        self._events.extend(facts.Signal(name) for name in state.signals)

    # The house of the sides.

    @property
    def listeners(self) -> Sequence[BoundListener]:
        """The sockets that the server listens on."""
        return self._estate.listeners

    def config(self, generation: int) -> Config | None:
        """The configuration of a generation, None when it is gone."""
        held = self._holdings.get(generation)
        return None if held is None else held.config

    def scoreboard(self, generation: int) -> Scoreboard | None:
        """What a generation's workers report, None when it is gone."""
        held = self._holdings.get(generation)
        return None if held is None else held.scoreboard

    def watch(self, fd: int, callback: Callable[[], None], writing: bool = False) -> None:
        """Call back whenever a descriptor can be read (or written)."""
        mask = selectors.EVENT_WRITE if writing else selectors.EVENT_READ
        if fd in self._selector.get_map():
            self._selector.modify(fd, mask, callback)
        else:
            self._selector.register(fd, mask, callback)

    def unwatch(self, fd: int) -> None:
        """Stop that, before the descriptor is closed."""
        self._selector.unregister(fd)

    def tell(self, event: facts.Event) -> None:
        """Queue an event for the plan."""
        self._events.append(event)

    def _handed(self, pid: int, slot: int, data: bytes) -> None:
        for side in self._sides:
            side.handed(pid, slot, data)

    def answer(self, ticket: int, ok: bool, text: str) -> None:
        """Say what came of a ``Perform``."""
        if ticket:
            self._perform([facts.Answer(ticket, ok, text)])

    # What happened.

    def _wait(self) -> None:
        """Sleep until something happened, and queue it."""
        watching = self._watching()
        times = [self.plan.deadline(), *(side.due() for side in self._sides)]
        if watching:
            times.append(self._watch.due)
        deadline = min((each for each in times if each is not None), default=None)
        timeout = None if deadline is None else max(0.0, deadline - time.monotonic())
        for key, _ in self._selector.select(timeout):
            # One callback may have ended what the next is about.
            if self._selector.get_map().get(key.fd) is key:
                key.data()
        self._reap()
        self.plan.outdated = self._trials.outdated
        now = time.monotonic()
        if watching and now >= self._watch.due:
            self._look(now)
        for side in self._sides:
            side.turn(now)
        self._events.append(facts.Tick())

    def _watching(self) -> bool:
        """Whether a limit or a file is to be looked at, once a second."""
        held = self._holdings.get(self.plan.current)
        if held is not None and watches(held.config):
            return True
        return any(each.policy.limits.any for each in self.plan.generations.values())

    def _look(self, now: float) -> None:
        boards = self._holdings.boards()
        generations = self.plan.generations.values()
        queue = None
        if any(each.policy.limits.harakiri_queue for each in generations):
            queue = longest_queue(each.fd for each in self._estate.listeners)
        self._events.extend(self._watch.breaches(generations, boards, now, queue))
        held = self._holdings.get(self.plan.current)
        if held is not None:
            self._events.extend(self._watch.touched(held.config))
            self._events.extend(self._watch.edited(held.config, now))

    def _read_signals(self) -> None:
        self._events.extend(facts.Signal(name) for name in self._signals())

    def _signals(self) -> list[str]:
        """The signals that came and are not about children."""
        try:
            numbers = os.read(self._wake, 4096)
        except BlockingIOError:
            return []
        names = [signal.Signals(number).name for number in numbers]
        unheard = ("SIGCHLD", "SIGWINCH") if _in_terminal() else ("SIGCHLD",)
        return [name for name in names if name not in unheard]

    def _reap(self) -> None:
        ended = []
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            how = describe_end(status)
            claimed = any(side.died(pid, how) for side in self._sides)
            # A zygote may have passed one of theirs off as its own.
            if not claimed or self.plan.knows(pid):
                ended.append(facts.Died(pid, how))
        if ended:
            self._channels.read_all()
            self._events.extend(ended)
            self._channels.buried([each.pid for each in ended])

    # What to do.

    def _perform(self, actions: Sequence[facts.Action]) -> None:
        for action in actions:
            match action:
                case facts.StartZygote(generation, _, int(parent)):
                    self._refork(generation, parent)
                case facts.StartZygote(generation, True):
                    self._read_again(generation)
                case facts.StartZygote(generation):
                    self._start_zygote(generation)
                case facts.Fork(generation, slot, seat):
                    self._fork(generation, slot, seat)
                case facts.Kill(pid, name):
                    # Not reaped yet, so the pid cannot be another's.
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.Signals[name])
                case facts.Forget(generation):
                    self._holdings.forget(generation)
                case facts.Say(level, text):
                    getattr(self.log, level)(text)
                case facts.Become(trial):
                    self._becoming = trial
                case facts.Leave(status):
                    self._status = status
            now = time.monotonic()
            heeded = [side.heed(action, now) for side in self._sides]
            if isinstance(action, facts.Perform) and not any(heeded):
                text = f"{action.meaning.value}: there is nothing set up for it"
                self.log.warning(text)
                self._perform([facts.Answer(action.ticket, False, text)])

    def _read_again(self, number: int) -> None:
        try:
            self._readings.begin(number, self.plan.policy.startup, time.monotonic())
        except (QuaichError, OSError) as error:
            self._start_failed(number, str(error))

    def _read(self, number: int, found: Config | QuaichError) -> None:
        """The configuration of a reload is read, if anybody waits for it still."""
        if self.plan.ending or number != self.plan.raising:
            return
        if isinstance(found, QuaichError):
            self._start_failed(number, str(found), found.status)
        else:
            self._start_zygote(number, found)

    def _start_zygote(self, number: int, fresh: Config | None = None) -> None:
        try:
            self._events.append(self._holdings.start(number, fresh))
        except QuaichError as error:
            self._start_failed(number, str(error), error.status)
        except OSError as error:
            reason = f"no zygote can be started: {(error.strerror or str(error)).lower()}"
            self._start_failed(number, reason)

    def _start_failed(self, number: int, reason: str, status: int = 1) -> None:
        if number in self._holdings and number not in self.plan.generations:
            self._holdings.forget(number)
        self._events.append(facts.StartFailed(number, reason, status))

    def _refork(self, number: int, parent: int) -> None:
        try:
            self._holdings.refork(number, parent)
        except OSError as error:
            reason = f"the zygote cannot be asked: {(error.strerror or str(error)).lower()}"
            self._start_failed(number, reason)

    def _fork(self, number: int, slot: int, seat: int) -> None:
        try:
            self._channels.send(number, messages.Fork(slot, seat))
        except OSError as error:
            # A zygote that is stopped, or gone: its death is reported on its own.
            reason = f"the zygote does not listen: {(error.strerror or str(error)).lower()}"
            self._events.append(facts.ForkFailed(number, slot, reason))


def _in_terminal() -> bool:
    """Whether a terminal sends its signals to this process: of a change of its size, for one."""
    try:
        fd = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(fd)
