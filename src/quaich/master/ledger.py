"""What workers have done in the whole life of the server: the scoreboards there are, and the sums
of those that are gone with their generations.

A scoreboard is added to the sums when its generation is forgotten, after the end of its last
process; so nothing is counted twice, and no count goes back.
"""

from typing import Any

from quaich.stats.scoreboard import (
    BOUNDS,
    BUCKETS,
    DROPPED,
    EXCEPTIONS,
    LANE_READ_ERRORS,
    LANE_REQUESTS,
    LANE_WRITE_ERRORS,
    LOST,
    REQUESTS,
    RUNNING,
    SEATS,
    SENT,
    TOOK,
    Scoreboard,
)
from quaich.values import dataclass, field

_LANES = (LANE_REQUESTS, LANE_READ_ERRORS, LANE_WRITE_ERRORS)


@dataclass
class Account:
    """What the workers of a slot have done; ``lanes`` are (requests, read errors, write errors)."""

    requests: int = 0
    exceptions: int = 0
    sent: int = 0
    running: int = 0
    refused: int = 0
    took: int = 0
    lost: int = 0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    lanes: list[list[int]] = field(default_factory=list)

    def add(self, board: Scoreboard, number: int) -> None:
        """Add what a scoreboard says of a slot."""
        while len(self.lanes) < board.threads:
            self.lanes.append([0] * len(_LANES))
        for seat in range(SEATS):
            slot = board.slot(number, seat)
            self.requests += slot.get(REQUESTS)
            self.exceptions += slot.get(EXCEPTIONS)
            self.sent += slot.get(SENT)
            self.running += slot.get(RUNNING)
            self.refused += slot.get(DROPPED)
            self.took += slot.get(TOOK)
            self.lost += slot.get(LOST)
            for place in range(len(self.buckets)):
                self.buckets[place] += slot.get(BUCKETS + place)
            for thread in range(board.threads):
                for place, cell in enumerate(_LANES):
                    self.lanes[thread][place] += slot.lane(thread, cell)

    def copy(self) -> "Account":
        """The same, to be added to."""
        return Account(
            *(self.requests, self.exceptions, self.sent, self.running, self.refused),
            *(self.took, self.lost),
            list(self.buckets),
            [list(each) for each in self.lanes],
        )


class Ledger:
    """The accounts by slot."""

    def __init__(self) -> None:
        self._closed: dict[int, Account] = {}
        self._boards: dict[int, Scoreboard] = {}

    def hold(self, generation: int, board: Scoreboard | None) -> None:
        """Count with the scoreboard of a generation."""
        if board is not None:
            self._boards.setdefault(generation, board)

    def close(self, generation: int) -> None:
        """A generation is gone: keep what its workers have done."""
        board = self._boards.pop(generation, None)
        for number in range(1, board.workers + 1 if board else 1):
            assert board is not None
            account = self._closed.get(number, Account())
            account.add(board, number)
            if account.requests or account.refused or account.lost or number in self._closed:
                self._closed[number] = account

    def account(self, number: int) -> Account:
        """What the workers of a slot have done so far."""
        found = self._closed[number].copy() if number in self._closed else Account()
        for board in self._boards.values():
            if number <= board.workers:
                found.add(board, number)
        return found

    def last(self) -> int:
        """The last slot of which there is anything to say that no scoreboard says."""
        return max(self._closed, default=0)

    def to_data(self) -> list[Any]:
        """What ``from_data`` takes; of scoreboards that are there, nothing."""
        return [
            [number, *(getattr(each, name) for name in Account.__annotations__)]
            for number, each in self._closed.items()
        ]

    @classmethod
    def from_data(cls, data: list[Any]) -> "Ledger":
        """The ledger of ``to_data``."""
        found = cls()
        found._closed = {number: Account(*values) for number, *values in data}
        return found
