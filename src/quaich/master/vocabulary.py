"""The words between the plan and the loop: what happened, and what is to be done.

Also what a configuration means for the plan (``Policy``) and what each front door understands by a
signal (``meanings``).  Only plain values: no process, clock or descriptor is behind any of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Meaning(Enum):
    """What a signal asks for."""

    RELOAD = "reload"
    BRUTAL_RELOAD = "brutal reload"
    DRAIN = "drain"
    STOP = "stop"


def meanings(door: str, die_on_term: bool) -> Mapping[str, Meaning]:
    """The signals of a front door; those not named here are ignored."""
    reload = {"SIGHUP": Meaning.RELOAD}
    if door == "modern":
        drain = {"SIGTERM": Meaning.DRAIN, "SIGINT": Meaning.DRAIN}
        return reload | drain | {"SIGQUIT": Meaning.STOP}
    term, quit_ = Meaning.BRUTAL_RELOAD, Meaning.STOP
    if die_on_term:
        # uWSGI's option exchanges the two.
        term, quit_ = quit_, term
    return reload | {"SIGINT": Meaning.STOP, "SIGTERM": term, "SIGQUIT": quit_}


class Verdict(Enum):
    """What is to become of a worker that passed a limit."""

    HARAKIRI = "harakiri"
    KILL = "killed"
    RECYCLE = "recycled"


@dataclass(frozen=True)
class Limits:
    """What a worker may use up; 0 is no limit.  Seconds, requests and octets."""

    harakiri: int = 0
    max_requests: int = 0
    max_requests_delta: int = 0
    min_worker_lifetime: int = 10
    max_worker_lifetime: int = 0
    max_worker_lifetime_delta: int = 0
    reload_on_rss: int = 0
    reload_on_as: int = 0
    evil_reload_on_rss: int = 0
    evil_reload_on_as: int = 0

    @property
    def memory(self) -> bool:
        """Whether any of them needs to know the size of a worker."""
        return bool(
            self.reload_on_rss
            or self.reload_on_as
            or self.evil_reload_on_rss
            or self.evil_reload_on_as
        )

    @property
    def any(self) -> bool:
        """Whether there is anything to watch."""
        return bool(self.harakiri or self.max_requests or self.max_worker_lifetime or self.memory)


@dataclass(frozen=True)
class Policy:
    """What the configuration of a generation means for the plan.

    Seconds: ``mercy`` is what a generation that is told to leave has for it, ``worker_mercy`` what
    a single worker has, and ``patience`` what is left to one that is told to leave at once.
    """

    workers: int
    signals: Mapping[str, Meaning]
    mercy: float = 60.0
    patience: float = 1.0
    worker_mercy: float = 60.0
    limits: Limits = Limits()


# What happened.


@dataclass(frozen=True)
class Signal:
    """The master got a signal."""

    name: str


@dataclass(frozen=True)
class ZygoteStarted:
    """A zygote was executed; it loads now."""

    generation: int
    pid: int
    policy: Policy


@dataclass(frozen=True)
class StartFailed:
    """A zygote could not even be executed, or its configuration is refused."""

    generation: int
    reason: str
    status: int = 1


@dataclass(frozen=True)
class Loaded:
    """A zygote can fork."""

    generation: int
    pid: int


@dataclass(frozen=True)
class LoadFailed:
    """A zygote has no application to serve."""

    generation: int
    pid: int
    reason: str
    status: int


@dataclass(frozen=True)
class Forked:
    """A worker exists."""

    generation: int
    slot: int
    pid: int


@dataclass(frozen=True)
class ForkFailed:
    """A worker that was asked for does not exist."""

    generation: int
    slot: int
    reason: str


@dataclass(frozen=True)
class Ready:
    """A worker accepts connections."""

    generation: int
    slot: int
    pid: int


@dataclass(frozen=True)
class Died:
    """A child ended; ``how`` is ``exit=1`` or ``signal=SIGSEGV``."""

    pid: int
    how: str


@dataclass(frozen=True)
class Breach:
    """A worker passed a limit; ``cause`` says which, and by how much."""

    generation: int
    slot: int
    pid: int
    verdict: Verdict
    cause: str


@dataclass(frozen=True)
class Touched:
    """A file that asks for a reload was created, removed or written."""

    path: str


@dataclass(frozen=True)
class Tick:
    """A deadline may have passed."""


Event = (
    Signal
    | ZygoteStarted
    | StartFailed
    | Loaded
    | LoadFailed
    | Forked
    | ForkFailed
    | Ready
    | Died
    | Breach
    | Touched
    | Tick
)


# What to do.


@dataclass(frozen=True)
class StartZygote:
    """Execute a zygote; with ``reload``, from the configuration as it is written now."""

    generation: int
    reload: bool


@dataclass(frozen=True)
class Fork:
    """Ask the generation's zygote for a worker, in a seat of its slot on the scoreboard."""

    generation: int
    slot: int
    seat: int = 0


@dataclass(frozen=True)
class Kill:
    """Send a signal."""

    pid: int
    signal: str


@dataclass(frozen=True)
class Forget:
    """Release what is held for a generation: nothing of it is left."""

    generation: int


@dataclass(frozen=True)
class Say:
    """Log a fact; ``level`` is info, warning or error."""

    level: str
    text: str


@dataclass(frozen=True)
class Leave:
    """Everything is gone: end with this status."""

    status: int


Action = StartZygote | Fork | Kill | Forget | Say | Leave
