"""The model of ``quaich top``: samples in, rows out."""

import json
from typing import Any

import pytest

from quaich.cli.topmodel import HISTORY, SORTS, Model
from quaich.stats.figures import Core, Figures, Listener, Worker
from quaich.values import asdict


def sample(uptime: float, *requests: int, pid: int = 10, **more: Any) -> dict[str, Any]:
    workers = tuple(
        Worker(
            number,
            pid=100 + number,
            status="idle",
            generation=1,
            requests=count,
            running=count * 20_000,
            buckets=(0, 0, 0, 0, count, *[0] * 10),
            rss=number << 20,
            spawned=1000.0,
        )
        for number, count in enumerate(requests, 1)
    )
    figures = Figures(
        version="1",
        pid=pid,
        now=1000.0 + uptime,
        uptime=uptime,
        phase="serving",
        generation=1,
        workers=more.pop("workers", workers),
        listeners=(Listener("a", "http", 2, 100), Listener("b", "http", 5, 10)),
    )
    found: dict[str, Any] = json.loads(json.dumps(asdict(figures) | more))
    return found


def test_before_the_first_sample() -> None:
    model = Model()
    assert model.rows() == []
    assert model.head().version == "?"


def test_a_first_sample_has_no_rates_yet() -> None:
    model = Model()
    model.add(sample(1, 10, 20))
    assert [row.rate for row in model.rows()] == [None, None]
    assert model.head().rate is None
    assert model.head().average == pytest.approx(0.02)


def test_rates_are_those_between_two_samples() -> None:
    model = Model()
    for uptime, first, second in ((1, 0, 0), (3, 10, 20), (5, 14, 20)):
        model.add(sample(uptime, first, second))
    assert [row.rate for row in model.rows()] == [2.0, 0.0]
    head = model.head()
    assert head.rate == 2.0
    assert head.history == (15.0, 2.0)
    assert (head.requests, head.workers, head.busy) == (34, 2, 0)
    assert (head.queue, head.most) == (5, 10)


def test_durations_are_those_of_the_last_minute() -> None:
    model = Model()
    slow = Worker(1, pid=1, requests=100, running=10**9, buckets=(*[0] * 13, 100, 0))
    model.add(sample(1, workers=(slow,)))
    fast = Worker(1, pid=1, requests=200, running=10**9 + 100_000, buckets=(100, *[0] * 12, 100, 0))
    model.add(sample(100, workers=(fast,)))
    later = Worker(
        1, pid=1, requests=300, running=10**9 + 200_000, buckets=(200, *[0] * 12, 100, 0)
    )
    model.add(sample(110, workers=(later,)))
    (row,) = model.rows()
    assert row.p99 is not None
    assert row.p99 <= 0.001
    assert row.average == pytest.approx(0.001)


def test_counts_that_go_back_are_no_negative_rates() -> None:
    model = Model()
    model.add(sample(1, 50))
    model.add(sample(2, 20))
    assert model.rows()[0].rate == 0.0
    assert model.rows()[0].p99 is None


def test_another_server_starts_everything_again() -> None:
    model = Model()
    model.add(sample(100, 5))
    model.add(sample(1, 5, pid=11))
    assert model.rows()[0].rate is None
    model.add(sample(2, 6, pid=11))
    model.add(sample(1, 0, pid=11))
    assert model.head().history == ()


def test_the_same_sample_twice_counts_once() -> None:
    model = Model()
    for _ in range(2):
        model.add(sample(1, 5))
    assert model.head().history == ()


def test_the_history_has_an_end() -> None:
    model = Model()
    for uptime in range(HISTORY + 50):
        model.add(sample(uptime, uptime))
    assert len(model.head().history) == HISTORY - 1


def busy(number: int, age: float, uri: str) -> Worker:
    cores = (Core(0, age=age, note=f"192.0.2.1 GET {uri}"), Core(1))
    return Worker(number, pid=number, status="busy", cores=cores)


def test_filters_and_sorts() -> None:
    model = Model()
    model.add(sample(1, workers=(busy(1, 1.0, "/a"), busy(2, 9.0, "/b"), Worker(3))))
    model.pattern = "/B"
    assert [row.number for row in model.rows()] == [2]
    model.pattern = "cheap"
    assert [row.number for row in model.rows()] == [3]
    model.pattern = ""
    model.sort = "request age"
    assert [row.number for row in model.rows()] == [2, 1, 3]
    assert model.rows()[0].longest is not None
    seen = []
    for _ in SORTS:
        model.next_sort()
        seen.append(model.sort)
        assert len(model.rows()) == 3
    assert sorted(seen) == sorted(SORTS)


def test_a_sample_of_another_version_may_lack_anything() -> None:
    model = Model()
    model.add({})
    model.add({"uptime": 1, "workers": [{}], "listeners": [{}]})
    assert model.rows()[0].status == "?"
    assert model.head().queue == 0
