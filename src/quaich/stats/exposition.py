"""Metrics as Prometheus and OpenMetrics read them: figures → text.

Names and labels are those of the exporters that read uWSGI's statistics, so that their dashboards
go on; what uWSGI has no word for is named ``quaich_``.  A histogram's buckets are cumulative.

The format is written here and not by prometheus_client: metrics are a fixed list, the text of it is
short, and so nothing is imported for it, least of all in the master.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

from quaich.stats.figures import Figures, Worker
from quaich.stats.scoreboard import BOUNDS
from quaich.values import dataclass

PLAIN = "text/plain; version=0.0.4; charset=utf-8"
OPEN = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_MICRO = 1000000
_COUNTER, _GAUGE, _INFO = "counter", "gauge", "info"

_KINDS = ({"unknown": "untyped", "stateset": _GAUGE}, {"untyped": "unknown"})
"""How the plain form and the open one call what the other has another name for."""

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Family:
    """A metric: its samples are (suffix, labels, value)."""

    name: str
    kind: str
    help: str
    samples: Sequence[tuple[str, Labels, float]]


def negotiated(accept: str) -> str:
    """The media type for an Accept header: OpenMetrics only for who asks for it."""
    offers = {}
    for part in accept.lower().split(","):
        name, *parameters = (each.strip() for each in part.split(";"))
        weight = next((each[2:] for each in parameters if each.startswith("q=")), "1")
        try:
            offers[name] = float(weight)
        except ValueError:
            offers[name] = 0.0
    wanted = offers.get("application/openmetrics-text", 0.0)
    other = max(offers.get(name, 0.0) for name in ("text/plain", "text/*"))
    return OPEN if wanted > 0 and wanted >= other else PLAIN


def exposition(figures: Figures, form: str = PLAIN, more: Iterable[Family] = ()) -> bytes:
    """The text of all metrics in one of the two forms, ``more`` behind the server's own."""
    is_open = form == OPEN
    lines = []
    for family in (*families(figures), *more):
        name, kind = family.name, family.kind
        if not is_open and kind in (_COUNTER, _INFO):
            # In OpenMetrics a family is named without the suffix of its samples.
            name = f"{name}{family.samples[0][0]}" if family.samples else f"{name}_total"
            kind = _COUNTER if kind == _COUNTER else _GAUGE
        kind = _KINDS[is_open].get(kind, kind)
        lines.append(f"# HELP {name} {_escaped_help(family.help, is_open)}")
        lines.append(f"# TYPE {name} {kind}")
        for suffix, labels, value in family.samples:
            lines.append(f"{family.name}{suffix}{_labels(labels)} {_number(value)}")
    if is_open:
        lines.append("# EOF")
    # Half of a pair is no character, and comes from applications all the same.
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    inside = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels)
    return f"{{{inside}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _escaped_help(text: str, is_open: bool) -> str:
    return _escaped(text) if is_open else text.replace("\\", "\\\\").replace("\n", "\\n")


def _number(value: float) -> str:
    if isinstance(value, int):
        return str(int(value))
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


def families(figures: Figures) -> Iterator[Family]:
    """Every metric."""
    yield _one("uwsgi_listen_queue_length", "Length of listen queue.", figures.queue)
    yield _one("uwsgi_listen_queue_errors", "Seconds in which a queue was full.", figures.overflows)
    yield _one("uwsgi_signal_queue_length", "Length of signal queue.", 0)
    yield _one("uwsgi_workers", "Number of workers.", len(figures.workers))
    yield from _sockets(figures)
    yield from _workers(figures.workers)
    yield from _cores(figures.workers)
    yield from _own(figures)


def _one(name: str, text: str, value: float) -> Family:
    return Family(name, _GAUGE, text, [("", (), value)])


def _sockets(figures: Figures) -> Iterator[Family]:
    labelled = {(("name", each.name), ("proto", each.protocol)): each for each in figures.listeners}
    for name, text, attribute in (
        ("queue_length", "Length of socket queue.", "queue"),
        ("max_queue_length", "Max length of socket queue.", "most"),
    ):
        samples = [("", labels, getattr(each, attribute)) for labels, each in labelled.items()]
        yield Family(f"uwsgi_socket_{name}", _GAUGE, text, samples)


def _id(worker: Worker) -> Labels:
    return (("worker_id", str(worker.number)),)


_OF_WORKERS: tuple[tuple[str, str, Callable[[Worker], float]], ...] = (
    ("accepting", "Whether the worker accepts requests.", lambda each: int(each.accepting)),
    ("delta_requests", "Requests of the process.", lambda each: each.delta),
    ("rss_bytes", "Resident memory.", lambda each: each.rss),
    ("vsz_bytes", "Address space.", lambda each: each.vsz),
    ("running_time_seconds", "Time in requests.", lambda each: each.running / _MICRO),
    ("last_spawn_time_seconds", "When the process was started.", lambda each: each.spawned),
    (
        "average_response_time_seconds",
        "Moving average of response times.",
        lambda each: each.average / _MICRO,
    ),
    ("cores", "Number of threads.", lambda each: len(each.cores)),
    ("busy", "Whether a thread of the worker is in a request.", lambda each: each.status == "busy"),
    ("idle", "Whether the worker waits.", lambda each: each.status == "idle"),
    ("cheap", "Whether the worker has no process.", lambda each: each.status == "cheap"),
    ("pause", "Whether the worker is paused.", lambda each: each.status == "pause"),
)


