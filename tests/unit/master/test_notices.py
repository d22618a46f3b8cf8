"""What the service manager is told, as data."""

from quaich.master.notices import LONGEST, Notices, View

EXTEND = "EXTEND_TIMEOUT_USEC=30000000"


def test_a_start_a_reload_and_a_stop() -> None:
    notices = Notices(0, 100.0)
    assert notices.look(View(0, 0), 100.0) == ["STATUS=loading the application", EXTEND]
    assert notices.due() == 110.0
    assert notices.look(View(0, 1), 105.0) == []
    assert notices.look(View(0, 1), 110.0) == [EXTEND]
    assert notices.look(View(1, 4), 111.0) == ["READY=1\nSTATUS=generation 1, 4 workers"]
    assert notices.due() is None
    assert notices.look(View(1, 4), 112.0) == []
    assert notices.look(View(1, 3), 113.0) == ["STATUS=generation 1, 3 workers"]
    loads = (
        "RELOADING=1\nMONOTONIC_USEC=120500000\nSTATUS=generation 1, 3 workers; generation 2 loads"
    )
    assert notices.look(View(1, 3, 2), 120.5) == [loads]
    assert notices.due() == 130.5
    assert notices.look(View(1, 3, 2), 130.5) == [EXTEND]
    assert notices.look(View(2, 4), 131.0) == ["READY=1\nSTATUS=generation 2, 4 workers"]
    assert notices.look(View(2, 4, ending=True), 140.0) == ["STOPPING=1\nSTATUS=stopping"]
    assert notices.look(View(2, 0, ending=True), 141.0) == []


def test_a_reload_that_fails_and_one_that_follows_at_once() -> None:
    notices = Notices(0, 0.0)
    notices.look(View(1, 1), 0.0)
    notices.look(View(1, 1, 2), 1.0)
    dropped = "READY=1\nSTATUS=generation 1, 1 worker; generation 2 was dropped, see the log"
    first, second = notices.look(View(1, 1, 3), 2.0)
    assert first == dropped
    assert second.startswith("RELOADING=1\nMONOTONIC_USEC=2000000\n")
    assert notices.look(View(3, 1), 3.0) == ["READY=1\nSTATUS=generation 3, 1 worker"]


def test_no_more_time_for_a_start_that_hangs() -> None:
    notices = Notices(0, 0.0)
    notices.look(View(0, 0), 0.0)
    assert notices.look(View(0, 0), LONGEST) == [EXTEND]
    assert notices.look(View(0, 0), LONGEST + 11) == []
    assert notices.due() is None


def test_no_more_time_for_a_start_in_vain_unless_a_reload_loads() -> None:
    notices = Notices(0, 0.0)
    notices.look(View(0, 0), 0.0)
    text = "STATUS=workers die before they are ready, see the log"
    assert notices.look(View(0, 0, in_vain=True), 15.0) == [text]
    assert notices.look(View(0, 0, in_vain=True), 30.0) == []
    assert notices.due() is None
    assert notices.look(View(0, 0, raising=2, in_vain=True), 40.0) == [EXTEND]
    assert notices.look(View(2, 1), 41.0) == ["READY=1\nSTATUS=generation 2, 1 worker"]


def test_the_watchdog_gets_its_sign_at_half_the_time() -> None:
    notices = Notices(20.0, 0.0)
    notices.look(View(1, 1), 0.0)
    assert notices.due() == 10.0
    assert notices.look(View(1, 1), 9.9) == []
    assert notices.look(View(1, 1), 10.0) == ["WATCHDOG=1"]
    assert notices.due() == 20.0
    # Also while it stops: that may take its time.
    assert "WATCHDOG=1" in notices.look(View(1, 1, ending=True), 20.0)
