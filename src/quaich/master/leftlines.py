"""Writes the request lines that a worker has left: gathered, and not written before it died.

They are in shared memory, so it does not matter what a worker dies of.  One that dies between
writing and saying so leaves lines that are there already: a line can be written twice, never lost.
"""

from quaich.master.side import BaseSide
from quaich.stats.scoreboard import PID, SEATS


class LeftLines(BaseSide):
    """The side that does."""

    def died(self, pid: int, how: str) -> bool:
        """A child has ended; if it was a worker, its lines are written."""
        for number in self.house.plan.generations:
            board = self.house.scoreboard(number)
            if board is None:
                continue
            for worker in range(1, board.workers + 1):
                for seat in range(SEATS):
                    slot = board.slot(worker, seat)
                    if slot.get(PID) == pid and (lines := slot.left()):
                        self.house.log.write(lines)
        return False
