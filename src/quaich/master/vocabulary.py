"""The words between the plan and the loop: what happened, and what is to be done.

Also what a configuration means for the plan (``Policy``) and what each front door understands by a
signal (``meanings``).  Only plain values: no process, clock or descriptor is behind any of them.
"""

from collections.abc import Mapping
from enum import Enum

from quaich.values import dataclass


class Meaning(Enum):
    """What a signal, a letter in the master's FIFO, or a command asks for."""

    RELOAD = "reload"
    BRUTAL_RELOAD = "brutal reload"
    CHAIN_RELOAD = "chain reload"
    WORKERS_RELOAD = "workers reload"
    BRUTAL_WORKERS_RELOAD = "brutal workers reload"
    RESTORE = "restore"
    REFORK = "refork"
    UPGRADE = "upgrade"
    DRAIN = "drain"
    STOP = "stop"
    PAUSE = "pause"
    SUSPEND = "suspend"
    RESUME = "resume"
    MORE = "more"
    FEWER = "fewer"
    SCALE = "scale"
    CHEAP = "cheap"
    WAKE = "wake"
    STATISTICS = "statistics"
    STATUS = "status"
    REOPEN = "reopen"
    ROTATE = "rotate"
    PIDFILES = "pidfiles"


_SAME_IN_BOTH = {
    "SIGHUP": Meaning.RELOAD,
    "SIGUSR1": Meaning.STATISTICS,
    "SIGUSR2": Meaning.STATUS,
    "SIGTSTP": Meaning.PAUSE,
    "SIGWINCH": Meaning.WAKE,
    "SIGURG": Meaning.RESTORE,
    "SIGTTIN": Meaning.MORE,
    "SIGTTOU": Meaning.FEWER,
}


def meanings(door: str, die_on_term: bool, first: bool = False) -> Mapping[str, Meaning]:
    """The signals of a front door; those not named here are ignored.

    ``first`` is process 1: whoever stops a container sends SIGTERM, and kills it if that reloads.
    """
    if door == "modern":
        drain = {"SIGTERM": Meaning.DRAIN, "SIGINT": Meaning.DRAIN}
        return _SAME_IN_BOTH | drain | {"SIGQUIT": Meaning.STOP}
    term, quit_ = Meaning.BRUTAL_RELOAD, Meaning.STOP
    if die_on_term:
        # uWSGI's option exchanges the two.
        term, quit_ = quit_, term
    elif first:
        term = Meaning.STOP
    return _SAME_IN_BOTH | {"SIGINT": Meaning.STOP, "SIGTERM": term, "SIGQUIT": quit_}


class Verdict(Enum):
    """What is to become of a worker that passed a limit."""

    WARN = "graceful harakiri"
    HARAKIRI = "harakiri"
    KILL = "killed"
    RECYCLE = "recycled"


@dataclass(frozen=True)
class Limits:
    """What a worker may use up; 0 is no limit.  Seconds, requests and octets.

    ``harakiri_queue`` is how many connections must at least wait for harakiri, less one.
    """

    harakiri: int = 0
    harakiri_grace: int = 0
    harakiri_signal: str = "SIGTERM"
    harakiri_queue: int = 0
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

    ``workers`` is how many it starts with and ``most`` how many it can have; ``snapshots`` how many
    generations before the serving one stay, asleep; ``reforks`` whether what was loaded is forked
    anew, from a state that has answered requests; ``need_app`` whether a start ends that comes to
    nothing.  Seconds: ``mercy`` is what a generation that
    is told to leave has for it, ``worker_mercy`` what a single worker has, ``patience`` what is
    left to one that is told to leave at once, ``startup`` what a generation has to become ready
    (0: any time), ``first_startup`` what the first has, and ``first_pause`` how long to wait after
    a first early death.
    """

    workers: int
    signals: Mapping[str, Meaning]
    mercy: float = 60.0
    patience: float = 1.0
    worker_mercy: float = 60.0
    limits: Limits = Limits()
    most: int = 4096
    startup: float = 0.0
    first_startup: float = 0.0
    first_pause: float = 1.0
    exit_on_reload: bool = False
    snapshots: int = 0
    reforks: bool = False
    need_app: bool = False


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
class Shown:
    """A worker has written its stacks to the log."""

    generation: int
    slot: int
    pid: int


@dataclass(frozen=True)
class WorkerFailed:
    """A worker cannot serve and ends: it could not load the application, or is not healthy."""

    generation: int
    slot: int
    pid: int
    reason: str
    status: int


@dataclass(frozen=True)
class Died:
    """A child ended; ``how`` is ``exit=1`` or ``signal=SIGSEGV``."""

    pid: int
    how: str


@dataclass(frozen=True)
class Breach:
    """A worker passed a limit; ``cause`` says which, and by how much.

    ``since`` is the beginning of the request it is about, if it is about one.
    """

    generation: int
    slot: int
    pid: int
    verdict: Verdict
    cause: str
    since: float = 0.0


@dataclass(frozen=True)
class Touched:
    """A file that asks for a reload was created, removed or written."""

    path: str
    meaning: Meaning = Meaning.RELOAD


@dataclass(frozen=True)
class Asked:
    """Somebody asks for something, and is answered under ``ticket``; 0 is nobody.

    ``argument`` is the number of workers of SCALE, and the generation of RESTORE (None: the one
    that served before).
    """

    meaning: Meaning
    ticket: int = 0
    argument: int | None = None


@dataclass(frozen=True)
class Tried:
    """The trial of this number is over; empty, ``reason`` says that the master can be replaced.

    Also told when the master could not be executed anew after all.
    """

    trial: int
    reason: str = ""


@dataclass(frozen=True)
class Resize:
    """A generation should have this many workers; ``cause`` is for the log."""

    generation: int
    wanted: int
    cause: str


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
    | Shown
    | WorkerFailed
    | Died
    | Breach
    | Touched
    | Asked
    | Tried
    | Resize
    | Tick
)


# What to do.


@dataclass(frozen=True)
class StartZygote:
    """Execute a zygote; with ``reload``, from the configuration as it is written now.

    With ``parent`` it is forked from the zygote of that generation instead.
    """

    generation: int
    reload: bool
    parent: int | None = None


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
class Progress:
    """How far what was asked for under a ticket has come."""

    ticket: int
    text: str


@dataclass(frozen=True)
class Answer:
    """What came of what was asked for under a ticket."""

    ticket: int
    ok: bool
    text: str


@dataclass(frozen=True)
class Perform:
    """Do what was asked for and is no matter of the plan: print, reopen, wake.

    Whoever performs it tells the outcome under the ticket.
    """

    meaning: Meaning
    ticket: int = 0


@dataclass(frozen=True)
class Try:
    """Find out, in a child, whether the installed quaich can go on from here."""

    trial: int


@dataclass(frozen=True)
class EndTrial:
    """Nobody waits for the trial any more, or what it tried is not to be tried again."""


@dataclass(frozen=True)
class Become:
    """Execute the master anew, once everything that has happened by now is dealt with."""

    trial: int


@dataclass(frozen=True)
class Leave:
    """Everything is gone: end with this status."""

    status: int


Action = (
    StartZygote
    | Fork
    | Kill
    | Forget
    | Say
    | Progress
    | Answer
    | Perform
    | Try
    | EndTrial
    | Become
    | Leave
)
