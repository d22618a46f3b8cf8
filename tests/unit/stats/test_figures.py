"""When a server is ready, and quantiles."""

import pytest

from quaich.stats.figures import Core, Figures, Worker, readiness
from quaich.stats.histogram import quantile
from quaich.stats.scoreboard import BOUNDS
from quaich.values import replace


def server(*workers: Worker, **more: object) -> Figures:
    values = {"phase": "serving", "wanted": len(workers), "workers": workers} | more
    return Figures(**values)  # type: ignore[arg-type]


def worker(*ages: float | None, accepting: bool = True) -> Worker:
    cores = tuple(Core(number, age=age) for number, age in enumerate(ages))
    return Worker(1, pid=1, accepting=accepting, cores=cores)


def test_a_server_that_serves_is_ready() -> None:
    assert readiness(server(worker(None))) == ""


@pytest.mark.parametrize("phase", ["starting", "draining", "stopping", "over"])
def test_one_that_does_not_serve_is_not(phase: str) -> None:
    assert phase in readiness(server(worker(None), phase=phase))


def test_a_paused_one_is_not() -> None:
    assert "paused" in readiness(server(worker(None), paused=True))


def test_one_whose_workers_are_all_dead_is_not() -> None:
    assert readiness(server(Worker(1))) == "no worker is there"


def test_one_without_workers_on_purpose_is() -> None:
    assert readiness(server(Worker(1), wanted=0)) == ""


def test_one_whose_workers_do_not_accept_is_not() -> None:
    assert readiness(server(worker(None, accepting=False))) == "no worker accepts"


def test_one_whose_workers_are_all_stuck_is_not() -> None:
    stuck, busy, half = worker(6.0, 7.0), worker(1.0, 7.0), worker(None, 7.0)
    assert readiness(server(stuck, stuck, harakiri=10)) == "every worker is busy for more than 5 s"
    assert readiness(server(stuck, busy, harakiri=10)) == ""
    assert readiness(server(stuck, half, harakiri=10)) == ""
    assert readiness(server(stuck, stuck)) == ""


def test_the_queue_is_that_of_the_fullest_socket() -> None:
    assert replace(Figures()).queue == 0


def test_no_quantile_without_requests() -> None:
    assert quantile([0] * (len(BOUNDS) + 1), 0.99) is None


def test_quantiles_are_interpolated_within_a_bucket() -> None:
    buckets = [0] * (len(BOUNDS) + 1)
    buckets[1] = 100
    assert quantile(buckets, 0.5) == pytest.approx(0.00175)
    assert quantile(buckets, 1.0) == pytest.approx(0.0025)


def test_what_took_longest_counts_as_the_last_bound() -> None:
    buckets = [0] * (len(BOUNDS) + 1)
    buckets[-1] = 1
    assert quantile(buckets, 0.99) == BOUNDS[-1] / 1000000
