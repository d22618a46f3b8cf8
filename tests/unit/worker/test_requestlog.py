"""Which request log a configuration asks for."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from quaich.config.effective import Config
from quaich.log.format import COMMON, FormatLog
from quaich.log.jsonline import JsonLog
from quaich.log.request import RequestLog
from quaich.stats.scoreboard import Scoreboard, Slot
from quaich.worker.requestlog import recorder
from tests.support.logs import Lines


@pytest.fixture
def slot() -> Iterator[Slot]:
    board = Scoreboard.create(1, 1)
    yield board.slot(1)
    os.close(board.fd)


def no_metric(number: int) -> int:
    raise AssertionError("no format here names a metric")


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({}, RequestLog),
        ({"memory_report": True}, RequestLog),
        ({"log_json": True}, JsonLog),
        ({"access_log": "json", "log_format": "%(uri)"}, JsonLog),
        ({"access_log": "text", "log_json": True}, RequestLog),
        ({"log_format": "%(uri)"}, FormatLog),
        ({"disable_logging": True}, type(None)),
        ({"access_log": "off"}, type(None)),
        ({"disable_logging": True, "log_slow": 100}, RequestLog),
        ({"access_log": "off", "log_5xx": True}, RequestLog),
    ],
)
def test_its_form(options: dict[str, Any], kind: type, slot: Slot) -> None:
    made = recorder(Config(**options), 1, 2, slot, Lines(), no_metric)
    assert type(made.lines if made is not None else None) is kind


def test_what_it_takes_of_a_request(slot: Slot) -> None:
    made = recorder(
        Config(log_format="%(addr) %(var.HTTP_X)", log_x_forwarded_for=True),
        1,
        2,
        slot,
        Lines(),
        no_metric,
    )
    assert made is not None
    assert made.needs
    assert made.forwarded
    plain = recorder(Config(), 1, 2, slot, Lines(), no_metric)
    assert plain is not None
    assert (plain.needs, plain.open, plain.forwarded) == ((), False, False)


@pytest.mark.parametrize(
    ("options", "form"),
    [
        ({}, COMMON),
        ({"log_date": "%Y"}, COMMON),
        ({"logformat_strftime": True}, COMMON),
        ({"logformat_strftime": True, "log_date": "%Y"}, "%Y"),
    ],
)
def test_how_it_writes_a_time(options: dict[str, Any], form: str) -> None:
    from quaich.worker.requestlog import _ftime

    assert _ftime(Config(**options)) == form
