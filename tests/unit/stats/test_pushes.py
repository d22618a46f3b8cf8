"""Metrics as they are sent, and when alarms are raised."""

import json

from quaich.config.outlets import Threshold
from quaich.stats.alarms import Alarms
from quaich.stats.document import COUNTER
from quaich.stats.figures import Figures, Listener, Worker
from quaich.stats.pushes import DATAGRAM, Carbon, Statsd, carbon_start, file_line, socket_datagrams
from quaich.values import replace
from tests.unit.stats.samples import FIGURES


def lines(datagrams: list[bytes]) -> list[str]:
    return b"\n".join(datagrams).decode().split("\n")


def test_gauges_are_sent_and_counters_by_their_growth() -> None:
    statsd = Statsd("site")
    first = lines(statsd.datagrams(FIGURES, True))
    assert "site.worker.1.rss_size:4096|g" in first
    assert not [line for line in first if line.endswith("|c")]
    worker = replace(FIGURES.workers[0], requests=15)
    later = replace(FIGURES, workers=(worker, *FIGURES.workers[1:]))
    counters = [x for x in lines(statsd.datagrams(later, True)) if x.endswith("|c")]
    assert counters == ["site.worker.1.requests:5|c"]
    assert not [x for x in lines(statsd.datagrams(later, True)) if x.endswith("|c")]


def test_a_worker_that_is_new_counts_from_nothing() -> None:
    statsd = Statsd("p")
    statsd.datagrams(Figures(), True)
    found = lines(statsd.datagrams(Figures(workers=(Worker(1, requests=3),)), True))
    assert "p.worker.1.requests:3|c" in found


def test_the_operators_metrics_are_sent_too_and_may_begin_again() -> None:
    statsd = Statsd("p")
    sent = []
    for value in (3, 10, 4):
        figures = Figures(metrics=(("mine", COUNTER, "", value), ("room", 1, "", 7)))
        sent.append([each for each in lines(statsd.datagrams(figures, True)) if "mine" in each])
    assert sent == [[], ["p.mine:7|c"], ["p.mine:4|c"]]
    assert b"mine 0 4" in socket_datagrams(figures, "", True)


def test_datagrams_pass_every_network() -> None:
    many = Figures(workers=tuple(Worker(number, pid=1) for number in range(1, 200)))
    datagrams = Statsd("p").datagrams(many, True)
    assert len(datagrams) > 1
    assert max(map(len, datagrams)) <= DATAGRAM


def test_uwsgis_form() -> None:
    found = socket_datagrams(FIGURES, "hello", True)
    assert found[0] == b"hello.core.routed_signals 0 0"
    assert b"hello.core.busy_workers 1 1" in found
    assert b"core.busy_workers 1 1" in socket_datagrams(FIGURES, "", False)


def test_a_line_of_a_file() -> None:
    line = file_line(FIGURES, True)
    assert line.count(b"\n") == 1
    assert json.loads(line)["pid"] == 10


FULL = Listener("a", "http", 5, 5)


def test_a_full_queue_raises_every_alarm_once_in_a_while() -> None:
    alarms = Alarms(3, 8192)
    message = 'listen queue of socket "a" full !!! (5/5)'
    assert alarms.full(["x", "y"], [FULL], 0.0) == [("x", message), ("y", message)]
    assert alarms.full(["x"], [FULL], 2.9) == []
    assert alarms.full(["x"], [FULL], 3.0) == [("x", message)]


def test_another_message_is_another_alarm() -> None:
    alarms = Alarms(3, 10)
    assert alarms.full(["x"], [FULL], 0.0) == [("x", "listen que")]
    assert Alarms(0, 99).full(["x"], [replace(FULL, queue=4), Listener("u", "http")], 0.0) == []


def test_without_a_pause_every_look_raises() -> None:
    alarms = Alarms(0, 99)
    assert alarms.full(["x"], [FULL], 1.0)
    assert alarms.full(["x"], [FULL], 1.0)


def test_what_was_raised_is_not_remembered_without_end() -> None:
    alarms = Alarms(100, 99)
    for number in range(1000):
        assert alarms.full(["x"], [Listener(str(number), "http", 1, 1)], 0.0)


def test_a_metric_that_is_too_large_raises_at_its_rate() -> None:
    alarms = Alarms(3, 99)
    usual, slow = Threshold("m", 5, "a", 0, "m"), Threshold("m", 5, "a", 6, "slow")
    assert alarms.over([usual, slow], {"m": 4}, 0.0) == []
    assert alarms.over([usual, slow], {}, 0.0) == []
    assert alarms.over([usual, slow], {"m": 5}, 1.0) == [("a", "m"), ("a", "slow")]
    assert alarms.over([usual, slow], {"m": 5}, 4.0) == [("a", "m")]
    assert alarms.over([usual, slow], {"m": 5}, 7.0) == [("a", "m"), ("a", "slow")]


def test_carbon_gets_uwsgis_lines() -> None:
    carbon = Carbon("uwsgi.vm.site", workers=True)
    first = carbon.lines(FIGURES).decode().splitlines()
    assert first[0] == "uwsgi.vm.site.requests 10 1700000000"
    assert first[1:6] == [
        "uwsgi.vm.site.worker1.requests 10 1700000000",
        "uwsgi.vm.site.worker1.avg_rt 250000 1700000000",
        "uwsgi.vm.site.worker1.tx 5000 1700000000",
        "uwsgi.vm.site.worker1.busyness 0 1700000000",
        "uwsgi.vm.site.worker1.harakiri 1 1700000000",
    ]
    assert [line.split()[0].rpartition(".")[2] for line in first[-5:]] == [
        *("avg_rt", "tx", "busyness", "active_workers", "harakiri")
    ]
    worker = replace(FIGURES.workers[0], running=2_500_000)
    later = replace(FIGURES, uptime=62.0, workers=(worker, *FIGURES.workers[1:]))
    assert b"worker1.busyness 50 " in carbon.lines(later)


def test_carbon_without_workers() -> None:
    assert b"worker" not in Carbon("x", workers=False).lines(FIGURES).replace(b"_workers", b"")


def test_names_for_carbon() -> None:
    assert carbon_start("uwsgi", "a.b", None, "127.0.0.1:80") == "uwsgi.a.b.127_0_0_1:80"
    assert carbon_start("r", "a.b", "-", "my site") == "r.a-b.my_site"
