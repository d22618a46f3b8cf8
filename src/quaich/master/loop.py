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
import struct
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from quaich.config.base import WARNING
from quaich.config.effective import Config
from quaich.errors import QuaichError
from quaich.log.server import Log
from quaich.master import vocabulary as facts
from quaich.master.plan import Plan
from quaich.master.side import Side
from quaich.master.spawn import spawn
from quaich.master.watch import Watch, limits_of
from quaich.net.listen import BoundListener
from quaich.stats.scoreboard import Scoreboard
from quaich.sys.process import describe_end
from quaich.worker import messages, startup
from quaich.worker.zygote import Bootstrap

_HANDLED = (
    *("SIGHUP", "SIGINT", "SIGTERM", "SIGQUIT", "SIGCHLD", "SIGUSR1", "SIGUSR2"),
    *("SIGTSTP", "SIGWINCH", "SIGURG", "SIGTTIN", "SIGTTOU"),
)
# Without a meaning here, and fatal if the kernel's default were left in place.
_IGNORED = ("SIGALRM",)

_CREDENTIALS = struct.Struct("=3i")
# Packets read from one channel at a time: a worker that floods it does not hold up the others.
_BATCH = 64


def policy_of(config: Config) -> facts.Policy:
    """What a configuration means for the plan."""
    return facts.Policy(
        config.processes,
        facts.meanings(config.door, config.die_on_term, os.getpid() == 1),
        mercy=float(min(config.reload_mercy, config.worker_reload_mercy)),
        worker_mercy=float(config.worker_reload_mercy),
        limits=limits_of(config),
    )


@dataclass(frozen=True)
class Estate:
    """What the server owns as a whole, beyond any generation.

    ``leftovers`` (path, device, inode) are the files that must go if the master is killed;
    ``board`` is where a log file that is opened anew is handed out (``log.board``).
    """

    listeners: tuple[BoundListener, ...]
    leftovers: tuple[tuple[str, int, int], ...]
    board: int | None = None


@dataclass
class _Held:
    """What the master holds for a generation besides its processes."""

    config: Config
    need_app: bool
    scoreboard: Scoreboard
    channel: "_Channel | None" = None


@dataclass(frozen=True)
class _Channel:
    """The master's end of the socket to a zygote, shared by the workers forked from it."""

    generation: int
    zygote: int
    socket: socket.socket


