"""What becomes of the programs the master looks after: (state, event, now) → actions.  Pure.

    IDLE      not started, or between two lives; starts at ``until``, a smart one after a look
    RUNNING   a child of ours
    ADOPTED   a smart one that some other process is, looked at every ``freq`` seconds
    STOPPING  told to end; killed at ``until``; its successor, if any, starts when it is gone

A daemon that lives for less than ten seconds is started again after a pause that grows by a
second each time.  One without a pid file is restarted by a reload, or gets its ``reloadsignal``;
one with a pid file is left alone by reloads and outlives the server.  Twins, the same program
wanted twice, are two daemons.
"""

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any

from quaich.config.daemons import Daemon
from quaich.values import asdict, dataclass

SHORT_LIFE = 10.0
KILL = 9


class State(Enum):
    """Of one daemon."""

    IDLE = "idle"
    RUNNING = "running"
    ADOPTED = "adopted"
    STOPPING = "stopping"


@dataclass(frozen=True)
class Look:
    """Find out which process is the daemon; ``found`` is to be called."""

    key: int


@dataclass(frozen=True)
class Launch:
    """Start it; ``started`` is to be called, or ``failed``."""

    key: int


@dataclass(frozen=True)
class Send:
    """Signal the group of a daemon's process."""

    pid: int
    number: int


@dataclass(frozen=True)
class Say:
    """A fact for the log."""

    level: str
    text: str


@dataclass(frozen=True)
class EndServer:
    """A control daemon has ended."""

    why: str


Action = Look | Launch | Send | Say | EndServer


@dataclass
class Kept:
    """One daemon and what is known of it."""

    spec: Daemon
    state: State = State.IDLE
    pid: int = 0
    since: float = 0.0
    until: float | None = 0.0
    failures: int = 0
    wanted: bool = True
    starts: int = 0


