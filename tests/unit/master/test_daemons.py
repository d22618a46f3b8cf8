"""Daemons as data: what happens to them, and what is to be done."""

import json

from quaich.config.daemons import Daemon
from quaich.master.daemons import (
    Daemons,
    EndServer,
    Launch,
    Look,
    Say,
    Send,
    State,
    belongs,
)

PLAIN = Daemon("prog --x")
SMART = Daemon("prog --x", pidfile="/p", freq=3)


def _quiet(actions: list[object] | None) -> list[object]:
    assert actions is not None
    return [each for each in actions if not isinstance(each, Say)]


def running(spec: Daemon = PLAIN, pid: int = 7) -> Daemons:
    daemons = Daemons(60.0)
    assert _quiet(daemons.want([spec], False, 0.0)) == []
    if spec.pidfile:
        assert _quiet(daemons.tick(0.0)) == [Look(1)]
        assert _quiet(daemons.found(1, 0, 0.0)) == [Launch(1)]
    else:
        assert _quiet(daemons.tick(0.0)) == [Launch(1)]
    daemons.started(1, pid, 0.0)
    assert daemons.kept[1].state is State.RUNNING
    assert daemons.deadline() is None
    return daemons


def test_one_that_ends_is_started_again_after_a_pause_that_grows() -> None:
    daemons = running()
    now = 0.0
    for failures in (1, 2, 3):
        assert _quiet(daemons.died(daemons.kept[1].pid, "exit=1", now)) == []
        assert daemons.deadline() == now + failures
        assert daemons.tick(now) == []
        now += failures
        assert _quiet(daemons.tick(now)) == [Launch(1)]
        daemons.started(1, 7 + failures, now)
    now += 11
    daemons.died(10, "signal=SIGKILL", now)
    assert daemons.deadline() == now, "it had lived long enough"


def test_the_pause_has_a_limit() -> None:
    daemons = running(Daemon("prog", max_throttle=2))
    for _ in range(5):
        daemons.died(7, "exit=1", 0.0)
        daemons.started(1, 7, 0.0)
    daemons.died(7, "exit=1", 0.0)
    assert daemons.deadline() == 2.0


def test_one_that_cannot_be_started_is_tried_again() -> None:
    daemons = Daemons(60.0)
    daemons.want([PLAIN], False, 0.0)
    daemons.tick(0.0)
    daemons.failed(1, "no more processes", 0.0)
    assert _quiet(daemons.tick(1.0)) == [Launch(1)]


def test_a_reload_restarts_it_never_twice() -> None:
    daemons = running()
    assert _quiet(daemons.want([PLAIN], True, 5.0)) == [Send(7, 15)]
    assert _quiet(daemons.want([PLAIN], True, 6.0)) == []
    assert _quiet(daemons.tick(6.0)) == []
    assert _quiet(daemons.died(7, "exit=0", 6.0)) == []
    assert _quiet(daemons.tick(6.0)) == [Launch(1)]
    assert len(daemons.kept) == 1


def test_a_reloadsignal_is_all_it_gets() -> None:
    daemons = running(Daemon("prog", reloadsignal=1))
    assert _quiet(daemons.want([Daemon("prog", reloadsignal=1)], True, 5.0)) == [Send(7, 1)]
    assert daemons.kept[1].state is State.RUNNING


def test_a_reload_brings_and_takes_daemons() -> None:
    daemons = running()
    other = Daemon("other")
    assert _quiet(daemons.want([other, other], True, 5.0)) == [Send(7, 15)]
    assert _quiet(daemons.tick(5.0)) == [Launch(2), Launch(3)]
    daemons.died(7, "exit=0", 6.0)
    assert set(daemons.kept) == {2, 3}


def test_one_that_does_not_end_is_killed() -> None:
    daemons = running(Daemon("prog", stopsignal=2))
    assert _quiet(daemons.stop(5.0)) == [Send(7, 2)]
    assert not daemons.idle()
    assert daemons.tick(64.9) == []
    assert _quiet(daemons.tick(65.0)) == [Send(7, 9)]
    daemons.died(7, "signal=SIGKILL", 65.0)
    assert daemons.idle()
    assert daemons.kept == {}
    assert daemons.tick(99.0) == []


def test_the_end_of_a_control_daemon_is_the_servers() -> None:
    daemons = running(Daemon("prog", control=True))
    actions = _quiet(daemons.died(7, "exit=0", 5.0))
    assert len(actions) == 1
    assert isinstance(actions[0], EndServer)
    assert daemons.tick(99.0) == []


def test_a_smart_one_that_runs_is_adopted() -> None:
    daemons = Daemons(60.0)
    daemons.want([SMART], False, 0.0)
    daemons.tick(0.0)
    assert _quiet(daemons.found(1, 99, 0.0)) == []
    assert daemons.kept[1].state is State.ADOPTED
    assert daemons.tick(2.9) == []
    assert daemons.tick(3.0) == [Look(1)]
    assert daemons.found(1, 99, 3.0) == []
    assert daemons.tick(6.0) == [Look(1)]
    assert _quiet(daemons.found(1, 0, 6.0)) == [Launch(1)], "it is gone"


def test_a_smart_one_outlives_reloads_and_the_server() -> None:
    daemons = running(SMART)
    assert daemons.want([SMART], True, 5.0) == []
    assert daemons.stop(6.0) == []
    assert daemons.idle()
    assert daemons.died(7, "exit=0", 7.0) is None


def test_one_that_goes_into_the_background() -> None:
    spec = Daemon("prog", pidfile="/p", daemonizes=True, freq=3)
    daemons = running(spec)
    daemons.died(7, "exit=0", 1.0)
    assert daemons.kept[1].state is State.ADOPTED
    assert daemons.tick(4.0) == [Look(1)]
    daemons.found(1, 99, 4.0)
    assert _quiet(daemons.died(99, "signal=SIGKILL", 5.0)) == [], "the master adopts orphans"
    assert _quiet(daemons.tick(10.0)) == [Look(1)]
    assert _quiet(daemons.found(1, 0, 10.0)) == [Launch(1)]


def test_a_touch_restarts_it() -> None:
    daemons = running(SMART)
    assert _quiet(daemons.touched(1, 5.0)) == [Send(7, 15)]
    daemons.died(7, "exit=0", 5.1)
    assert _quiet(daemons.tick(5.1)) == [Look(1)]
    assert _quiet(daemons.found(1, 0, 5.1)) == [Launch(1)]


def test_the_state_goes_over_as_data() -> None:
    daemons = running(Daemon("prog", touch=("/t",)))
    daemons.want([Daemon("prog", touch=("/t",)), SMART], False, 1.0)
    again = Daemons.from_data(60.0, json.loads(json.dumps(daemons.to_data())))
    assert again.kept == daemons.kept
    assert _quiet(again.want([PLAIN], True, 2.0)) == [Send(7, 15)]
    assert 3 in again.kept, "numbers are not used twice"


def test_whose_process_it_is() -> None:
    assert belongs("/usr/bin/redis-server /etc/r.conf", "redis-server *:6379")
    assert belongs("python /srv/worker.py --x", "/usr/bin/python3 /srv/worker.py --x")
    assert belongs("A=1 celery -A app worker", "[celeryd: w1@h:MainProcess]")
    assert not belongs("redis-server", "/usr/sbin/sshd -D")
    assert not belongs("", "anything")
