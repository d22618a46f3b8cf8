"""uWSGI's statistics, key for key and in its layout: figures → JSON.

Consumers compare keys and types, some read lines; so the quirks of the layout are kept, too (the
variables of a request at the margin and with an empty one behind them, ``req_info`` before its
tabs).  What has no counterpart is there and empty, or 0.

Of a request only its method, its URI without the query, its client, and nothing of its headers is
shown: whoever may read how a server does need not read cookies and tokens.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from quaich.stats.figures import Core, Figures, Worker

_SCHEMA = "2.0.0"
COUNTER, _GAUGE, _ABSOLUTE, _ALIAS = 0, 1, 2, 3


def document(
    figures: Figures,
    *,
    cores: bool = True,
    metrics: bool = False,
    metrics_of_cores: bool = True,
    minified: bool = False,
) -> bytes:
    """The whole answer."""
    data = _server(figures, cores, metrics_of_cores if metrics else None)
    if minified:
        text = json.dumps(data, separators=(",", ":"))
    else:
        text = "".join(_lines(data, 0))
    return text.encode("ascii")


def version(own: str) -> str:
    """The version that consumers take apart: of the schema, then our own as a local label."""
    return f"{_SCHEMA}+quaich.{own}"


def _server(figures: Figures, cores: bool, metrics: bool | None) -> dict[str, Any]:
    data: dict[str, Any] = {
        "version": version(figures.version),
        "listen_queue": figures.queue,
        "listen_queue_errors": figures.overflows,
        "signal_queue": 0,
        "load": figures.queue,
        "pid": figures.pid,
        "uid": figures.uid,
        "gid": figures.gid,
        "cwd": figures.cwd,
    }
    if figures.daemons:
        data["daemons"] = [
            {"cmd": each.command, "pid": each.pid, "respawns": each.respawns}
            for each in figures.daemons
        ]
    data["locks"] = []
    if metrics is not None:
        data["metrics"] = {
            name: {"type": kind, "oid": oid, "value": value}
            for name, kind, oid, value in uwsgi_metrics(figures, metrics)
        }
    data["sockets"] = [
        {
            "name": each.name,
            "proto": each.protocol,
            "queue": each.queue,
            "max_queue": each.most,
            "shared": 0,
            "can_offload": 0,
        }
        for each in figures.listeners
    ]
    data["workers"] = [_worker(each, figures, cores) for each in figures.workers]
    return data


def _worker(worker: Worker, figures: Figures, cores: bool) -> dict[str, Any]:
    data: dict[str, Any] = {
        "id": worker.number,
        "pid": worker.pid,
        "accepting": int(worker.accepting),
        "requests": worker.requests,
        "delta_requests": worker.delta,
        "exceptions": worker.exceptions,
        "harakiri_count": worker.harakiris,
        "signals": 0,
        "signal_queue": 0,
        "status": worker.status,
        "rss": worker.rss,
        "vsz": worker.vsz,
        "running_time": worker.running,
        "last_spawn": int(worker.spawned),
        "respawn_count": worker.spawns,
        "tx": worker.sent,
        "avg_rt": worker.average,
        "apps": [
            {
                "id": 0,
                "modifier1": 0,
                "mountpoint": "",
                "startup_time": int(figures.loading),
                "requests": worker.requests,
                "exceptions": worker.exceptions,
                "chdir": "",
            }
        ],
    }
    if cores:
        data["cores"] = [_core(each, figures.now) for each in worker.cores]
    return data


def _core(core: Core, now: float) -> dict[str, Any]:
    return {
        "id": core.number,
        "requests": core.requests,
        "static_requests": 0,
        "routed_requests": 0,
        "offloaded_requests": 0,
        "write_errors": core.write_errors,
        "read_errors": core.read_errors,
        "in_request": int(core.age is not None),
        "vars": [] if core.age is None else variables(core.note),
        "req_info": {} if core.age is None else {"request_start": int(now - core.age)},
    }


def variables(note: str) -> list[str]:
    """What a note says of a request, as variables."""
    address, _, rest = note.partition(" ")
    method, _, uri = rest.partition(" ")
    if not uri:
        return [""]
    uri = uri.partition("?")[0]
    return [f"REQUEST_METHOD={method}", f"REQUEST_URI={uri}", f"REMOTE_ADDR={address}", ""]


def uwsgi_metrics(figures: Figures, cores: bool) -> Iterator[tuple[str, int, str, int]]:
    """uWSGI's metrics, then the operator's: name, type, its number in uWSGI's MIB, value."""
    own = {name for name, *_ in figures.metrics}
    for name, kind, oid, value in _of_server(figures, cores):
        if name not in own:
            offset = figures.offsets.get(name, 0) if kind == COUNTER else 0
            yield name, kind, oid, value + offset
    yield from figures.metrics