class Daemons:
    """All of them, by a number that stays; ``mercy`` is the time to end."""

    def __init__(self, mercy: float) -> None:
        self.mercy = mercy
        self.kept: dict[int, Kept] = {}
        self._last = 0
        self._actions: list[Action] = []

    def deadline(self) -> float | None:
        """When ``tick`` is due."""
        return min((k.until for k in self.kept.values() if k.until is not None), default=None)

    def want(self, specs: Iterable[Daemon], reloaded: bool, now: float) -> list[Action]:
        """These are the daemons from now on; ``reloaded``: because of a reload."""
        self._actions = []
        left = {key: each for key, each in self.kept.items() if each.wanted}
        for spec in specs:
            key = next((key for key, each in left.items() if each.spec == spec), None)
            if key is None:
                self._last += 1
                self.kept[self._last] = Kept(spec, until=now)
            else:
                kept = left.pop(key)
                if reloaded:
                    self._reload(kept, now)
        for kept in left.values():
            # What the configuration names no more is stopped, smart or not.
            kept.wanted = False
            self._stop(kept, now)
        self._sweep()
        return self._take()

    def stop(self, now: float) -> list[Action]:
        """The server ends."""
        self._actions = []
        for kept in self.kept.values():
            kept.wanted = False
            if kept.spec.pidfile and kept.state is not State.STOPPING:
                kept.state, kept.pid, kept.until = State.IDLE, 0, None
            elif kept.state is not State.STOPPING:
                self._stop(kept, now)
        self._sweep()
        return self._take()

    def tick(self, now: float) -> list[Action]:
        """What is due."""
        self._actions = []
        for key, kept in list(self.kept.items()):
            if kept.until is None or kept.until > now:
                continue
            kept.until = None
            if kept.state is State.STOPPING:
                self._say("warning", kept, f"does not end, killed after {self.mercy:g}s")
                self._actions.append(Send(kept.pid, KILL))
            elif kept.spec.pidfile:
                self._actions.append(Look(key))
            elif kept.state is State.IDLE:
                self._actions.append(Launch(key))
        return self._take()

    def touched(self, key: int, now: float) -> list[Action]:
        """A file of a daemon was touched: restart it, smart or not."""
        self._actions = []
        kept = self.kept[key]
        if kept.state in (State.RUNNING, State.ADOPTED):
            self._stop(kept, now)
        return self._take()

    def found(self, key: int, pid: int, now: float) -> list[Action]:
        """What a look has shown: the process of a smart daemon, or 0."""
        self._actions = []
        kept = self.kept[key]
        if kept.state is State.STOPPING or kept.state is State.RUNNING:
            return []
        if pid:
            if kept.pid != pid:
                self._say("info", kept, f"pid={pid} runs already")
            kept.state, kept.pid, kept.until = State.ADOPTED, pid, now + kept.spec.freq
            return self._take()
        if kept.state is State.ADOPTED and kept.pid:
            self._say("warning", kept, f"pid={kept.pid} is gone")
        kept.state, kept.pid = State.IDLE, 0
        self._actions.append(Launch(key))
        return self._take()

    def started(self, key: int, pid: int, now: float) -> list[Action]:
        """It was launched."""
        self._actions = []
        kept = self.kept[key]
        kept.state, kept.pid, kept.since, kept.until = State.RUNNING, pid, now, None
        kept.starts += 1
        self._say("info", kept, f"pid={pid} started")
        return self._take()

    def failed(self, key: int, reason: str, now: float) -> list[Action]:
        """It could not be launched."""
        self._actions = []
        kept = self.kept[key]
        kept.since = now
        self._say("error", kept, f"cannot be started: {reason}")
        self._pause(kept, now)
        return self._take()

    def died(self, pid: int, how: str, now: float) -> list[Action] | None:
        """A child has ended; None when it was none of these."""
        self._actions = []
        kept = next((each for each in self.kept.values() if each.pid == pid), None)
        if kept is None:
            return None
        stopped, running = kept.state is State.STOPPING, kept.state is State.RUNNING
        kept.pid = 0
        if stopped:
            self._say("info", kept, f"pid={pid} stopped {how}")
            kept.state, kept.until, kept.failures = State.IDLE, now, 0
        elif running and kept.spec.daemonizes and how == "exit=0":
            # It went into the background; its pid file is looked at once it can be there.
            kept.state, kept.until = State.ADOPTED, now + kept.spec.freq
        else:
            self._say("warning", kept, f"pid={pid} ended {how}")
            if kept.spec.control:
                kept.state, kept.until, kept.wanted = State.IDLE, None, False
                self._actions.append(EndServer(f"control daemon ended: {kept.spec.command}"))
            else:
                self._pause(kept, now)
        self._sweep()
        return self._take()

    def idle(self) -> bool:
        """Whether nothing is left that must be waited for."""
        return not any(each.pid for each in self.kept.values())

    def to_data(self) -> list[Any]:
        """As JSON has it."""
        return [
            {**asdict(each), "state": each.state.value, "key": key}
            for key, each in self.kept.items()
        ]

    @classmethod
    def from_data(cls, mercy: float, data: list[Any]) -> "Daemons":
        """What ``to_data`` made, in the same process."""
        found = cls(mercy)
        for each in data:
            values = dict(each)
            key = values.pop("key")
            spec = values.pop("spec")
            spec["touch"] = tuple(spec["touch"])
            state = State(values.pop("state"))
            found.kept[key] = Kept(Daemon(**spec), state, **values)
            found._last = max(found._last, key)
        return found

    def _reload(self, kept: Kept, now: float) -> None:
        if kept.spec.pidfile or kept.state is not State.RUNNING:
            return
        if kept.spec.reloadsignal:
            self._say("info", kept, f"pid={kept.pid} signal={kept.spec.reloadsignal}")
            self._actions.append(Send(kept.pid, kept.spec.reloadsignal))
        else:
            self._stop(kept, now)

    def _stop(self, kept: Kept, now: float) -> None:
        if not kept.pid:
            kept.state, kept.until = State.IDLE, None
        elif kept.state is not State.STOPPING:
            kept.state, kept.until = State.STOPPING, now + self.mercy
            self._actions.append(Send(kept.pid, kept.spec.stopsignal))

    def _pause(self, kept: Kept, now: float) -> None:
        kept.failures = kept.failures + 1 if now - kept.since < SHORT_LIFE else 0
        pause = min(kept.failures, kept.spec.max_throttle)
        kept.state, kept.until = State.IDLE, now + pause
        if pause:
            self._say("info", kept, f"starts again in {pause}s")

    def _sweep(self) -> None:
        for key, kept in list(self.kept.items()):
            if not kept.wanted and not kept.pid:
                del self.kept[key]

    def _say(self, level: str, kept: Kept, text: str) -> None:
        self._actions.append(Say(level, f"daemon={_name(kept.spec)} {text}"))

    def _take(self) -> list[Action]:
        actions, self._actions = self._actions, []
        return actions


def _name(spec: Daemon) -> str:
    return next(iter(_programs(spec.command)), spec.command)


def _programs(command: str) -> Iterator[str]:
    """What a command may be called when it runs: the last parts of its first words."""
    for word in command.split()[:3]:
        name = word.strip("'\"").rpartition("/")[2]
        if name and not name.startswith("-") and "=" not in word and name != "exec":
            yield name


def belongs(command: str, shown: str) -> bool:
    """Whether a process that shows this command line may be the daemon of a command."""
    return any(each in shown for each in _programs(command))
