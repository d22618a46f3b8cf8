"""What ``quaich top`` shows, from samples of a server's figures: samples in, rows out.

Pure: no terminal, clock or socket.  A sample is the figures as JSON has them; one of another
version may lack some, and what cannot be known is None.  Rates are taken between two samples,
durations from what the histogram gained over the last minute.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from quaich.stats.histogram import quantile
from quaich.values import dataclass, field

HISTORY = 300
WINDOW = 60.0
"""How many samples are kept, and how far durations look back (seconds)."""

Sample = Mapping[str, Any]


@dataclass(frozen=True)
class Running:
    """A request that a thread is in, and for how many seconds."""

    thread: int
    age: float
    request: str


@dataclass(frozen=True)
class Row:
    """A worker."""

    number: int
    pid: int
    status: str
    generation: int
    requests: int
    rate: float | None
    average: float | None
    p99: float | None
    exceptions: int
    rss: int
    age: float | None
    running: tuple[Running, ...]
    buckets: tuple[int, ...] = ()
    spawns: int = 0
    harakiris: int = 0

    @property
    def longest(self) -> Running | None:
        """The request that has run for longest."""
        return max(self.running, key=lambda each: each.age, default=None)


@dataclass(frozen=True)
class Head:
    """The server as a whole."""

    version: str = "?"
    pid: int = 0
    phase: str = "?"
    paused: bool = False
    generation: int = 0
    uptime: float = 0.0
    reloads: int = 0
    reloads_failed: int = 0
    deaths: int = 0
    rate: float | None = None
    average: float | None = None
    p99: float | None = None
    busy: int = 0
    workers: int = 0
    queue: int = 0
    most: int = 0
    requests: int = 0
    exceptions: int = 0
    history: tuple[float, ...] = field(default=())


SORTS: Mapping[str, Callable[[Row], tuple[float, int]]] = {
    "worker": lambda row: (0, row.number),
    "requests/s": lambda row: (-(row.rate or 0), row.number),
    "p99": lambda row: (-(row.p99 or 0), row.number),
    "memory": lambda row: (-row.rss, row.number),
    "request age": lambda row: (-(row.longest.age if row.longest else 0), row.number),
}


class Model:
    """The samples of one server; ``sort`` is one of SORTS, ``pattern`` filters the rows."""

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque(maxlen=HISTORY)
        self.sort = "worker"
        self.pattern = ""

    def add(self, sample: Sample) -> None:
        """Another sample.  One of another server starts everything again."""
        if self._samples:
            last = self._samples[-1]
            if last.get("pid") != sample.get("pid") or _seconds(last, sample) < 0:
                self._samples.clear()
            elif _seconds(last, sample) == 0:
                return
        self._samples.append(sample)

    def next_sort(self) -> None:
        """The next way to sort."""
        names = list(SORTS)
        self.sort = names[(names.index(self.sort) + 1) % len(names)]

    def head(self) -> Head:
        """The server."""
        if not self._samples:
            return Head()
        now = self._samples[-1]
        workers = _workers(now)
        there = [each for each in workers if each.get("pid")]
        listeners = now.get("listeners", ())
        fullest: Sample = max(listeners, key=lambda each: each.get("queue", 0), default={})
        rates = [
            _rate(_total(old), _total(new), _seconds(old, new))
            for old, new in zip(self._samples, list(self._samples)[1:], strict=False)
        ]
        known = [each or 0.0 for each in rates]
        buckets = self._gained([each.get("number") for each in workers], "buckets")
        return Head(
            version=str(now.get("version", "?")),
            pid=int(now.get("pid", 0)),
            phase=str(now.get("phase", "?")),
            paused=bool(now.get("paused")),
            generation=int(now.get("generation", 0)),
            uptime=float(now.get("uptime", 0)),
            reloads=int(now.get("reloads", 0)),
            reloads_failed=int(now.get("reloads_failed", 0)),
            deaths=int(now.get("deaths", 0)),
            rate=rates[-1] if rates else None,
            average=self._mean([each.get("number") for each in workers]),
            p99=quantile(buckets, 0.99),
            busy=sum(each.get("status") == "busy" for each in there),
            workers=len(there),
            queue=int(fullest.get("queue", 0)),
            most=int(fullest.get("most", 0)),
            requests=_total(now),
            exceptions=sum(int(each.get("exceptions", 0)) for each in workers),
            history=tuple(known),
        )

    def rows(self) -> list[Row]:
        """The workers, sorted and filtered."""
        if not self._samples:
            return []
        now = self._samples[-1]
        before = {
            each.get("number"): each
            for each in (_workers(self._samples[-2]) if len(self._samples) > 1 else ())
        }
        seconds = _seconds(self._samples[-2], now) if len(self._samples) > 1 else 0.0
        rows = [
            self._row(each, before.get(each.get("number")), seconds, now.get("now", 0))
            for each in _workers(now)
        ]
        wanted = self.pattern.lower()
        rows = [each for each in rows if not wanted or wanted in _searched(each)]
        return sorted(rows, key=SORTS[self.sort])

    def _row(self, data: Sample, before: Sample | None, seconds: float, clock: float) -> Row:
        number = int(data.get("number", 0))
        requests = int(data.get("requests", 0))
        rate = _rate(int(before.get("requests", 0)), requests, seconds) if before else None
        pid = int(data.get("pid", 0))
        spawned = float(data.get("spawned", 0))
        running = tuple(
            Running(int(core.get("number", 0)), float(core["age"]), str(core.get("note", "")))
            for core in data.get("cores", ())
            if core.get("age") is not None
        )
        buckets = self._gained([number], "buckets")
        return Row(
            number,
            pid,
            str(data.get("status", "?")),
            int(data.get("generation", 0)),
            requests,
            rate,
            self._mean([number]),
            quantile(buckets, 0.99),
            int(data.get("exceptions", 0)),
            int(data.get("rss", 0)),
            max(0.0, clock - spawned) if pid and spawned else None,
            running,
            tuple(buckets),
            int(data.get("spawns", 0)),
            int(data.get("harakiris", 0)),
        )

    def _base(self) -> Sample:
        """The sample at the beginning of the window."""
        now = self._samples[-1]
        for each in self._samples:
            if _seconds(each, now) <= WINDOW:
                return each
        return now

    def _gained(self, numbers: Sequence[Any], name: str) -> list[int]:
        """What the buckets of these workers gained in the window; all of it at the first look."""
        base = {each.get("number"): each.get(name, ()) for each in _workers(self._base())}
        found: list[int] = []
        for each in _workers(self._samples[-1]):
            if each.get("number") not in numbers:
                continue
            counts = [int(count) for count in each.get(name, ())]
            old = list(base.get(each.get("number"), ())) if len(self._samples) > 1 else []
            old += [0] * (len(counts) - len(old))
            found += [0] * (len(counts) - len(found))
            for place, count in enumerate(counts):
                found[place] += max(0, count - old[place])
        return found

    def _mean(self, numbers: Sequence[Any]) -> float | None:
        """The mean time of a request in the window (seconds)."""
        base = {each.get("number"): each for each in _workers(self._base())}
        took = requests = 0
        for each in _workers(self._samples[-1]):
            number = each.get("number")
            if number in numbers:
                old = base.get(number, {}) if len(self._samples) > 1 else {}
                took += int(each.get("running", 0)) - int(old.get("running", 0))
                requests += int(each.get("requests", 0)) - int(old.get("requests", 0))
        return max(0, took) / requests / 1000000 if requests > 0 else None


def _workers(sample: Sample) -> Sequence[Sample]:
    workers: Sequence[Sample] = sample.get("workers", ())
    return workers


def _total(sample: Sample) -> int:
    return sum(int(each.get("requests", 0)) for each in _workers(sample))


def _seconds(old: Sample, new: Sample) -> float:
    return float(new.get("uptime", 0)) - float(old.get("uptime", 0))


def _rate(old: int, new: int, seconds: float) -> float | None:
    return max(0, new - old) / seconds if seconds > 0 else None


def _searched(row: Row) -> str:
    requests = " ".join(each.request for each in row.running)
    return f"{row.number} {row.pid} {row.status} g{row.generation} {requests}".lower()