def _workers(workers: Sequence[Worker]) -> Iterator[Family]:
    for name, text, value in _OF_WORKERS:
        samples = [("", _id(each), value(each)) for each in workers]
        yield Family(f"uwsgi_worker_{name}", _GAUGE, text, samples)
    for name, text, attribute in (
        ("requests", "Requests answered.", "requests"),
        ("exceptions", "Exceptions of the application.", "exceptions"),
        ("harakiri_count", "Requests that took too long.", "harakiris"),
        ("respawn_count", "Processes started.", "spawns"),
        ("transmitted_bytes", "Octets of responses.", "sent"),
    ):
        counts = ((_id(each), getattr(each, attribute)) for each in workers)
        yield _counter(f"uwsgi_worker_{name}", text, counts)


def _cores(workers: Sequence[Worker]) -> Iterator[Family]:
    each = [
        (w, core, (*_id(w), ("core_id", str(core.number)))) for w in workers for core in w.cores
    ]
    samples = [("", labels, int(core.age is not None)) for _, core, labels in each]
    yield Family("uwsgi_worker_core_busy", _GAUGE, "Whether the thread is in a request.", samples)
    for name, text in (
        ("requests", "Requests answered."),
        ("write_errors", "Clients that did not take a response."),
        ("read_errors", "Clients that did not send a whole request."),
    ):
        counts = ((labels, getattr(core, name)) for _, core, labels in each)
        yield _counter(f"uwsgi_worker_core_{name}", text, counts)


def _counter(name: str, text: str, samples: Iterable[tuple[Labels, float]]) -> Family:
    found = [("_total", labels, value) for labels, value in samples]
    return Family(name, _COUNTER, text, found)


def _own(figures: Figures) -> Iterator[Family]:
    workers = figures.workers
    info = (("version", figures.version),)
    yield Family("quaich_build", _INFO, "The version of quaich.", [("_info", info, 1)])
    yield _one("quaich_uptime_seconds", "Age of the server.", figures.uptime)
    yield _one("quaich_generation", "The generation that serves.", figures.generation)
    yield _one("quaich_application_load_seconds", "Time to load it.", figures.loading)
    yield _one("quaich_connections_parked", "Open connections.", sum(w.parked for w in workers))
    yield _counter(
        "quaich_reloads",
        "Reloads by outcome.",
        [
            ((("outcome", "done"),), figures.reloads),
            ((("outcome", "failed"),), figures.reloads_failed),
        ],
    )
    for name, text, value in (
        ("worker_deaths", "Workers that died unasked.", figures.deaths),
        ("worker_backoffs", "Starts put off because the one before died early.", figures.pauses),
        ("worker_recycled", "Workers replaced for a limit.", figures.recycled),
        ("worker_killed", "Workers killed for their memory.", figures.killed),
        ("requests_refused", "Requests refused before the application.", _refused(workers)),
    ):
        yield _counter(f"quaich_{name}", text, [((), value)])
    yield _counter(
        "quaich_log_lines_lost",
        "Lines of the log that were dropped, by who dropped them.",
        [
            ((("by", "master"),), figures.lost),
            ((("by", "workers"),), sum(each.lost for each in workers)),
            *(((("by", each.name),), each.lost) for each in figures.sinks),
        ],
    )
    sent = [((("sink", each.name),), each.sent) for each in figures.sinks]
    yield _counter("quaich_log_lines_sent", "Lines that the courier took to a place.", sent)
    if figures.metrics:
        values = [("", (("name", name),), value) for name, _, _, value in figures.metrics]
        yield Family("quaich_metric", _GAUGE, "Metrics of the operator's.", values)
    yield _durations(workers)


def _refused(workers: Sequence[Worker]) -> int:
    return sum(each.refused for each in workers)


def _durations(workers: Sequence[Worker]) -> Family:
    samples: list[tuple[str, Labels, float]] = []
    for worker in workers:
        below = 0
        for count, bound in zip(worker.buckets, (*BOUNDS, None), strict=True):
            below += count
            end = "+Inf" if bound is None else repr(bound / _MICRO)
            samples.append(("_bucket", (*_id(worker), ("le", end)), below))
        samples.append(("_count", _id(worker), below))
        samples.append(("_sum", _id(worker), worker.took / _MICRO))
    name = "quaich_request_duration_seconds"
    return Family(name, "histogram", "Duration of requests.", samples)
