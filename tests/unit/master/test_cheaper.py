"""The algorithms of cheaper, as data: looks at a load, and how many workers follow from them.

A load is the number of requests that want a worker, second by second; a small model serves it: each
request holds a worker for its time, who finds none waits, and workers that are wanted are there at
the next look.  The loads beside which it says so were played to uWSGI 2.0.31 too; the numbers are
its own but for the rules that the module's docstring names as different.
"""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from quaich.master.cheaper import Busyness, Decision, Look, Rules, State, Worker, decide
from quaich.values import replace


class Model:
    """Workers that serve requests of whole seconds, looked at once a second."""

    def __init__(self, rules: Rules, serving: int) -> None:
        self.rules = rules
        self.state = State()
        self.now = 1000.0
        # Of each worker: its pid, the seconds its request still takes, and those it has run.
        self.workers = [[pid, 0, 0] for pid in range(1, serving + 1)]
        self.queue: list[int] = []
        self.rss = 0
        self.causes: list[str] = []
        self.remarks: list[str] = []
        self._pid = serving

    def second(self, arriving: tuple[int, ...] = ()) -> int:
        """A second with requests that arrive (how long each takes); the number of workers then."""
        self.queue += arriving
        for worker in self.workers:
            if not worker[1] and self.queue:
                worker[1] = self.queue.pop(0)
        busy = tuple(Worker(pid, left > 0, ran + (left > 0)) for pid, left, ran in self.workers)
        for worker in self.workers:
            if worker[1]:
                worker[1] -= 1
                worker[2] += 1
        self.now += 1
        look = Look(self.now, busy, 0, len(self.queue), self.rss)
        self.state, decision = decide(self.rules, self.state, look)
        self._obey(decision)
        return len(self.workers)

    def _obey(self, decision: Decision) -> None:
        if decision.cause:
            self.causes.append(decision.cause)
        if decision.remark:
            self.remarks.append(decision.remark)
        while len(self.workers) < decision.wanted:
            self._pid += 1
            self.workers.append([self._pid, 0, 0])
        for worker in sorted(self.workers, key=lambda each: each[1])[
            : max(0, len(self.workers) - decision.wanted)
        ]:
            self.workers.remove(worker)

    def play(self, load: dict[int, tuple[int, ...]], seconds: int) -> list[int]:
        return [self.second(load.get(second, ())) for second in range(1, seconds + 1)]


def changes(counts: list[int]) -> list[tuple[int, int]]:
    """The seconds at which the number of workers changed, and to what."""
    before, found = None, []
    for second, count in enumerate(counts, 1):
        if count != before:
            found.append((second, count))
        before = count
    return found


def rules(algorithm: str = "spare", **values: object) -> Rules:
    return Rules(algorithm, **{"least": 1, "most": 8, **values})  # type: ignore[arg-type]


def test_spare_grows_every_overload_while_all_are_busy_and_shrinks_as_slowly() -> None:
    # uWSGI 2.0.31, 12 requests of 15 s, cheaper 2: 3 after 3 s, then one more every 4 s.
    model = Model(rules(least=2), 2)
    assert changes(model.play({1: (15,) * 12}, 48))[:5] == [(1, 2), (3, 3), (6, 4), (9, 5), (12, 6)]
    assert model.causes[0] == "busy=2 idle=0 for=3s"
    counts = model.play({}, 30)
    assert counts[-1] == 2
    assert model.causes[-1] == "idle=3 cheaper=2 for=3s"
    assert all(before - after in (0, 1) for before, after in pairwise(counts))


def test_spare_steps_and_starts_from_initial() -> None:
    # Recorded: 4 workers at first, fewer every 3 s, then 3 more at a time.
    model = Model(rules(step=3), 4)
    assert changes(model.play({8: (12,) * 12}, 17)) == [(1, 4), (3, 3), (6, 2), (10, 5), (13, 8)]


