"""The application's own metrics: what each worker has handed over → one family of each name.

Pure.  Counters, histograms and summaries are the sums over all processes there ever were, so that
they do not go back when one ends; of a gauge each living process has its own, with its number, or
they are put together as its ``multiprocess_mode`` says.  Quantiles and times of creation cannot be
put together and are left out.

What a worker hands over is the word of application code: what is not a metric in form is not taken,
and neither is what would stand for one of the server's, but for those of the routes.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from quaich.patterns import pattern
from quaich.stats.exposition import Family, Labels
from quaich.values import dataclass, field

LONGEST = 4 << 20
"""Octets of what a worker may hand over."""

MOST = 20000
"""Samples of a worker: with more of them, those that come first are told."""

OURS = ("uwsgi_", "quaich_")
ROUTES = ("quaich_route_duration_seconds", "quaich_route_queue_seconds")
_NAME = pattern(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = pattern(r"[a-zA-Z_][a-zA-Z0-9_]*")
_SUMS = {
    "counter": ("_total",),
    "histogram": ("_bucket", "_count", "_sum"),
    "summary": ("_count", "_sum"),
}
_OTHERS = {"gauge": "", "unknown": "", "untyped": "", "info": "_info", "stateset": ""}
_INNER = {"histogram": "le", "stateset": ""}
_WORKER = "worker_id"

Series = dict[tuple[str, Labels], float]
"""The samples that belong together, such as the buckets of a histogram: by suffix and labels."""


@dataclass
class Group:
    """A family as one process has it, its series by the labels that they share."""

    kind: str
    help: str
    mode: str
    series: dict[Labels, Series] = field(default_factory=dict)


def read(data: bytes) -> dict[str, Group]:
    """What was handed over, as far as it is metrics; ValueError where it is something else."""
    found: dict[str, Group] = {}
    count = 0
    try:
        for name, kind, text, mode, samples in json.loads(data):
            if _is_taken(name, kind):
                group = Group(kind, str(text), str(mode))
                for sample in samples[: MOST - count]:
                    _put(group, name, *sample)
                count += len(samples)
                if group.series:
                    found[name] = group
                if count >= MOST:
                    break
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"no metrics: {error}") from None
    return found


def _is_taken(name: Any, kind: Any) -> bool:
    return (
        isinstance(name, str)
        and _NAME.fullmatch(name) is not None
        and (name in ROUTES or not name.startswith(OURS))
        and kind in {*_SUMS, *_OTHERS}
    )


def _put(group: Group, name: str, sample: str, labels: dict[str, Any], value: Any) -> None:
    suffix = sample[len(name) :]
    wanted = _SUMS.get(group.kind) or (_OTHERS[group.kind],)
    if not sample.startswith(name) or suffix not in wanted:
        return
    if not all(_LABEL.fullmatch(each) for each in labels):
        return
    inner = _INNER.get(group.kind)
    own = tuple((key, str(each)) for key, each in labels.items())
    shared = tuple(sorted(each for each in own if each[0] != inner))
    group.series.setdefault(shared, {})[suffix, own] = float(value)


@dataclass
class _Process:
    """What a worker has handed over last, and as the how manieth; ``read`` is made when needed."""

    slot: int
    data: bytes
    turn: int
    read: dict[str, Group] | None = None


class Metrics:
    """Those of all workers; processes are known by their pids."""

    def __init__(self) -> None:
        self._processes: dict[int, _Process] = {}
        self._closed: dict[str, Group] = {}
        self._turn = 0

    def take(self, pid: int, slot: int, data: bytes) -> None:
        """A worker hands over."""
        self._turn += 1
        self._processes[pid] = _Process(slot, data, self._turn)

    def settle(self, lives: Callable[[int], bool]) -> None:
        """Keep the sums of those that are gone; they hand over nothing any more."""
        for pid in [pid for pid in self._processes if not lives(pid)]:
            for name, group in _groups(self._processes.pop(pid)).items():
                if group.kind in _SUMS:
                    _add(self._closed, name, group)

    def families(self) -> Iterator[Family]:
        """What there is to tell now."""
        sums: dict[str, Group] = {}
        gauges: dict[str, list[tuple[_Process, Group]]] = {}
        # What a process is of newer code counts, where they disagree about a metric.
        for process in reversed(self._processes.values()):
            for name, group in _groups(process).items():
                if group.kind not in _SUMS:
                    if name not in sums:
                        gauges.setdefault(name, []).append((process, group))
                elif name not in gauges:
                    _add(sums, name, group, keep=True)
        for name, group in self._closed.items():
            if name not in gauges:
                _add(sums, name, group, keep=True)
        for name, group in sums.items():
            yield _family(name, group.kind, group.help, group.series.values())
        for name, each in gauges.items():
            first = each[0][1]
            same = [(process, group) for process, group in each if group.kind == first.kind]
            yield _family(name, first.kind, first.help, [_gauge(same)])

    def to_data(self) -> list[Any]:
        """What ``from_data`` takes."""
        closed = [
            [name, each.kind, each.help, each.mode, _flat(name, each)]
            for name, each in self._closed.items()
        ]
        return [
            json.dumps(closed),
            [
                [pid, each.slot, each.data.decode("latin-1")]
                for pid, each in self._processes.items()
            ],
        ]

    @classmethod
    def from_data(cls, data: list[Any]) -> "Metrics":
        """The metrics of ``to_data``."""
        found = cls()
        found._closed = read(data[0].encode())
        for pid, slot, text in data[1]:
            found.take(pid, slot, text.encode("latin-1"))
        return found


def _groups(process: _Process) -> dict[str, Group]:
    if process.read is None:
        try:
            process.read = read(process.data)
        except ValueError:
            process.read = {}
    return process.read


def _flat(name: str, group: Group) -> list[list[Any]]:
    return [
        [name + suffix, dict(labels), value]
        for series in group.series.values()
        for (suffix, labels), value in series.items()
    ]


def _add(found: dict[str, Group], name: str, group: Group, keep: bool = False) -> None:
    """Add to the sums.  Where the two do not fit together, what is there stays with ``keep``, else
    the new one takes its place."""
    there = found.get(name)
    if there is None or (there.kind != group.kind and not keep):
        there = found[name] = Group(group.kind, group.help, group.mode)
    if there.kind != group.kind:
        return
    for shared, series in group.series.items():
        before = there.series.get(shared)
        # Buckets of other bounds would make no histogram together.
        if before is None or (before.keys() != series.keys() and not keep):
            there.series[shared] = dict(series)
        elif before.keys() == series.keys():
            for key, value in series.items():
                before[key] += value


def _gauge(processes: list[tuple[_Process, Group]]) -> Series:
    mode = processes[0][1].mode.removeprefix("live")
    kind = processes[0][1].kind
    if kind == "info":
        mode = "max"
    found: Series = {}
    turns: dict[tuple[str, Labels], int] = {}
    slots: set[int] = set()
    for process, group in processes:
        if process.slot in slots:
            # In a reload a slot has two; the newer one is first.
            continue
        slots.add(process.slot)
        for series in group.series.values():
            for (suffix, labels), value in series.items():
                if mode not in _TOGETHER and _WORKER not in dict(labels):
                    labels = (*labels, (_WORKER, str(process.slot)))
                key = (suffix, labels)
                if key not in found:
                    found[key], turns[key] = value, process.turn
                elif mode == "mostrecent":
                    if process.turn > turns[key]:
                        found[key], turns[key] = value, process.turn
                elif mode in _TOGETHER:
                    found[key] = _TOGETHER[mode](found[key], value)
    return found


_TOGETHER: dict[str, Callable[[float, float], float]] = {
    "sum": lambda one, other: one + other,
    "min": lambda one, other: min(one, other),
    "max": lambda one, other: max(one, other),
    "mostrecent": lambda one, other: one,
}


def _family(name: str, kind: str, text: str, series: Iterable[Series]) -> Family:
    samples = [
        (suffix, labels, value) for each in series for (suffix, labels), value in each.items()
    ]
    return Family(name, kind, text, samples)
