"""What an application has counted: when it is handed to the master, and what goes wrong there."""

import errno
import fcntl
import os
import select
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import prometheus_client as prometheus
import pytest

from quaich.config.effective import Config
from quaich.stats.appmetrics import read
from quaich.worker import appmetrics
from quaich.worker.appmetrics import BUSY, IDLE, Publisher
from quaich.worker.messages import LIMIT, Metrics, decode
from tests.support.desk import DEADLINE
from tests.support.logs import Lines
from tests.support.processes import wait_until

SHOWN = Config(stats=("127.0.0.1:0",))
Samples = dict[str, float]


class Over(BaseException):
    """The end of what has none: a thread that hands over for as long as its process lives."""


class Master:
    """The other end of a worker's channel, and what the worker counts with."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.ours.settimeout(DEADLINE)
        self.log = Lines()
        self.registry = prometheus.CollectorRegistry()
        self.orders = prometheus.Counter("orders", "Orders.", registry=self.registry)
        self.requests = 0
        self.over = False

    def served(self) -> int:
        if self.over:
            raise Over
        return self.requests

    def publisher(self) -> Publisher:
        return Publisher(3, self.theirs, self.served, self.log)

    def begin(self, config: Config = SHOWN) -> Publisher | None:
        return appmetrics.begin(config, 3, self.theirs, self.served, self.log)

    def begun(self) -> Publisher:
        made = self.begin()
        assert made is not None
        return made

    def told(self) -> Samples:
        """What is handed over next: values by the names of their samples."""
        packet, fds, _, _ = socket.recv_fds(self.ours, LIMIT, 2)
        assert decode(packet) == Metrics(3)
        [fd] = fds
        try:
            return {
                name + suffix: value
                for name, group in read(os.pread(fd, 1 << 20, 0)).items()
                for series in group.series.values()
                for (suffix, _), value in series.items()
            }
        finally:
            os.close(fd)

    def nothing(self) -> bool:
        """Whether nothing waits here."""
        return not select.select([self.ours], [], [], 0)[0]

    def close(self) -> None:
        self.over = True
        wait_until(lambda: not handing_over(), DEADLINE, "its thread has ended")
        self.ours.close()
        self.theirs.close()


def handing_over() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "quaich-metrics"]


@pytest.fixture
def master(monkeypatch: pytest.MonkeyPatch) -> Iterator[Master]:
    run = Publisher._run

    def until_over(publisher: Publisher) -> None:
        with suppress(Over):
            run(publisher)

    monkeypatch.setattr(Publisher, "_run", until_over)
    made = Master()
    yield made
    made.close()


@pytest.fixture
def imported(master: Master, monkeypatch: pytest.MonkeyPatch) -> None:
    """The application has imported the library."""
    library = SimpleNamespace(REGISTRY=master.registry)
    monkeypatch.setitem(sys.modules, "prometheus_client", library)


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "prometheus_client", raising=False)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appmetrics, "BUSY", 0.001)
    monkeypatch.setattr(appmetrics, "IDLE", 0.001)
    monkeypatch.setattr(appmetrics, "_SHARE", 0)


@pytest.mark.usefixtures("imported")
class TestHandingOver:
    def test_what_the_library_has(self, master: Master) -> None:
        master.orders.inc(7)
        master.publisher().publish()
        assert master.told() == {"orders_total": 7}

    def test_nobody_can_change_it_afterwards(self, master: Master) -> None:
        """The master maps it, and is killed where what it reads is gone."""
        master.publisher().publish()
        _, [fd], _, _ = socket.recv_fds(master.ours, LIMIT, 2)
        size = os.fstat(fd).st_size
        for change in (
            lambda: os.pwrite(fd, b"x", 0),
            lambda: os.truncate(fd, 0),
            lambda: os.truncate(fd, size + 1),
            lambda: fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SEAL),
        ):
            with pytest.raises(PermissionError):
                change()
        os.close(fd)

    def test_a_collector_that_raises_is_said_once(self, master: Master) -> None:
        class Broken:
            broken = True

            def describe(self) -> list[Any]:
                return []

            def collect(self) -> Iterator[Any]:
                if self.broken:
                    raise ConnectionError("the database is gone")
                yield from ()

        broken: Any = Broken()
        master.registry.register(broken)
        publisher = master.publisher()
        publisher.publish()
        publisher.publish()
        assert master.nothing()
        [line] = master.log.lines
        assert "metrics cannot be collected: ConnectionError: the database is gone" in line
        broken.broken = False
        publisher.publish()
        assert master.told() == {"orders_total": 0}

    def test_a_master_that_is_gone(self, master: Master) -> None:
        publisher = master.publisher()
        master.ours.close()
        before = sorted(os.listdir("/proc/self/fd"))
        publisher.publish()
        assert sorted(os.listdir("/proc/self/fd")) == before
        assert not master.log.lines, "the lifeline says so"

    def test_no_memory(self, master: Master, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(name: str, flags: int) -> int:
            raise OSError(errno.ENOMEM, "Cannot allocate memory")

        publisher = master.publisher()
        with monkeypatch.context() as without:
            without.setattr(os, "memfd_create", fail)
            publisher.publish()
        assert master.nothing()
        publisher.publish()
        assert master.told() == {"orders_total": 0}, "and later there is some"


class TestBeginning:
    @pytest.mark.usefixtures("imported")
    def test_where_nobody_asks(self, master: Master) -> None:
        assert master.begin(Config()) is None
        assert not handing_over()

    @pytest.mark.usefixtures("imported", "quick")
    def test_at_once_where_the_library_is_there(self, master: Master) -> None:
        master.orders.inc()
        publisher = master.begun()
        assert master.told() == {"orders_total": 1}
        master.orders.inc()
        wait_until(lambda: master.told() == {"orders_total": 2}, DEADLINE, "it is told again")
        # A second thread would double what it costs.
        publisher.routes.took("/a", 5, None, 0.0)
        assert len(handing_over()) == 1
        name = "quaich_route_duration_seconds_count"
        wait_until(lambda: master.told().get(name) == 1, DEADLINE, "the route is told too")

    @pytest.mark.usefixtures("missing", "quick")
    def test_with_the_first_route_where_it_is_not(self, master: Master) -> None:
        publisher = master.begun()
        assert not handing_over()
        publisher.end()
        assert master.nothing(), "there never was anything"
        publisher.routes.took("/a", 5, None, 0.0)
        assert master.told()["quaich_route_duration_seconds_count"] == 1

    @pytest.mark.usefixtures("imported")
    def test_a_worker_that_leaves_hands_over_last(
        self, master: Master, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(appmetrics, "BUSY", 0.001)
        publisher = master.begun()
        assert master.told() == {"orders_total": 0}
        master.orders.inc()
        publisher.end()
        assert master.told() == {"orders_total": 1}

    @pytest.mark.usefixtures("imported")
    def test_no_thread_is_no_reason_to_fail(
        self, master: Master, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        with monkeypatch.context() as without:
            without.setattr(threading.Thread, "start", fail)
            publisher = master.begun()
        [line] = master.log.lines
        assert "at the worker's end only: can't start new thread" in line
        assert master.nothing()
        publisher.end()
        assert master.told() == {"orders_total": 0}


class Watched(Publisher):
    """Keeps when it hands over; the clock goes on by what is slept, and by what that ``took``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, took: float, rate: float) -> None:
        channel: Any = SimpleNamespace()
        super().__init__(1, channel, lambda: int(self.now * rate), Lines())
        self.now = 0.0
        self.took = took
        self.times: list[float] = []
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "sleep", self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def publish(self) -> None:
        if len(self.times) == 4:
            raise Over
        self.times.append(self.now)
        self.now += self.took


@pytest.mark.parametrize(
    ("took", "rate", "apart"),
    [
        (0.0, 0.0, IDLE),
        (0.0, 10.0, BUSY),
        # One request in three seconds: as soon as it is seen.
        (0.0, 1 / 3, 3 * BUSY),
        # At most a hundredth of the time is spent.
        (0.5, 10.0, 50.5),
        (0.5, 0.0, 50.5),
    ],
    ids=["idle", "busy", "few requests", "takes long", "takes long and is idle"],
)
def test_the_rhythm(
    took: float, rate: float, apart: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(monkeypatch, took, rate)
    with pytest.raises(Over):
        watched._run()
    assert watched.times == [0, apart, 2 * apart, 3 * apart]
