"""Requests by route: what is counted, and what a client cannot make grow."""

from typing import Any

from quaich.stats.appmetrics import read
from quaich.worker.appmetrics import snapshot
from quaich.worker.routes import MOST, OTHER, Routes


def found(routes: Routes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (name + suffix, labels): value
        for name, group in read(snapshot(None, routes.families())).items()
        for series in group.series.values()
        for (suffix, labels), value in series.items()
    }


def test_durations_and_queues_by_route() -> None:
    calls: list[int] = []
    routes = Routes(lambda: calls.append(1))
    assert found(routes) == {}
    routes.took("/a/<id>", 2000, None, 1000000010.0)
    routes.took("/a/<id>", 700000, "t=1000000009.0", 1000000010.0)
    routes.took("/b", 1, "nonsense", 1000000010.0)
    there = found(routes)
    name = "quaich_route_duration_seconds"
    a = ("route", "/a/<id>")
    assert there[f"{name}_count", (a,)] == 2
    assert there[f"{name}_sum", (a,)] == 0.702
    assert there[f"{name}_bucket", (a, ("le", "0.001"))] == 0
    assert there[f"{name}_bucket", (a, ("le", "0.0025"))] == 1
    assert there[f"{name}_bucket", (a, ("le", "1.0"))] == 2
    assert there[f"{name}_bucket", (("route", "/b"), ("le", "0.001"))] == 1
    assert there["quaich_route_queue_seconds_count", (a,)] == 1
    assert abs(there["quaich_route_queue_seconds_sum", (a,)] - 0.3) < 0.001
    assert len(calls) == 1


def test_too_many_routes_are_one() -> None:
    routes = Routes(lambda: None)
    names: list[Any] = [*range(MOST + 50), "x" * 1000, "y" * 1000]
    for name in names:
        routes.took(name, 5, None, 0.0)
    there = found(routes)
    counts = {
        labels[0][1]: value
        for (name, labels), value in there.items()
        if name == "quaich_route_duration_seconds_count"
    }
    assert len(counts) == MOST + 1
    assert counts[OTHER] == 52
