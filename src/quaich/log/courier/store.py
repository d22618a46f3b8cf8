"""The lines that wait for one sink: bounded, and what does not fit is counted; pure.

The oldest are kept: they tell how it began.  What was lost is to be told once a second at most.
"""

from collections import deque

from quaich.log.courier.letter import Letter

MOST = 4194304
"""Octets that wait for one sink: some ten thousand lines, seconds of a busy server."""

LINES = 20000
"""And lines, which cost memory of their own."""

TELL = 1.0


class Store:
    """A queue with its counters."""

    def __init__(self) -> None:
        self.letters: deque[Letter] = deque()
        self.sent = 0
        self.dropped = 0
        self._size = 0
        self._told = 0
        self._told_at = 0.0

    def put(self, letter: Letter) -> bool:
        """Keep a line, or count it."""
        if self._size + len(letter.line) > MOST or len(self.letters) >= LINES:
            self.dropped += 1
            return False
        self.letters.append(letter)
        self._size += len(letter.line)
        return True

    def first(self) -> Letter | None:
        """The line that is next, which stays."""
        return self.letters[0] if self.letters else None

    def done(self) -> None:
        """The first is sent."""
        self._size -= len(self.letters.popleft().line)
        self.sent += 1

    def lose(self) -> None:
        """The first cannot be sent, ever."""
        self._size -= len(self.letters.popleft().line)
        self.dropped += 1

    def to_tell(self, now: float) -> int:
        """How many were lost since that was told last, if it is time to tell."""
        lost = self.dropped - self._told
        if lost and now >= self._told_at + TELL:
            self._told, self._told_at = self.dropped, now
            return lost
        return 0