def test_spare_with_an_overload_of_one() -> None:
    model = Model(rules(overload=1), 1)
    assert changes(model.play({1: (6,) * 4}, 4)) == [(1, 2), (2, 3), (3, 4), (4, 5)]


def test_one_moment_of_leisure_starts_the_count_again() -> None:
    model = Model(rules(), 1)
    assert set(model.play({1: (2,), 4: (2,), 7: (2,)}, 20)) == {1}


@pytest.mark.parametrize("algorithm", ["spare", "spare2", "backlog", "busyness", "manual"])
def test_no_algorithm_leaves_its_bounds(algorithm: str) -> None:
    busy = Model(rules(algorithm, least=2, most=4, step=3, overload=1), 2)
    busy.rules = replace(busy.rules, busyness=Busyness(multiplier=1))
    counts = busy.play({1: (10,) * 40}, 200)
    assert set(counts) <= {2, 3, 4}
    assert counts[-1] == 2
    assert max(counts) == (2 if algorithm == "manual" else 4)


def test_spare2_keeps_idle_workers_and_lets_them_go_slowly() -> None:
    model = Model(rules("spare2", least=2, step=2), 2)
    # Before anybody has to wait: as many more as are missing.
    assert changes(model.play({2: (30,), 4: (30, 30)}, 5)) == [(1, 2), (2, 3), (4, 5)]
    assert model.causes == ["idle=1 cheaper=2", "idle=0 cheaper=2"]
    model = Model(rules("spare2", least=2, step=2), 4)
    assert changes(model.play({}, 25)) == [(1, 4), (10, 3), (20, 2)]


def test_backlog_grows_at_once_with_the_queue_and_shrinks_without_it() -> None:
    # Recorded: 8 requests of 10 s to one worker: 2, 3, 4, 5 at one look each, then no more.
    model = Model(rules("backlog"), 1)
    assert changes(model.play({1: (10,) * 8}, 9)) == [(1, 2), (2, 3), (3, 4), (4, 5)]
    assert model.causes[0] == "queue=7 cheaper-overload=3"
    assert changes(model.play({}, 20))[-1][1] == 1
    assert model.causes[-1].startswith("queue=0 idle=")


BUSY = Busyness(multiplier=2, penalty=3)


def test_busyness_averages_over_its_window() -> None:
    model = Model(rules("busyness", overload=2, busyness=BUSY), 1)
    counts = model.play({1: (60,) * 12}, 8)
    assert changes(counts) == [(1, 1), (3, 2), (5, 3), (7, 4)]
    assert model.causes[0] == "busyness=100% window=2s workers=1 cheaper-busyness-max=50"


def half_busy() -> Iterator[tuple[int, ...]]:
    while True:
        yield (1,)
        yield ()
        yield (1,)
        yield ()


def test_busyness_between_the_marks_changes_nothing() -> None:
    model = Model(rules("busyness", overload=4, busyness=Busyness(most=60, least=20)), 1)
    load = half_busy()
    assert {model.second(next(load)) for _ in range(60)} == {1}
    assert model.causes == []


def test_busyness_stops_one_after_the_multiplier_of_calm_windows() -> None:
    # Recorded with a window of 2 s and a multiplier of 2: one fewer every 4 s.
    model = Model(rules("busyness", overload=2, busyness=BUSY), 4)
    stops = [second for second, _ in changes(model.play({}, 20))[1:]]
    assert stops == [5, 9, 13]
    assert model.causes[0] == "busyness=0% window=2s workers=4 cheaper-busyness-min=25 for=4s"


def test_who_was_stopped_too_soon_costs_a_penalty() -> None:
    model = Model(rules("busyness", overload=1, busyness=BUSY), 2)
    model.play({}, 3)
    assert (len(model.workers), model.state.multiplier) == (1, 2)
    # Needed again at once: from now on it takes 3 windows more.
    model.play({1: (1,)}, 1)
    assert (len(model.workers), model.state.multiplier) == (2, 5)
    counts = model.play({}, 20)
    assert changes(counts) == [(1, 2), (5, 1)]