def _of_server(figures: Figures, cores: bool) -> Iterator[tuple[str, int, str, int]]:
    there = [each for each in figures.workers if each.pid]
    busy = sum(each.status == "busy" for each in there)
    overloaded = bool(there) and busy == len(there)
    yield "core.routed_signals", COUNTER, "5.1", 0
    yield "core.unrouted_signals", COUNTER, "5.2", 0
    yield "core.busy_workers", _GAUGE, "5.3", busy
    yield "core.idle_workers", _GAUGE, "5.4", len(there) - busy
    yield "core.overloaded", COUNTER, "5.5", int(overloaded)
    yield from _of_worker(Worker(0))
    for worker in figures.workers:
        yield from _of_worker(worker)
        if cores:
            for core in worker.cores:
                yield from _of_core(worker.number, core)
    average = sum(each.average for each in there) // max(1, len(there))
    yield "core.total_tx", COUNTER, "5.100", _total(figures, "sent")
    yield "core.total_rss", _GAUGE, "5.101", _total(figures, "rss")
    yield "core.total_vsz", _GAUGE, "5.102", _total(figures, "vsz")
    yield "core.avg_response_time", _GAUGE, "5.103", average
    yield "core.total_running_time", COUNTER, "5.104", _total(figures, "running")
    for place, each in enumerate(figures.listeners):
        yield f"socket.{place}.listen_queue", _GAUGE, f"7.{place}.1", each.queue
    yield "rss_size", _ALIAS, "5.101", _total(figures, "rss")
    yield "vsz_size", _ALIAS, "5.102", _total(figures, "vsz")


def _total(figures: Figures, name: str) -> int:
    return sum(getattr(each, name) for each in figures.workers)


def _of_worker(worker: Worker) -> Iterator[tuple[str, int, str, int]]:
    for name, kind, number, value in (
        ("requests", COUNTER, 1, worker.requests),
        ("delta_requests", _ABSOLUTE, 2, worker.delta),
        ("failed_requests", COUNTER, 13, worker.exceptions),
        ("respawns", COUNTER, 14, worker.spawns),
        ("avg_response_time", _GAUGE, 8, worker.average),
        ("total_tx", COUNTER, 9, worker.sent),
        ("rss_size", _GAUGE, 11, worker.rss),
        ("vsz_size", _GAUGE, 12, worker.vsz),
        ("running_time", COUNTER, 13, worker.running),
    ):
        yield f"worker.{worker.number}.{name}", kind, f"3.{worker.number}.{number}", value


def _of_core(worker: int, core: Core) -> Iterator[tuple[str, int, str, int]]:
    for name, number, value in (
        ("requests", 1, core.requests),
        ("write_errors", 3, core.write_errors),
        ("routed_requests", 4, 0),
        ("static_requests", 5, 0),
        ("offloaded_requests", 6, 0),
        ("exceptions", 7, 0),
        ("read_errors", 8, core.read_errors),
    ):
        oid = f"3.{worker}.2.{core.number}.{number}"
        yield f"worker.{worker}.core.{core.number}.{name}", COUNTER, oid, value


# The layout.


def _lines(data: Any, depth: int) -> Iterator[str]:
    if isinstance(data, dict):
        members = ((f"{json.dumps(key)}:", key, value) for key, value in data.items())
        yield from _framed("{", "}", members, depth)
    elif isinstance(data, list):
        yield from _framed("[", "]", (("", "", value) for value in data), depth)
    else:
        yield json.dumps(data)


def _framed(
    left: str, right: str, members: Iterable[tuple[str, str, Any]], depth: int
) -> Iterator[str]:
    tabs = "\t" * (depth + 1)
    yield f"{left}\n"
    first = True
    for label, key, value in members:
        yield "" if first else ",\n"
        first = False
        if key == "vars":
            items = ",\n".join(json.dumps(each) for each in value)
            yield f"{tabs}{label}[\n{items}\n{tabs}]"
            continue
        yield f"{tabs}{label}{tabs if key == 'req_info' else ''}"
        yield from _lines(value, depth + 1)
    yield f"\n{tabs[1:]}{right}"
