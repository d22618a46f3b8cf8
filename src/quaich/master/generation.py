"""What the plan keeps of a generation: its zygote and its workers, as handles with a state.

A handle outlives the processes behind it: it counts how often they died early, from which the pause
before the next one follows.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from quaich.master.vocabulary import Policy

SHORT_LIFE = 1.0
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0


class Stage(Enum):
    """A generation's state."""

    LOADING = "loading"
    RAISING = "raising"
    SERVING = "serving"
    RETIRING = "retiring"


class Post(Enum):
    """The state of a process that is kept: a worker, or a zygote (READY when it can fork)."""

    ABSENT = "absent"
    ASKED = "asked"
    STARTED = "started"
    READY = "ready"
    PAUSED = "paused"
    LEAVING = "leaving"


@dataclass
class Handle:
    """The master's view of a zygote or a worker; ``until`` is its next deadline."""

    slot: int
    post: Post = Post.ABSENT
    pid: int = 0
    since: float = 0.0
    failures: int = 0
    until: float | None = None

    def pause_after_death(self, now: float) -> float:
        """Count this death, and how long to wait before the next try."""
        self.failures = self.failures + 1 if now - self.since < SHORT_LIFE else 0
        if not self.failures:
            return 0.0
        return float(min(FIRST_PAUSE * 2 ** min(self.failures - 1, 10), LONGEST_PAUSE))

    def alive(self) -> bool:
        """Whether there is a process behind it."""
        return self.pid != 0

    def gone(self, post: Post = Post.ABSENT, until: float | None = None) -> None:
        """There is no process behind it any more."""
        self.pid, self.post, self.until = 0, post, until


@dataclass
class Generation:
    """One zygote and its workers, by slot."""

    number: int
    policy: Policy
    stage: Stage = Stage.LOADING
    zygote: Handle = field(default_factory=lambda: Handle(0))
    workers: dict[int, Handle] = field(default_factory=dict)

    def processes(self) -> Iterator[Handle]:
        """Every handle with a process."""
        return (each for each in (self.zygote, *self.workers.values()) if each.alive())
