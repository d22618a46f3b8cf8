"""The scoreboard: one writer, readers in other processes, numbers that stay true."""

import os

import pytest

from quaich.stats import scoreboard
from quaich.stats.scoreboard import (
    ACCEPTING,
    DROPPED,
    EXCEPTIONS,
    GENERATION,
    LANE_REQUESTS,
    LANE_SINCE,
    NOTE,
    PARKED,
    PID,
    REQUESTS,
    RUNNING,
    SENT,
    STARTED,
    WAKE,
    Scoreboard,
)


@pytest.fixture
def board() -> Scoreboard:
    return Scoreboard.create(3, 2)


def test_it_begins_empty(board: Scoreboard) -> None:
    for number in (1, 2, 3):
        slot = board.slot(number)
        assert [slot.get(field) for field in range(scoreboard.SLOT)] == [0] * scoreboard.SLOT


def test_slots_and_lanes_do_not_overlap(board: Scoreboard) -> None:
    for number in (1, 2, 3):
        slot = board.slot(number)
        for field in range(scoreboard.SLOT):
            slot.set(field, number * 100 + field)
        for thread in range(2):
            slot.begin(thread, number * 1000 + thread)
    for number in (1, 2, 3):
        slot = board.slot(number)
        for field in range(scoreboard.SLOT):
            assert slot.get(field) == number * 100 + field
        for thread in range(2):
            assert slot.lane(thread, LANE_SINCE) == number * 1000 + thread


def test_another_process_sees_it(board: Scoreboard) -> None:
    pid = os.fork()
    if pid == 0:
        try:
            Scoreboard.attach(board.fd).slot(2).add(REQUESTS, 7)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    assert board.slot(2).get(REQUESTS) == 7
    assert board.total(REQUESTS) == 7
    attached = Scoreboard.attach(board.fd)
    assert (attached.workers, attached.threads) == (3, 2)


def test_a_request(board: Scoreboard) -> None:
    slot = board.slot(1)
    slot.begin(1, 1000)
    assert slot.lane(1, LANE_SINCE) == 1000
    assert slot.lane(0, LANE_SINCE) == 0
    slot.end(1, 1500, 42)
    assert slot.lane(1, LANE_SINCE) == 0
    assert (slot.lane(1, LANE_REQUESTS), slot.lane(0, LANE_REQUESTS)) == (1, 0)
    assert (slot.get(REQUESTS), slot.get(SENT), slot.get(RUNNING)) == (1, 42, 500)


def test_a_request_that_waits_for_its_client(board: Scoreboard) -> None:
    """Waiting is not running, and another request in the same thread counts for itself."""
    slot = board.slot(1)
    slot.begin(0, 1000)
    slot.pause(0, 1100)
    assert slot.lane(0, LANE_SINCE) == 0
    slot.begin(0, 5000)
    slot.end(0, 5010, 1)
    slot.begin(0, 9000)
    slot.end(0, 9001, 2)
    assert (slot.get(REQUESTS), slot.get(SENT), slot.get(RUNNING)) == (2, 3, 111)


def test_an_end_without_a_beginning_adds_no_time(board: Scoreboard) -> None:
    slot = board.slot(1)
    slot.end(0, 10**12, 0)
    slot.pause(0, 10**12)
    assert slot.get(RUNNING) == 0


def test_a_new_process_keeps_the_totals(board: Scoreboard) -> None:
    slot = board.slot(1)
    slot.begin(0, 5)
    slot.add(REQUESTS, 3)
    slot.add(EXCEPTIONS, 2)
    slot.set(ACCEPTING, 1)
    slot.set(PARKED, 9)
    slot.clear(4321, 2, 77)
    assert [slot.get(field) for field in (PID, GENERATION, STARTED)] == [4321, 2, 77]
    assert [slot.get(field) for field in (REQUESTS, EXCEPTIONS)] == [3, 2]
    assert [slot.get(field) for field in (ACCEPTING, PARKED)] == [0, 0]
    assert slot.lane(0, LANE_SINCE) == 0


def test_totals(board: Scoreboard) -> None:
    for number in (1, 2, 3):
        board.slot(number).add(DROPPED, number)
        board.slot(number, 1).add(DROPPED, 10)
    assert board.total(DROPPED) == 36


def test_two_seats_of_a_worker_count_together_and_apart(board: Scoreboard) -> None:
    first, second = board.slot(2), board.slot(2, 1)
    first.add(REQUESTS, 5)
    first.clear(1, 1, 1)
    second.clear(2, 1, 1)
    first.add(REQUESTS, 2)
    second.add(REQUESTS, 1)
    assert (first.served(), second.served()) == (2, 1)
    assert first.requests() == second.requests() == 8
    assert board.slot(1).requests() == board.slot(3, 1).requests() == 0


