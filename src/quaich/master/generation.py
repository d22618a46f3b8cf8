"""What the plan keeps of a generation: its zygote and its workers, as handles with a state.

A handle outlives the processes behind it: it counts how often they died early, from which the pause
before the next one follows.
"""

from collections.abc import Iterator
from enum import Enum

from quaich.master.vocabulary import Policy
from quaich.values import dataclass, field

SHORT_LIFE = 1.0
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0


class Stage(Enum):
    """A generation's state."""

    LOADING = "loading"
    RAISING = "raising"
    SERVING = "serving"
    RETIRING = "retiring"
    ASLEEP = "asleep"


class Post(Enum):
    """The state of a process that is kept: a worker, or a zygote (READY when it can fork)."""

    ABSENT = "absent"
    ASKED = "asked"
    STARTED = "started"
    READY = "ready"
    PAUSED = "paused"
    LEAVING = "leaving"


@dataclass(eq=False)
class Handle:
    """The master's view of a zygote or a worker; ``until`` is its next deadline.

    ``seat`` is a worker's place on the scoreboard, ``doomed`` why it will be killed by then,
    ``silent`` whether it is to show its stacks before and has not, ``warned`` the beginning of the
    request it was sent a signal for.
    """

    slot: int
    post: Post = Post.ABSENT
    pid: int = 0
    since: float = 0.0
    failures: int = 0
    until: float | None = None
    seat: int = 0
    doomed: str = ""
    warned: float = 0.0
    silent: bool = False

    def pause_after_death(self, now: float, first: float = FIRST_PAUSE) -> float:
        """Count this death, and how long to wait before the next try."""
        # A load that takes its time before it crashes would keep the machine busy all the same.
        early = self.post in (Post.ASKED, Post.STARTED) or now - self.since < SHORT_LIFE
        self.failures = self.failures + 1 if early else 0
        # A first one that had served may have been killed, and is no reason to be slow.
        pauses = self.failures - (self.post is Post.READY)
        if pauses <= 0:
            return 0.0
        return float(min(first * 2 ** min(pauses - 1, 10), max(first, LONGEST_PAUSE)))

    def pause_after_service(self, now: float, first: float) -> float:
        """The same for one that accepted: any client may be the cause, by a request that kills, and
        must not be able to stop the service for longer and longer."""
        return min(first / 4, self.pause_after_death(now, first) / 10)

    def alive(self) -> bool:
        """Whether there is a process behind it."""
        return self.pid != 0

    def gone(self, post: Post = Post.ABSENT, until: float | None = None) -> None:
        """There is no process behind it any more."""
        self.pid, self.post, self.until = 0, post, until


@dataclass
class Generation:
    """One zygote and its workers, by slot.

    A worker that is to be replaced serves until its relief, the next worker of the same slot, is
    ready; then, or at once when it is killed, it is one of the outgoing, and has no successor.
    ``wanted`` is how many slots should have a worker, ``until`` when it must be ready to serve.
    One that retires with ``keep`` leaves its zygote behind, asleep.
    """

    number: int
    policy: Policy
    stage: Stage = Stage.LOADING
    zygote: Handle = field(default_factory=lambda: Handle(0))
    workers: dict[int, Handle] = field(default_factory=dict)
    relief: dict[int, Handle] = field(default_factory=dict)
    outgoing: list[Handle] = field(default_factory=list)
    wanted: int = 0
    until: float | None = None
    keep: bool = False

    def crew(self) -> list[Handle]:
        """Every worker, whether it serves, is to serve, or leaves."""
        return [*self.workers.values(), *self.relief.values(), *self.outgoing]

    def steady(self) -> bool:
        """Whether it has the workers it should have, and none is being replaced."""
        return (
            len(self.workers) == self.wanted
            and not self.relief
            and all(each.post is Post.READY for each in self.workers.values())
        )

    def processes(self) -> Iterator[Handle]:
        """Every handle with a process."""
        return (each for each in (self.zygote, *self.crew()) if each.alive())

    def asked(self, slot: int) -> Handle | None:
        """Who a worker is that was forked for a slot: at most one is asked for at a time."""
        worker, relief = self.workers.get(slot), self.relief.get(slot)
        return relief if relief is not None and relief.post is Post.ASKED else worker

    def by_pid(self, slot: int, pid: int) -> Handle | None:
        """The worker of a slot, or its relief, that is this process."""
        for each in (self.workers.get(slot), self.relief.get(slot)):
            if each is not None and each.pid == pid:
                return each
        return None

    def free_seat(self, slot: int) -> int | None:
        """A seat of a slot that no process of it writes to, or was asked for to write to."""
        taken = {
            each.seat
            for each in self.crew()
            if each.slot == slot and (each.alive() or each.post is Post.ASKED)
        }
        return next((seat for seat in (0, 1) if seat not in taken), None)