def test_a_penalty_is_taken_back_when_stops_last() -> None:
    model = Model(rules("busyness", overload=1, busyness=BUSY), 8)
    model.state = State(multiplier=5)
    model.play({}, 30)
    assert model.state.multiplier < 5


def test_a_long_queue_calls_emergency_workers_that_leave_sooner() -> None:
    settings = Busyness(alert=5, emergency_multiplier=2, emergency_step=1)
    model = Model(rules("busyness", busyness=settings), 1)
    # Recorded: one more at each look while more than 5 wait.
    assert model.play({1: (60,) * 20}, 7) == [2, 3, 4, 5, 6, 7, 8]
    assert model.causes[0] == "queue=19 cheaper-busyness-backlog-alert=5"
    model.queue.clear()
    for worker in model.workers:
        worker[1] = 0
    # Recorded: one fewer every 2 windows of 3 s, although the multiplier is 10.
    stops = [second for second, _ in changes(model.play({}, 24))[1:]]
    assert [after - before for before, after in pairwise(stops)] == [6] * (len(stops) - 1)
    assert len(stops) >= 2


def test_a_queue_that_does_not_empty_calls_one_too() -> None:
    settings = Busyness(most=100, nonzero=5)
    model = Model(rules("busyness", overload=100, busyness=settings), 1)
    assert changes(model.play({1: (60,) * 3}, 7)) == [(1, 1), (6, 2)]
    assert model.causes == ["queue=2 for=6s"]


def test_verbose_busyness_says_every_window() -> None:
    model = Model(rules("busyness", overload=2, busyness=Busyness(verbose=True)), 1)
    model.play({}, 7)
    assert model.remarks == ["busyness=0% window=2s workers=1"] * 3


def test_the_soft_limit_of_memory_stops_growth() -> None:
    model = Model(rules(overload=1, rss_soft=100), 2)
    model.rss = 101
    assert set(model.play({1: (9,) * 9}, 9)) == {2}
    assert model.causes == []
    assert model.remarks[0] == (
        "no more workers, although busy=2 idle=0 for=1s: rss=101 cheaper-rss-limit-soft=100"
    )


def test_the_hard_limit_stops_idle_workers_one_at_a_time_down_to_one() -> None:
    # Recorded: 6, 5, 4, 3, 2, 1 at one look each, although cheaper was 2.
    model = Model(rules(least=2, rss_soft=100, rss_hard=200), 4)
    model.rss = 201
    assert model.play({}, 5) == [3, 2, 1, 1, 1]
    assert model.causes[0] == "rss=201 cheaper-rss-limit-hard=200"
    model.rss = 150
    assert model.play({}, 3) == [1, 1, 1]
    model.rss = 100
    assert model.play({}, 2) == [2, 2]


def test_a_busy_worker_is_not_stopped_for_its_memory() -> None:
    model = Model(rules(rss_soft=1, rss_hard=2), 2)
    model.rss = 3
    assert set(model.play({1: (30, 30)}, 9)) == {2}


def test_nothing_is_counted_while_workers_start() -> None:
    busy = (Worker(1, True),)
    state = State()
    for second in range(10):
        state, decision = decide(rules(), state, Look(float(second), busy, starting=1))
        assert decision == Decision(2)
    assert state.short == 0


@pytest.mark.parametrize("algorithm", ["spare", "spare2", "backlog", "busyness", "manual"])
def test_without_workers_there_is_nothing_to_decide(algorithm: str) -> None:
    assert decide(rules(algorithm), State(), Look(1.0, (), queue=50))[1] == Decision(0)


def test_a_counter_that_was_set_back_counts_for_nothing() -> None:
    settings = rules("busyness", overload=1)
    state, _ = decide(settings, State(), Look(1.0, (Worker(1, False, 50.0),)))
    _, decision = decide(settings, state, Look(2.0, (Worker(1, False, 0.0),)))
    assert decision.wanted == 1
