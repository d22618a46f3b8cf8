"""Connections that get one of the last descriptors."""

import errno
import os
import select
from typing import Any

import pytest

from quaich.worker import usher
from tests.support.desk import DEADLINE, GET, ended, hall, reply_from
from tests.support.processes import wait_until


def hello(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every descriptor is one of the last few, and two connections are too many for that."""
    monkeypatch.setattr(usher, "threshold", lambda limit: 0)
    monkeypatch.setattr(usher.resource, "getrlimit", lambda kind: (2, 2))


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Who makes room: nobody, until a number is in this, and then so many."""
    numbers: list[int] = []

    def choose(conns: list[Any], now: float, timeouts: Any) -> tuple[list[Any], float]:
        return (conns[: numbers[0]], 0.0) if numbers and conns else ([], 0.05)

    monkeypatch.setattr(usher, "choose", choose)
    return numbers


@pytest.mark.usefixtures("few")
class TestTheLastFew:
    def test_room_is_made(self, chosen: list[int]) -> None:
        chosen.append(1)
        with hall(hello) as here:
            first = here.client(GET)
            reply_from(first)
            select.select([], [], [], 0.1)
            second = here.client(GET)
            assert reply_from(second).endswith(b"hello")
            assert ended(first) == b""
            assert "few descriptors are left; idle connections are closed" in here.log.text

    @pytest.mark.parametrize("number", [0, errno.EMFILE])
    def test_where_nobody_can_others_wait(
        self, monkeypatch: pytest.MonkeyPatch, chosen: list[int], number: int
    ) -> None:
        """Until somebody can; and while connections are few, nobody waits."""

        def none(path: str) -> list[str]:
            raise OSError(number, os.strerror(number))

        with hall(hello) as here:
            for count in range(1, 4):
                here.client(GET[:9])
                here.parked(count)
                select.select([], [], [], 0.1)
            with monkeypatch.context() as patched:
                if number:
                    patched.setattr(usher.os, "listdir", none)
                wait_until(lambda: not here.engine.accepting, DEADLINE, "a pause")
                waiting = here.client(GET)
                assert not select.select([waiting], [], [], 0.3)[0]
                chosen.append(3)
                if not number:
                    assert reply_from(waiting).endswith(b"hello")
            if number:
                assert reply_from(waiting).endswith(b"hello")

    def test_where_nothing_tells_how_many_there_are(
        self, monkeypatch: pytest.MonkeyPatch, chosen: list[int]
    ) -> None:
        def none(path: str) -> list[str]:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))

        with hall(hello) as here:
            monkeypatch.setattr(usher.os, "listdir", none)
            for count in range(1, 4):
                here.client(GET[:9])
                here.parked(count)
                select.select([], [], [], 0.1)
            assert reply_from(here.client(GET)).endswith(b"hello")

    def test_without_a_descriptor_to_change_it(
        self, monkeypatch: pytest.MonkeyPatch, chosen: list[int]
    ) -> None:
        def none(fd: int) -> int:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

        chosen.append(1)
        with hall(hello) as here:
            reply_from(here.client(GET))
            select.select([], [], [], 0.1)
            with monkeypatch.context() as patched:
                patched.setattr(usher.os, "dup", none)
                assert reply_from(here.client(GET)).endswith(b"hello")
