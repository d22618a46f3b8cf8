"""What a worker takes of the machine: its CPUs and its sockets, and limits that are refused."""

import os
import re
import resource

import pytest

from quaich.config.effective import Config
from quaich.errors import LoadError, QuaichError
from quaich.net.listen import BoundListener
from quaich.worker.resources import (
    Shortage,
    claim,
    cpus,
    served,
    settle,
    settles,
    shortage,
    within_limits,
)


@pytest.mark.parametrize(
    ("slot", "count", "found"),
    # With two CPUs uWSGI maps so: 1 each "0", "1", "0"; 3 each "0 1 0", "1 0 1".
    [(1, 1, {0}), (2, 1, {1}), (3, 1, {0}), (1, 2, {0, 1}), (2, 3, {0, 1})],
)
def test_cpus_are_dealt_out_in_turn(slot: int, count: int, found: set[int]) -> None:
    assert cpus(slot, count, [0, 1]) == found


def test_only_cpus_that_may_be_used_are_dealt_out() -> None:
    assert [cpus(slot, 2, [2, 3, 7]) for slot in (1, 2, 3)] == [{2, 3}, {7, 2}, {3, 7}]


LISTENERS = [BoundListener(number + 10, "http", f"s{number}", 2) for number in range(3)]


def test_a_mapped_socket_is_its_workers_only() -> None:
    config = Config(map_socket=("0:1", "1:2,3", "1:4"), processes=4)
    names = [[each.name for each in served(config, slot, LISTENERS)] for slot in (1, 2, 4)]
    assert names == [["s0", "s2"], ["s1", "s2"], ["s1", "s2"]]


def test_without_a_map_everybody_serves_everything() -> None:
    assert served(Config(), 1, LISTENERS) is LISTENERS


def test_a_limit_that_the_kernel_refuses_names_its_option() -> None:
    config = Config(max_fd=2**40, places=(("max-fd", "a.ini:4"),))
    with pytest.raises(QuaichError, match=r"^a\.ini:4: max-fd = 1099511627776: "):
        claim(config)


def test_a_niceness_that_only_root_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: int) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.setpriority", refuse)
    with pytest.raises(
        QuaichError, match=r"^prio = -5: permission denied; only root can raise it$"
    ):
        claim(Config(prio=-5))


def test_nothing_is_claimed_that_was_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr("os.setpriority", lambda *each: asked.append(each))
    monkeypatch.setattr("resource.setrlimit", lambda *each: asked.append(each))
    monkeypatch.setattr("quaich.sys.process.memory", lambda: (1 << 20, 1 << 20))
    claim(Config())
    assert asked == []
    claim(Config(prio=3, max_fd=100, limit_as=512))
    assert asked == [
        (resource.RLIMIT_AS, (512 << 20, 512 << 20)),
        (resource.RLIMIT_NOFILE, (100, 100)),
        (os.PRIO_PROCESS, 0, 3),
    ]


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(12, "Cannot allocate memory"),
        RuntimeError("can't start new thread"),
        SystemError("error return without exception set"),
        ImportError("libssl.so.3: failed to map segment from shared object"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_a_limit_makes_impossible_names_it(error: Exception) -> None:
    config = Config(limit_as=30, places=(("limit-as", "a.ini:4"),))
    text = "a.ini:4: limit-as = 30: memory ran out under it; "
    with pytest.raises(Shortage, match=f"^{re.escape(text)}"), within_limits(config):
        raise error
    with pytest.raises(type(error)), within_limits(Config()):
        raise error
    load = LoadError("module = site")
    load.__cause__ = error
    assert shortage(config, load).startswith(text)
    assert shortage(Config(), load) == ""


def test_other_errors_are_no_shortage() -> None:
    config = Config(limit_as=30)
    for error in (OSError(2, "No such file or directory"), RuntimeError("no"), ImportError("no")):
        with pytest.raises(type(error)), within_limits(config):
            raise error


def test_a_limit_below_what_is_there_is_refused_before_it_is_set() -> None:
    with pytest.raises(
        Shortage, match=r"^limit-as = 1: \d+ MB are taken before anything is loaded"
    ):
        claim(Config(limit_as=1))
    assert resource.getrlimit(resource.RLIMIT_AS)[0] != 2**20


def test_what_is_a_worker_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {4, 5})
    monkeypatch.setattr("os.sched_setaffinity", lambda *each: given.append(each))
    monkeypatch.setattr("threading.stack_size", given.append)
    assert not settles(Config())
    settle(Config(), 1)
    assert given == []
    config = Config(cpu_affinity=1, threads_stacksize=256)
    assert settles(config)
    settle(config, 2)
    assert given == [(0, {5}), 256 * 1024]
