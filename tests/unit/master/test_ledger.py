"""What was done is counted once, whatever becomes of generations."""

import json

from quaich.master.ledger import Ledger
from quaich.stats.scoreboard import (
    EXCEPTIONS,
    LANE_READ_ERRORS,
    REQUESTS,
    SENT,
    Scoreboard,
)


def worked(board: Scoreboard, number: int, requests: int, seat: int = 0) -> None:
    slot = board.slot(number, seat)
    for _ in range(requests):
        slot.begin(0, 10)
        slot.end(0, 20, 100)
        slot.took(10)


def test_both_seats_and_all_generations_count() -> None:
    ledger = Ledger()
    first, second = Scoreboard.create(2, 1), Scoreboard.create(2, 2)
    ledger.hold(1, first)
    ledger.hold(2, second)
    worked(first, 1, 2)
    worked(first, 1, 3, seat=1)
    worked(second, 1, 4)
    account = ledger.account(1)
    assert (account.requests, account.sent, account.running, account.took) == (9, 900, 90, 90)
    assert account.buckets[0] == 9
    assert account.lanes == [[9, 0, 0], [0, 0, 0]]


def test_a_generation_that_is_gone_stays_counted() -> None:
    ledger = Ledger()
    board = Scoreboard.create(2, 1)
    ledger.hold(1, board)
    worked(board, 2, 5)
    board.slot(2).fault(0, LANE_READ_ERRORS)
    board.slot(2).add(EXCEPTIONS, 1)
    before = ledger.account(2)
    ledger.close(1)
    ledger.close(1)
    assert ledger.account(2) == before
    assert (ledger.account(1).requests, ledger.last()) == (0, 2)


def test_to_hold_the_same_again_changes_nothing() -> None:
    ledger = Ledger()
    board = Scoreboard.create(1, 1)
    for _ in range(2):
        ledger.hold(1, board)
    ledger.hold(2, None)
    worked(board, 1, 1)
    assert ledger.account(1).requests == 1


def test_it_goes_through_json() -> None:
    ledger = Ledger()
    board = Scoreboard.create(1, 2)
    ledger.hold(1, board)
    worked(board, 1, 3)
    ledger.close(1)
    again = Ledger.from_data(json.loads(json.dumps(ledger.to_data())))
    assert again.account(1) == ledger.account(1)
    again.hold(2, board)
    assert again.account(1).requests == 6
    assert (board.total(REQUESTS), board.total(SENT)) == (3, 300)
