"""How long the requests of each route took, where the application says which route that was.

It puts a template (``/users/<id>``) into the environ, under KEY.  What clients can choose must not
grow without bound: of more than MOST routes the further ones are one.
"""

import threading
from collections.abc import Callable, Iterator
from typing import Any

from quaich.log.jsonline import queue_micros
from quaich.stats.scoreboard import BOUNDS

KEY = "quaich.route"
MOST = 200
OTHER = "other"
_LONGEST = 200


class _Histogram:
    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.sum = 0

    def add(self, micros: int) -> None:
        place = 0
        while place < len(BOUNDS) and micros > BOUNDS[place]:
            place += 1
        self.buckets[place] += 1
        self.sum += micros


class Routes:
    """The routes of one worker; ``on_first`` is called when there is one."""

    def __init__(self, on_first: Callable[[], None]) -> None:
        self._on_first = on_first
        self._lock = threading.Lock()
        self._took: dict[str, _Histogram] = {}
        self._queued: dict[str, _Histogram] = {}

    def took(self, route: object, micros: int, started: object, now: float) -> None:
        """A request took so long.  ``started`` is its X-Request-Start, if it has one, ``now`` the
        time of the calendar."""
        name = str(route)[:_LONGEST]
        queued = queue_micros(started, now - micros / 1000000) if isinstance(started, str) else None
        with self._lock:
            first = not self._took
            if name not in self._took and len(self._took) >= MOST:
                name = OTHER
            self._took.setdefault(name, _Histogram()).add(micros)
            if queued is not None:
                self._queued.setdefault(name, _Histogram()).add(queued)
        if first:
            self._on_first()

    def families(self) -> Iterator[list[Any]]:
        """As the master is given them: name, type, help, mode, samples."""
        with self._lock:
            if self._took:
                yield _family("duration", "Duration of requests.", self._took)
            if self._queued:
                yield _family("queue", "Time from the front to the worker.", self._queued)


def _family(what: str, text: str, histograms: dict[str, _Histogram]) -> list[Any]:
    name = f"quaich_route_{what}_seconds"
    samples: list[list[Any]] = []
    for route, histogram in histograms.items():
        labels = {"route": route}
        below = 0
        for count, bound in zip(histogram.buckets, (*BOUNDS, None), strict=True):
            below += count
            end = "+Inf" if bound is None else repr(bound / 1000000)
            samples.append([f"{name}_bucket", {**labels, "le": end}, below])
        samples.append([f"{name}_count", labels, below])
        samples.append([f"{name}_sum", labels, histogram.sum / 1000000])
    return [name, "histogram", text, "all", samples]
