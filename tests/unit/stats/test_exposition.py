"""The metrics, read back by the parsers of those who collect them."""

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open
from prometheus_client.parser import text_string_to_metric_families as read_plain

from quaich.stats.exposition import OPEN, PLAIN, exposition, negotiated
from quaich.stats.figures import Figures, Listener
from quaich.values import replace
from tests.unit.stats.samples import FIGURES


def values(form: str, figures: Figures = FIGURES) -> dict[tuple[str, tuple[str, ...]], float]:
    read = read_open if form == OPEN else read_plain
    return {
        (sample.name, tuple(f"{k}={v}" for k, v in sorted(sample.labels.items()))): sample.value
        for family in read(exposition(figures, form).decode())
        for sample in family.samples
    }


@pytest.mark.parametrize("form", [PLAIN, OPEN])
def test_names_and_labels_are_those_of_the_exporters(form: str) -> None:
    found = values(form)
    assert found["uwsgi_worker_requests_total", ("worker_id=1",)] == 10
    assert found["uwsgi_worker_exceptions_total", ("worker_id=1",)] == 1
    assert found["uwsgi_worker_harakiri_count_total", ("worker_id=1",)] == 1
    assert found["uwsgi_worker_respawn_count_total", ("worker_id=1",)] == 3
    assert found["uwsgi_worker_transmitted_bytes_total", ("worker_id=1",)] == 5000
    assert found["uwsgi_worker_average_response_time_seconds", ("worker_id=1",)] == 0.25
    assert found["uwsgi_worker_busy", ("worker_id=1",)] == 1
    assert found["uwsgi_worker_cheap", ("worker_id=3",)] == 1
    assert found["uwsgi_listen_queue_length", ()] == 3
    assert found["uwsgi_workers", ()] == 3
    assert found["uwsgi_socket_queue_length", ("name=127.0.0.1:80", "proto=http")] == 3
    assert found["uwsgi_worker_core_write_errors_total", ("core_id=0", "worker_id=1")] == 2


@pytest.mark.parametrize("form", [PLAIN, OPEN])
def test_what_uwsgi_has_no_word_for(form: str) -> None:
    found = values(form)
    assert found["quaich_generation", ()] == 4
    assert found["quaich_reloads_total", ("outcome=done",)] == 3
    assert found["quaich_reloads_total", ("outcome=failed",)] == 1
    assert found["quaich_worker_deaths_total", ()] == 2
    assert found["quaich_connections_parked", ()] == 2
    assert found["quaich_requests_refused_total", ()] == 1
    assert found["quaich_build_info", ("version=1.2.3",)] == 1
    lost = "quaich_log_lines_lost_total"
    assert [found[lost, (f"by={each}",)] for each in ("master", "workers", "syslog:x")] == [1, 5, 7]
    assert found["quaich_log_lines_sent_total", ("sink=syslog:x",)] == 9


@pytest.mark.parametrize("form", [PLAIN, OPEN])
def test_the_buckets_are_cumulative(form: str) -> None:
    found = values(form)
    name = "quaich_request_duration_seconds"
    assert found[f"{name}_bucket", ("le=0.001", "worker_id=1")] == 4
    assert found[f"{name}_bucket", ("le=0.5", "worker_id=1")] == 9
    assert found[f"{name}_bucket", ("le=+Inf", "worker_id=1")] == 10
    assert found[f"{name}_count", ("worker_id=1",)] == 10
    assert found[f"{name}_sum", ("worker_id=1",)] == 1.6


def test_both_forms_say_the_same() -> None:
    assert values(PLAIN) == values(OPEN)


def test_labels_are_escaped() -> None:
    odd = 'a"b\\c\nd'
    figures = replace(FIGURES, listeners=(Listener(odd, "http", 1, 2),))
    assert values(PLAIN, figures)["uwsgi_socket_queue_length", (f"name={odd}", "proto=http")] == 1


def test_two_sockets_of_one_name_are_one_sample() -> None:
    figures = replace(FIGURES, listeners=(Listener("a", "http"), Listener("a", "http")))
    assert exposition(figures).count(b"uwsgi_socket_queue_length{") == 1


def test_a_server_that_has_not_begun() -> None:
    assert values(PLAIN, Figures())["uwsgi_workers", ()] == 0


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", PLAIN),
        ("*/*", PLAIN),
        ("text/plain", PLAIN),
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.4,*/*;q=0.1", OPEN),
        ("application/openmetrics-text;q=0.1,text/plain", PLAIN),
        ("application/openmetrics-text;q=0", PLAIN),
        ("application/openmetrics-text;q=x", PLAIN),
        ("Application/OpenMetrics-Text", OPEN),
    ],
)
def test_the_form_is_negotiated(accept: str, form: str) -> None:
    assert negotiated(accept) == form
