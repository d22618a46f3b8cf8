"""The application's metrics of several processes, made by the library and read by its parsers."""

import json

import prometheus_client as prometheus
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open
from prometheus_client.parser import text_string_to_metric_families as read_plain

from quaich.stats.appmetrics import MOST, Metrics
from quaich.stats.exposition import OPEN, PLAIN, exposition
from quaich.stats.figures import Figures
from quaich.worker.appmetrics import snapshot


class App:
    """What the application of one process counts with."""

    def __init__(self, bounds: tuple[float, ...] = (1, 5)) -> None:
        self.registry = prometheus.CollectorRegistry()
        self.orders = prometheus.Counter(
            "orders", 'Orders\nof "all"', ["shop"], registry=self.registry
        )
        self.took = prometheus.Histogram("took", "t", registry=self.registry, buckets=bounds)
        self.size = prometheus.Summary("size", "s", registry=self.registry)
        self.open = prometheus.Gauge("open", "o", registry=self.registry)
        self.gauges = {
            mode: prometheus.Gauge(f"g_{mode}", "g", registry=self.registry, multiprocess_mode=mode)
            for mode in ("livesum", "min", "max", "mostrecent")
        }
        self.build = prometheus.Info("build", "b", registry=self.registry)
        self.build.info({"version": "7"})
        self.state = prometheus.Enum("state", "e", registry=self.registry, states=["up", "down"])

    def data(self) -> bytes:
        return snapshot(self.registry)


def values(metrics: Metrics, form: str = OPEN) -> dict[tuple[str, tuple[str, ...]], float]:
    read = read_open if form == OPEN else read_plain
    text = exposition(Figures(), form, metrics.families()).decode()
    return {
        (sample.name, tuple(f"{k}={v}" for k, v in sorted(sample.labels.items()))): sample.value
        for family in read(text)
        for sample in family.samples
    }


@pytest.mark.parametrize("form", [PLAIN, OPEN])
def test_two_processes_are_one(form: str) -> None:
    one, two = App(), App()
    one.orders.labels('a"\n\\').inc(3)
    two.orders.labels('a"\n\\').inc(4)
    two.orders.labels("b").inc()
    one.took.observe(0.5)
    two.took.observe(3)
    two.took.observe(30)
    one.size.observe(10)
    two.size.observe(5)
    one.open.set(2)
    two.open.set(float("inf"))
    for gauge in one.gauges.values():
        gauge.set(3)
    for gauge in two.gauges.values():
        gauge.set(5)
    metrics = Metrics()
    metrics.take(11, 1, one.data())
    metrics.take(22, 2, two.data())
    metrics.take(11, 1, one.data())
    found = values(metrics, form)
    assert found["orders_total", ('shop=a"\n\\',)] == 7
    assert found["orders_total", ("shop=b",)] == 1
    buckets = [found["took_bucket", (f"le={each}",)] for each in ("1.0", "5.0", "+Inf")]
    assert buckets == [1, 2, 3]
    assert found["took_count", ()] == 3
    assert found["took_sum", ()] == 33.5
    assert (found["size_count", ()], found["size_sum", ()]) == (2, 15)
    assert found["open", ("worker_id=1",)] == 2
    assert found["open", ("worker_id=2",)] == float("inf")
    assert [found[f"g_{each}", ()] for each in ("livesum", "min", "max", "mostrecent")] == [
        *(8, 3, 5, 3)
    ]
    assert found["build_info", ("version=7",)] == 1
    assert found["state", ("state=up", "worker_id=2")] == 1


def test_what_a_process_has_counted_outlives_it() -> None:
    one, two = App(), App()
    one.orders.labels("a").inc(3)
    one.took.observe(3)
    one.open.set(1)
    metrics = Metrics()
    metrics.take(11, 1, one.data())
    metrics.settle(lambda pid: False)
    assert values(metrics)["orders_total", ("shop=a",)] == 3
    two.orders.labels("a").inc(1)
    metrics.take(22, 1, two.data())
    metrics = Metrics.from_data(json.loads(json.dumps(metrics.to_data())))
    found = values(metrics)
    assert found["orders_total", ("shop=a",)] == 4
    assert found["took_bucket", ("le=5.0",)] == 1
    assert found["open", ("worker_id=1",)] == 0, "of the process that lives"
    metrics.settle(lambda pid: pid == 22)
    metrics.settle(lambda pid: False)
    assert values(metrics)["orders_total", ("shop=a",)] == 4


