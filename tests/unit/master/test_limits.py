"""Limits, as data: what was seen of workers, and the breaches that follow."""

import pytest

from quaich.master.limits import Running, Seen, breaches, next_due
from quaich.master.vocabulary import Breach, Limits, Verdict

MEGABYTE = 1024 * 1024


def seen(slot: int = 1, **values: object) -> Seen:
    return Seen(1, slot, 40 + slot, **{"started": 100.0, **values})  # type: ignore[arg-type]


def causes(limits: Limits, *workers: Seen, now: float = 120.0) -> list[tuple[int, str, str]]:
    found = breaches(limits, workers, now)
    assert all(each.pid == 40 + each.slot and each.generation == 1 for each in found)
    return [(each.slot, each.verdict.value, each.cause) for each in found]


def test_without_limits_nothing_is_too_much() -> None:
    glutton = seen(served=10**9, running=(Running(0, 1.0),), rss=2**40, vsz=2**50)
    assert causes(Limits(), glutton, now=10.0**9) == []
    assert not Limits().any
    assert next_due(Limits(), [glutton], 0.0) is None


def test_a_request_over_time_names_its_age_core_and_line() -> None:
    running = (Running(0, 115.0, "a GET /fast"), Running(3, 109.9, "::1 GET /slow?x"))
    (breach,) = breaches(Limits(harakiri=10), [seen(2, running=running)], 120.0)
    assert breach == Breach(
        1, 2, 42, Verdict.HARAKIRI, "core=3 age=10.1s harakiri=10s ::1 GET /slow?x", 109.9
    )


@pytest.mark.parametrize(("age", "over"), [(0.0, 0), (9.9, 0), (10.0, 1), (-5.0, 0)])
def test_a_request_has_until_the_limit(age: float, over: int) -> None:
    worker = seen(running=(Running(0, 120.0 - age),))
    assert len(causes(Limits(harakiri=10), worker)) == over


def test_a_young_worker_is_not_safe_from_harakiri() -> None:
    worker = seen(started=118.0, running=(Running(0, 118.5),))
    assert len(causes(Limits(harakiri=1), worker)) == 1


def test_the_next_look_is_when_the_oldest_request_is_over_time() -> None:
    workers = [seen(1, running=(Running(0, 112.0),)), seen(2, running=(Running(0, 111.0),)), seen()]
    assert next_due(Limits(harakiri=10), workers, 120.0) == 121.0
    assert next_due(Limits(harakiri=10), [seen()], 120.0) is None


@pytest.mark.parametrize(
    ("age", "verdict"), [(9.9, None), (10.0, "graceful harakiri"), (12.9, "graceful harakiri")]
)
def test_with_a_grace_a_request_is_warned_first(age: float, verdict: str | None) -> None:
    limits = Limits(harakiri=10, harakiri_grace=3)
    found = breaches(limits, [seen(running=(Running(0, 120.0 - age, "x"),))], 120.0)
    assert [(each.verdict.value, each.since) for each in found] == (
        [(verdict, 120.0 - age)] if verdict else []
    )


def test_after_the_grace_it_is_harakiri() -> None:
    worker = seen(running=(Running(1, 107.0, "x"),))
    cause = "core=1 age=13.0s harakiri=10s grace=3s x"
    assert causes(Limits(harakiri=10, harakiri_grace=3), worker) == [(1, "harakiri", cause)]


def test_a_look_is_due_for_the_warning_and_for_the_end() -> None:
    limits = Limits(harakiri=10, harakiri_grace=3)
    worker = seen(running=(Running(0, 112.0),))
    assert next_due(limits, [worker], 120.0) == 122.0
    assert next_due(limits, [worker], 122.0) == 125.0
    assert next_due(limits, [worker], 125.0) is None


@pytest.mark.parametrize(("queue", "count"), [(None, 1), (0, 0), (5, 0), (6, 1)])
def test_harakiri_only_while_others_wait(queue: int | None, count: int) -> None:
    """Where the length of the queue is not known, the request is ended."""
    worker = seen(running=(Running(0, 1.0),))
    assert len(breaches(Limits(harakiri=10, harakiri_queue=5), [worker], 120.0, queue)) == count
    fat = seen(running=(Running(0, 1.0),), rss=100)
    assert len(breaches(Limits(harakiri=10, evil_reload_on_rss=1), [fat], 120.0, 0)) == 1


def test_each_worker_may_serve_a_step_more() -> None:
    limits = Limits(max_requests=100, max_requests_delta=10)
    workers = [seen(1, served=109), seen(2, served=109), seen(3, served=125)]
    assert causes(limits, *workers) == [
        (1, "recycled", "requests=109 max-requests=100"),
        (3, "recycled", "requests=125 max-requests=120"),
    ]


def test_each_worker_may_live_a_step_longer() -> None:
    limits = Limits(max_worker_lifetime=15, max_worker_lifetime_delta=5)
    assert causes(limits, seen(1), seen(2), seen(3)) == [
        (1, "recycled", "age=20.0s max-worker-lifetime=15s"),
        (2, "recycled", "age=20.0s max-worker-lifetime=20s"),
    ]


def test_a_young_worker_is_not_recycled() -> None:
    limits = Limits(max_requests=1, reload_on_rss=1, reload_on_as=1, max_worker_lifetime=1)
    worker = seen(started=111.0, served=10, rss=5, vsz=5)
    assert causes(limits, worker) == []
    assert len(causes(limits, worker, now=121.0)) == 1


@pytest.mark.parametrize(
    ("limits", "what"),
    [
        (Limits(reload_on_rss=64 * MEGABYTE), "recycled rss=67108865 reload-on-rss=67108864"),
        (Limits(reload_on_as=64 * MEGABYTE), "recycled as=67108866 reload-on-as=67108864"),
        (Limits(evil_reload_on_rss=64 * MEGABYTE), "killed rss=67108865 evil-reload-on-rss="),
        (Limits(evil_reload_on_as=64 * MEGABYTE), "killed as=67108866 evil-reload-on-as="),
    ],
)
def test_memory(limits: Limits, what: str) -> None:
    large = seen(rss=64 * MEGABYTE + 1, vsz=64 * MEGABYTE + 2)
    fitting = seen(2, rss=64 * MEGABYTE, vsz=64 * MEGABYTE)
    ((slot, verdict, cause),) = causes(limits, large, fitting)
    assert slot == 1
    assert f"{verdict} {cause}".startswith(what)
    assert limits.memory
    assert limits.any


def test_the_hardest_verdict_is_the_only_one() -> None:
    limits = Limits(harakiri=5, max_requests=1, evil_reload_on_rss=1)
    worker = seen(served=9, rss=2, running=(Running(0, 100.0),))
    assert [each.verdict for each in breaches(limits, [worker], 120.0)] == [Verdict.HARAKIRI]
    idle = seen(served=9, rss=2)
    assert [each.verdict for each in breaches(limits, [idle], 120.0)] == [Verdict.KILL]
