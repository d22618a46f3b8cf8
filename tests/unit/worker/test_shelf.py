"""Lines that wait together: when they are written, and what of them outlives the process."""

import pytest

from quaich.stats.scoreboard import LANE_HELD, SHELF, Scoreboard, Slot
from quaich.worker.record import OLDEST, Shelf


class Written:
    def __init__(self) -> None:
        self.calls: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.calls.append(data)


@pytest.fixture
def slot() -> Slot:
    return Scoreboard.create(2, 2).slot(2)


@pytest.fixture
def out() -> Written:
    return Written()


def test_lines_wait_and_are_written_in_their_order(slot: Slot, out: Written) -> None:
    shelf = Shelf(slot, 1, out)
    shelf.put(b"one\n", 10)
    shelf.put(b"two\n", 20)
    assert out.calls == []
    assert shelf.full
    assert slot.shelved(1) == b"one\ntwo\n"
    assert slot.shelved(0) == b""
    shelf.clear()
    shelf.clear()
    assert out.calls == [b"one\ntwo\n"]
    assert not shelf.full
    assert slot.left() == b""


def test_the_oldest_waits_no_longer_than_it_may(slot: Slot, out: Written) -> None:
    shelf = Shelf(slot, 0, out)
    shelf.put(b"one\n", 1000)
    shelf.put(b"two\n", 1000 + OLDEST)
    assert out.calls == []
    shelf.put(b"three\n", 1001 + OLDEST)
    assert out.calls == [b"one\ntwo\nthree\n"]
    shelf.put(b"four\n", 1002 + OLDEST)
    assert len(out.calls) == 1


def test_a_full_shelf_is_written_before_the_line_that_does_not_fit(
    slot: Slot, out: Written
) -> None:
    shelf = Shelf(slot, 0, out)
    line = b"x" * 99 + b"\n"
    count = SHELF // len(line) + 1
    for _ in range(count):
        shelf.put(line, 5)
    assert out.calls == [line * (count - 1)]
    assert slot.shelved(0) == line


def test_a_line_longer_than_the_shelf_is_written_behind_the_others(
    slot: Slot, out: Written
) -> None:
    shelf = Shelf(slot, 0, out)
    shelf.put(b"one\n", 5)
    shelf.put(b"y" * SHELF + b"\n", 6)
    shelf.put(b"two\n", 7)
    shelf.clear()
    assert out.calls == [b"one\n", b"y" * SHELF + b"\n", b"two\n"]
    shelf.put(b"z" * SHELF, 8)
    assert slot.shelved(0) == b"z" * SHELF


def test_what_a_process_has_left_is_found_and_taken_once(slot: Slot, out: Written) -> None:
    Shelf(slot, 0, out).put(b"one\n", 5)
    Shelf(slot, 1, out).put(b"two\n", 5)
    assert slot.left() == b"one\ntwo\n"
    assert slot.left() == b""


def test_the_next_process_does_not_begin_with_them(slot: Slot, out: Written) -> None:
    Shelf(slot, 0, out).put(b"one\n", 5)
    slot.clear(7, 1, 1)
    assert slot.left() == b""


def test_a_count_that_is_wrong_reads_no_further_than_the_shelf(slot: Slot) -> None:
    for _ in range(SHELF + 1):
        slot.fault(0, LANE_HELD)
    assert slot.shelved(0) == bytes(SHELF)
    assert not slot.shelve(0, b"")
