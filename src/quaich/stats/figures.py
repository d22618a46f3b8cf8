"""The server in figures at one moment: what every form of its statistics is made from.

Only values.  Counts are of the whole life of the server, across reloads and deaths of workers;
times are in microseconds where a scoreboard has counted them, else in seconds.
"""

from collections.abc import Mapping

from quaich.stats.scoreboard import BOUNDS
from quaich.values import dataclass, field, replace

NO_BUCKETS = (0,) * (len(BOUNDS) + 1)


@dataclass(frozen=True)
class Core:
    """A thread of a worker.  ``age`` is of the request that it is in, None in none; ``note`` says
    which, where that is known: address, method and URI."""

    number: int
    requests: int = 0
    read_errors: int = 0
    write_errors: int = 0
    age: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Worker:
    """A slot, and the process that serves in it now, if there is one (``pid`` 0: none).

    ``delta`` counts the requests of that process, ``average`` is uWSGI's avg_rt, ``took`` and
    ``buckets`` the durations of all requests, ``spawned`` a time of the calendar.
    """

    number: int
    pid: int = 0
    status: str = "cheap"
    generation: int = 0
    accepting: bool = False
    requests: int = 0
    delta: int = 0
    exceptions: int = 0
    harakiris: int = 0
    spawns: int = 0
    spawned: float = 0.0
    sent: int = 0
    running: int = 0
    average: int = 0
    took: int = 0
    buckets: tuple[int, ...] = NO_BUCKETS
    parked: int = 0
    refused: int = 0
    lost: int = 0
    rss: int = 0
    vsz: int = 0
    cores: tuple[Core, ...] = ()


@dataclass(frozen=True)
class Listener:
    """A socket that the server listens on, and how many connections wait at it, and may."""

    name: str
    protocol: str
    queue: int = 0
    most: int = 0


@dataclass(frozen=True)
class Daemon:
    """A program that is kept beside the workers."""

    command: str
    pid: int = 0
    respawns: int = 0


@dataclass(frozen=True)
class Sink:
    """Where the courier takes lines of the log; how many arrived there, how many were dropped."""

    name: str
    sent: int = 0
    lost: int = 0


@dataclass(frozen=True)
class Figures:
    """The server.  ``overflows`` counts the seconds in which a queue was full, ``loading`` is how
    long the application took to load, ``harakiri`` the limit that is set, 0 for none; ``lost`` are
    lines of the log that the master could not write, ``sinks`` where the courier takes lines;
    ``metrics`` are the operator's (name, type, number, value), and ``offsets`` what uWSGI's metrics
    had before this server.
    """

    version: str = ""
    pid: int = 0
    uid: int = 0
    gid: int = 0
    cwd: str = ""
    now: float = 0.0
    uptime: float = 0.0
    phase: str = "starting"
    paused: bool = False
    generation: int = 0
    wanted: int = 0
    overflows: int = 0
    loading: float = 0.0
    harakiri: int = 0
    reloads: int = 0
    reloads_failed: int = 0
    deaths: int = 0
    pauses: int = 0
    recycled: int = 0
    killed: int = 0
    workers: tuple[Worker, ...] = ()
    listeners: tuple[Listener, ...] = ()
    daemons: tuple[Daemon, ...] = field(default=())
    lost: int = 0
    sinks: tuple[Sink, ...] = ()
    metrics: tuple[tuple[str, int, str, int], ...] = ()
    offsets: Mapping[str, int] = field(default_factory=dict)

    @property
    def queue(self) -> int:
        """How many connections wait at the fullest socket."""
        return max((each.queue for each in self.listeners), default=0)


def public(figures: Figures) -> Figures:
    """The figures without what follows a question mark in the requests that run."""
    workers = [
        replace(
            each,
            cores=tuple(replace(core, note=core.note.partition("?")[0]) for core in each.cores),
        )
        for each in figures.workers
    ]
    return replace(figures, workers=tuple(workers))


def readiness(figures: Figures) -> str:
    """Why no request should be sent here now; nothing when the server is ready."""
    if figures.phase != "serving":
        return f"the server is {figures.phase}"
    if figures.paused:
        return "the server is paused"
    there = [each for each in figures.workers if each.pid]
    if not there:
        # Without workers on purpose, the first connection brings them back.
        return "" if not figures.wanted else "no worker is there"
    if not any(each.accepting for each in there):
        return "no worker accepts"
    if figures.harakiri and all(_stuck(each, figures.harakiri / 2) for each in there):
        return f"every worker is busy for more than {figures.harakiri / 2:g} s"
    return ""


def _stuck(worker: Worker, seconds: float) -> bool:
    """Whether no thread of a worker will take a request soon, as far as one can tell."""
    ages = [each.age for each in worker.cores]
    return bool(ages) and all(age is not None and age > seconds for age in ages)