class Master:
    """Supervises until the plan says to leave."""

    def __init__(
        self,
        config: Config,
        reload: Callable[[], Config],
        estate: Estate,
        log: Log,
        sides: Sequence[Side] = (),
    ) -> None:
        self._config = config
        self._reload = reload
        self._estate = estate
        self.log = log
        self.plan = Plan(policy_of(config))
        self._sides = tuple(sides)
        self._selector = selectors.DefaultSelector()
        self._events: deque[facts.Event] = deque()
        self._held: dict[int, _Held] = {}
        # A channel outlives its zygote: it is read until its last worker has ended.
        self._channels: list[_Channel] = []
        # The end that nobody else holds: when it closes, everyone knows that we are gone.
        self._lifeline, self._lifeline_held = os.pipe()
        self._wake, self._waker = os.pipe()
        self._watch = Watch()
        self._status: int | None = None

    def run(self) -> int:
        """Start, supervise, end; the exit status."""
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
        try:
            self._perform(self.plan.start())
            while self._status is None:
                self._wait()
                while self._events:
                    event = self._events.popleft()
                    self._perform(self.plan.handle(event, time.monotonic()))
            return self._status
        finally:
            signal.set_wakeup_fd(-1)
            for side in self._sides:
                side.close()

    # The house of the sides.

    @property
    def listeners(self) -> Sequence[BoundListener]:
        """The sockets that the server listens on."""
        return self._estate.listeners

    def config(self, generation: int) -> Config | None:
        """The configuration of a generation, None when it is gone."""
        held = self._held.get(generation)
        return None if held is None else held.config

    def scoreboard(self, generation: int) -> Scoreboard | None:
        """What a generation's workers report, None when it is gone."""
        held = self._held.get(generation)
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
        now = time.monotonic()
        if watching and now >= self._watch.due:
            self._look(now)
        for side in self._sides:
            side.turn(now)
        self._events.append(facts.Tick())

    def _watching(self) -> bool:
        """Whether a limit or a file is to be looked at, once a second."""
        held = self._held.get(self.plan.current)
        if held is not None and held.config.touch_reload:
            return True
        return any(each.policy.limits.any for each in self.plan.generations.values())

    def _look(self, now: float) -> None:
        boards = {number: held.scoreboard for number, held in self._held.items()}
        self._events.extend(self._watch.breaches(self.plan.generations.values(), boards, now))
        held = self._held.get(self.plan.current)
        touched = self._watch.touched(held.config) if held is not None else []
        if touched:
            # However many files, it is one reload.
            self._events.append(facts.Touched(", ".join(touched)))

    def _read_signals(self) -> None:
        names = [signal.Signals(number).name for number in os.read(self._wake, 4096)]
        self._events.extend(facts.Signal(name) for name in names if name != "SIGCHLD")

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
            if not any(side.died(pid, how) for side in self._sides):
                ended.append(facts.Died(pid, how))
        if ended:
            for channel in list(self._channels):
                self._read_channel(channel)
            self._events.extend(ended)

    def _read_channel(self, channel: _Channel) -> None:
        space = socket.CMSG_SPACE(_CREDENTIALS.size)
        for _ in range(_BATCH):
            try:
                packet, ancillary, _, _ = channel.socket.recvmsg(messages.LIMIT, space)
            except BlockingIOError:
                return
            except OSError:
                packet, ancillary = b"", []
            if not packet and not ancillary:
                self._close(channel)
                return
            for level, kind, data in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
                    sender, _, _ = _CREDENTIALS.unpack(data)
                    self._hear(channel, packet, sender)

    def _hear(self, channel: _Channel, packet: bytes, sender: int) -> None:
        try:
            message = messages.decode(packet)
        except ValueError as error:
            self.log.warning(f"pid={sender} sent what is {error}")
            return
        number = channel.generation
        match message:
            case messages.Ready(slot):
                self._events.append(facts.Ready(number, slot, sender))
            case _ if sender != channel.zygote:
                self.log.warning(f"pid={sender} spoke for a zygote; ignored")
            case messages.Loaded():
                self._events.append(facts.Loaded(number, sender))
            case messages.LoadFailed(reason, status):
                self._events.append(facts.LoadFailed(number, sender, reason, status))
            case messages.Forked(slot, pid) if _is_child(pid):
                self._events.append(facts.Forked(number, slot, pid))
            case messages.Forked(slot, _):
                self._events.append(facts.ForkFailed(number, slot, "it ended at once"))
            case messages.ForkFailed(slot, reason):
                self._events.append(facts.ForkFailed(number, slot, reason))
            case messages.Fork():
                pass  # ours to say; nobody obeys it here

    # What to do.

    def _perform(self, actions: Sequence[facts.Action]) -> None:
        for action in actions:
            match action:
                case facts.StartZygote(generation, reload):
                    self._start_zygote(generation, reload)
                case facts.Fork(generation, slot, seat):
                    self._fork(generation, slot, seat)
                case facts.Kill(pid, name):
                    # Not reaped yet, so the pid cannot be another's.
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.Signals[name])
                case facts.Forget(generation):
                    self._forget(generation)
                case facts.Say(level, text):
                    getattr(self.log, level)(text)
                case facts.Leave(status):
                    self._status = status
            now = time.monotonic()
            heeded = [side.heed(action, now) for side in self._sides]
            if isinstance(action, facts.Perform) and not any(heeded):
                text = f"{action.meaning.value}: there is nothing set up for it"
                self.log.warning(text)
                self._perform([facts.Answer(action.ticket, False, text)])

    def _start_zygote(self, number: int, reload: bool) -> None:
        try:
            held = self._held.get(number) or self._hold(number, reload)
            self._events.append(self._spawn(number, held))
        except QuaichError as error:
            self._events.append(facts.StartFailed(number, str(error), error.status))
        except OSError as error:
            reason = f"no zygote can be started: {(error.strerror or str(error)).lower()}"
            self._events.append(facts.StartFailed(number, reason))

    def _hold(self, number: int, reload: bool) -> _Held:
        config = self._config
        if reload:
            config = self._reload()
            startup.identity(config)
            for note in config.notes:
                (self.log.warning if note.severity == WARNING else self.log.info)(str(note))
            if config.listeners != self._config.listeners:
                self.log.warning("the addresses to listen on changed; that needs a restart")
        # A reload must not replace an application by none.
        need_app = reload or config.need_app
        held = _Held(config, need_app, Scoreboard.create(config.processes, config.threads))
        self._held[number] = held
        return held

    def _spawn(self, number: int, held: _Held) -> facts.ZygoteStarted:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            ours.setblocking(False)
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            bootstrap = Bootstrap(
                config=held.config,
                generation=number,
                master=os.getpid(),
                listeners=self._estate.listeners,
                scoreboard=held.scoreboard.fd,
                channel=theirs.fileno(),
                lifeline=self._lifeline,
                need_app=held.need_app,
                leftovers=self._estate.leftovers,
                board=self._estate.board,
            )
            pid = spawn(bootstrap)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        held.channel = _Channel(number, pid, ours)
        self._channels.append(held.channel)
        self.watch(ours.fileno(), partial(self._read_channel, held.channel))
        return facts.ZygoteStarted(number, pid, policy_of(held.config))

    def _fork(self, number: int, slot: int, seat: int) -> None:
        channel = self._held[number].channel
        try:
            if channel is not None:
                channel.socket.send(messages.encode(messages.Fork(slot, seat)))
        except OSError as error:
            # A zygote that is stopped, or gone: its death is reported on its own.
            reason = f"the zygote does not listen: {(error.strerror or str(error)).lower()}"
            self._events.append(facts.ForkFailed(number, slot, reason))

    def _forget(self, number: int) -> None:
        os.close(self._held.pop(number).scoreboard.fd)
        for channel in [each for each in self._channels if each.generation == number]:
            self._close(channel)

    def _close(self, channel: _Channel) -> None:
        self._channels.remove(channel)
        self.unwatch(channel.socket.fileno())
        channel.socket.close()


def _is_child(pid: int) -> bool:
    """Whether a process is a child of ours that was not waited for yet."""
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except OSError:
        return False
    return True