def test_notes(board: Scoreboard) -> None:
    lanes = [
        (board.slot(number, seat), lane) for number in (1, 3) for seat in (0, 1) for lane in (0, 1)
    ]
    for index, (slot, lane) in enumerate(lanes):
        assert slot.noted(lane) == ""
        slot.note(lane, f"{index} GET /" + "x" * 300)
    for index, (slot, lane) in enumerate(lanes):
        assert slot.noted(lane).startswith(f"{index} GET /xxx")
        assert len(slot.noted(lane)) == NOTE - 1
        slot.note(lane, "short")
        assert slot.noted(lane) == "short"
    assert Scoreboard.attach(board.fd).slot(3, 1).noted(1) == "short"


def test_a_note_that_lies_is_printable(board: Scoreboard) -> None:
    slot = board.slot(3, 1)
    place = ((3 - 1) * scoreboard.SEATS + 1) * board.threads + 1
    lie = b"\xff" + b"a\n\x1b\x9b" + b"\x00" * (NOTE - 5)
    board._notes[place * NOTE : (place + 1) * NOTE] = lie
    assert slot.noted(1) == "a" + "?" * (NOTE - 2)


@pytest.mark.parametrize("number", [0, -1, 4])
def test_there_are_no_other_slots(board: Scoreboard, number: int) -> None:
    with pytest.raises(IndexError):
        board.slot(number)


@pytest.mark.parametrize("seat", [-1, 2])
def test_there_are_no_other_seats(board: Scoreboard, seat: int) -> None:
    with pytest.raises(IndexError):
        board.slot(1, seat)


def test_another_memory_is_refused() -> None:
    fd = os.memfd_create("other")
    os.ftruncate(fd, 4096)
    with pytest.raises(ValueError, match="not a scoreboard"):
        Scoreboard.attach(fd)
    os.close(fd)


def test_it_is_not_inherited_by_accident(board: Scoreboard) -> None:
    assert not os.get_inheritable(board.fd)


def test_the_master_says_whether_there_are_heirs(board: Scoreboard) -> None:
    assert not board.heirs
    board.heirs = True
    other = Scoreboard.attach(os.dup(board.fd))
    assert other.heirs
    assert [other.slot(1).get(field) for field in range(scoreboard.SLOT)] == [0] * scoreboard.SLOT
    board.heirs = False
    assert not other.heirs


def test_a_new_process_finds_its_letter_box_empty(board: Scoreboard) -> None:
    slot = board.slot(2)
    slot.set(WAKE, 4711)
    slot.clear(41, 1, 1)
    assert slot.get(WAKE) == 0


def test_durations_are_counted_in_buckets(board: Scoreboard) -> None:
    slot = board.slot(1)
    for micros in (0, 1000, 1001, 30000000, 30000001):
        slot.took(micros)
    counts = [slot.get(scoreboard.BUCKETS + place) for place in range(len(scoreboard.BOUNDS) + 1)]
    assert counts == [2, 1, *[0] * 11, 1, 1]
    assert slot.get(scoreboard.TOOK) == 60002002


def test_the_average_is_half_the_last_request(board: Scoreboard) -> None:
    slot = board.slot(1)
    averages = []
    # As uWSGI has it for requests of 0.1, 0.2 and 0.05 seconds.
    for micros in (100832, 202329, 52326):
        slot.took(micros)
        averages.append(slot.get(scoreboard.AVERAGE))
    assert averages == [50416, 126372, 89349]


def test_the_average_goes_on_in_the_other_seat(board: Scoreboard) -> None:
    old, new = board.slot(1, 0), board.slot(1, 1)
    old.clear(10, 1, 100)
    old.took(1000)
    new.clear(11, 1, 200)
    assert new.get(scoreboard.AVERAGE) == 500
    new.took(1000)
    old.clear(12, 1, 300)
    assert old.get(scoreboard.AVERAGE) == 750


def test_faults_are_counted_by_thread(board: Scoreboard) -> None:
    slot = board.slot(2)
    slot.fault(1, scoreboard.LANE_READ_ERRORS)
    slot.fault(1, scoreboard.LANE_WRITE_ERRORS)
    slot.fault(1, scoreboard.LANE_WRITE_ERRORS)
    assert slot.lane(1, scoreboard.LANE_READ_ERRORS) == 1
    assert slot.lane(1, scoreboard.LANE_WRITE_ERRORS) == 2
    assert slot.lane(0, scoreboard.LANE_WRITE_ERRORS) == 0


def test_the_buckets_have_their_cells() -> None:
    assert scoreboard.BUCKETS + len(scoreboard.BOUNDS) + 1 == scoreboard.SLOT