def test_other_buckets_of_newer_code_take_the_place_of_the_old() -> None:
    old, new = App(), App((2, 10))
    old.took.observe(1)
    new.took.observe(1)
    metrics = Metrics()
    metrics.take(11, 1, old.data())
    metrics.take(22, 2, new.data())
    assert values(metrics)["took_count", ()] == 1
    metrics.settle(lambda pid: False)
    found = values(metrics)
    assert found["took_count", ()] == 1
    assert ("took_bucket", ("le=2.0",)) in found


def test_a_metric_of_another_type_is_the_newer_code_s() -> None:
    metrics = Metrics()
    metrics.take(1, 1, _family("things", "gauge", "things", 5))
    metrics.take(2, 2, _family("things", "counter", "things_total", 7))
    assert values(metrics)["things_total", ()] == 7
    metrics.take(3, 1, _family("things", "gauge", "things", 8))
    found = values(metrics)
    assert found["things", ("worker_id=1",)] == 8
    assert ("things_total", ()) not in found


def _family(name: str, kind: str, sample: str, value: float, **labels: str) -> bytes:
    return json.dumps([[name, kind, "", "all", [[sample, labels, value]]]]).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[" * 100000,
        b"[1]",
        b'[["a"]]',
        b'[["a","gauge","","all",[["a",[],1]]]]',
        b'[["a","gauge","","all",[["a",{},"x"]]]]',
        b'[["a","gauge","","all",[["a",{},1' + b"0" * 400 + b"]]]]",
        b'[["a",["gauge"],"","all",[]]]',
        _family("uwsgi_workers", "gauge", "uwsgi_workers", 1),
        _family("quaich_x", "counter", "quaich_x_total", 1),
        _family("a b", "gauge", "a b", 1),
        _family("a", "gaugehistogram", "a_bucket", 1),
        _family("a", "gauge", "b", 1),
        _family("a", "counter", "a_created", 1),
        json.dumps([["a", "gauge", "", "", [["a", {"x y": "1"}, 1]]]]).encode(),
    ],
)
def test_what_is_no_metric_of_an_application_is_left_out(data: bytes) -> None:
    metrics = Metrics()
    metrics.take(1, 1, data)
    assert list(metrics.families()) == []
    values(metrics)


def test_help_and_labels_cannot_forge_a_line() -> None:
    metrics = Metrics()
    metrics.take(
        1, 1, json.dumps([["a", "gauge", "x\nb 1", "", [["a", {"l": '"\nc 1'}, 1]]]]).encode()
    )
    assert set(values(metrics, PLAIN)) - set(values(Metrics(), PLAIN)) == {
        ("a", ('l="\nc 1', "worker_id=1"))
    }


def test_half_a_character_harms_nobody() -> None:
    metrics = Metrics()
    metrics.take(1, 1, _family("a", "gauge", "a", 1, l="\ud800"))
    assert values(metrics)["a", ("l=?", "worker_id=1")] == 1


def test_there_are_not_too_many() -> None:
    samples = [["a_total", {"l": str(number)}, 1] for number in range(MOST + 5)]
    metrics = Metrics()
    metrics.take(1, 1, json.dumps([["a", "counter", "", "all", samples]]).encode())
    (family,) = metrics.families()
    assert len(family.samples) == MOST


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=10,
)
_SAMPLE = st.tuples(st.sampled_from(["a", "a_total", "a_bucket", "b"]) | _JSON, _JSON, _JSON)
_KIND = st.sampled_from(["counter", "gauge", "histogram", "info", "stateset"]) | _JSON


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(st.just("a") | _JSON, _KIND, _JSON, _JSON, st.lists(_SAMPLE) | _JSON), max_size=3
    )
    | _JSON
)
def test_nothing_that_is_handed_over_harms_the_master(data: object) -> None:
    metrics = Metrics()
    metrics.take(1, 1, json.dumps(data).encode())
    values(metrics, PLAIN)
    metrics.settle(lambda pid: False)
    values(metrics, PLAIN)
