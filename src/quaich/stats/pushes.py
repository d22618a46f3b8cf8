"""Metrics for those who are sent them: figures → datagrams, and lines of a file.

``Statsd`` remembers what it has sent: a counter of statsd is by how much something grew.
"""

from collections.abc import Iterator

from quaich.stats.document import COUNTER, document, uwsgi_metrics
from quaich.stats.figures import Figures, Worker

DATAGRAM = 1400
"""Octets that pass every network in one piece."""


class Statsd:
    """One destination that speaks statsd."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._before: dict[str, int] | None = None

    def datagrams(self, figures: Figures, cores: bool) -> list[bytes]:
        """What is sent now.  The first time, counters only begin."""
        counters: dict[str, int] = {}
        lines = []
        for name, kind, _, value in uwsgi_metrics(figures, cores):
            if kind != COUNTER:
                lines.append(f"{self._prefix}.{name}:{value}|g")
                continue
            counters[name] = value
            grown = 0
            if self._before is not None:
                before = self._before.get(name, 0)
                # One that is less than it was has begun again (reset_after_push).
                grown = value - before if value >= before else value
            if grown > 0:
                lines.append(f"{self._prefix}.{name}:{grown}|c")
        self._before = counters
        return list(_packed(lines))


def _packed(lines: list[str]) -> Iterator[bytes]:
    held = b""
    for line in lines:
        data = line.encode("utf-8", "replace")
        if held and len(held) + 1 + len(data) > DATAGRAM:
            yield held
            held = b""
        held = held + b"\n" + data if held else data
    if held:
        yield held


class Carbon:
    """One carbon server.  It remembers how busy workers were: busyness is since the last time."""

    def __init__(self, start: str, workers: bool) -> None:
        self._start = start
        self._workers = workers
        self._before: dict[int, int] = {}
        self._when: float | None = None

    def lines(self, figures: Figures) -> bytes:
        """What is sent now."""
        seconds = figures.uptime - self._when if self._when is not None else 0.0
        there = [each for each in figures.workers if each.pid]
        busy = {each.number: self._busyness(each, seconds) for each in figures.workers}
        self._before = {each.number: each.running for each in figures.workers}
        self._when = figures.uptime
        count = max(1, len(there))
        found = [("requests", sum(each.requests for each in figures.workers))]
        for each in figures.workers if self._workers else ():
            for name, value in (
                ("requests", each.requests),
                ("avg_rt", each.average),
                ("tx", each.sent),
                ("busyness", busy[each.number]),
                ("harakiri", each.harakiris),
            ):
                found.append((f"worker{each.number}.{name}", value))
        found += [
            ("avg_rt", sum(each.average for each in there) // count),
            ("tx", sum(each.sent for each in figures.workers)),
            ("busyness", sum(busy[each.number] for each in there) // count),
            ("active_workers", len(there)),
            ("harakiri", sum(each.harakiris for each in figures.workers)),
        ]
        lines = [f"{self._start}.{name} {value} {int(figures.now)}\n" for name, value in found]
        return "".join(lines).encode("utf-8", "replace")

    def _busyness(self, worker: Worker, seconds: float) -> int:
        """Which share (percent) of the time a worker was in requests."""
        if seconds <= 0:
            return 0
        grown = worker.running - self._before.get(worker.number, 0)
        return max(0, min(100, int(grown / 10000 / seconds)))


def carbon_start(root: str, host: str, dots: str | None, own: str) -> str:
    """What all names that are sent to carbon begin with."""
    host = host if dots is None else host.replace(".", dots)
    # A dot would make a branch of it, a space end the name.
    own = "".join("_" if each in ". " else each for each in own)
    return f"{root}.{host}.{own}"


def socket_datagrams(figures: Figures, prefix: str, cores: bool) -> list[bytes]:
    """uWSGI's form: a datagram for each metric, with its type."""
    start = f"{prefix}." if prefix else ""
    return [
        f"{start}{name} {kind} {value}".encode()
        for name, kind, _, value in uwsgi_metrics(figures, cores)
    ]


def file_line(figures: Figures, cores: bool) -> bytes:
    """The statistics as one line."""
    return document(figures, cores=cores, minified=True) + b"\n"
