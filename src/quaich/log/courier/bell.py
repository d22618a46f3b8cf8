"""Alarms about lines of the log: which a line raises, and how the master hears of it.

Regular expressions are the courier's to bear, however long they take.  The master hears of ten
alarms a second at most, and never of its own lines about alarms, which would raise more.
"""

import re
import socket
from collections.abc import Sequence

from quaich.config.outlets import LogAlarm

MARK = "ALARM"
MOST = 10
"""Alarms in a second."""

LONGEST = 16384


class Bell:
    """Rings by ``sock``, which does not block; ``alarms`` with their patterns, ``never`` patterns
    of lines that raise none."""

    def __init__(
        self, alarms: Sequence[LogAlarm], never: Sequence[str], sock: socket.socket
    ) -> None:
        self._alarms = [(each.alarm, _compiled(each.pattern)) for each in alarms]
        self._never = [_compiled(each) for each in never]
        self._marks = [f"{MARK} {each.alarm}: ".encode() for each in alarms]
        self._sock = sock
        self._second = 0
        self._count = 0

    def hear(self, line: bytes, now: float) -> None:
        """Ring for a line, if one is to be rung for it."""
        line = line.rstrip(b"\n")
        names = [name for name, pattern in self._alarms if pattern.search(line)]
        if not names or any(each in line for each in self._marks):
            return
        if any(each.search(line) for each in self._never):
            return
        for name in names:
            if int(now) != self._second:
                self._second, self._count = int(now), 0
            self._count += 1
            if self._count <= MOST:
                try:
                    self._sock.send(name.encode() + b"\0" + line[:LONGEST])
                except OSError:
                    return  # the master has enough to do, or is gone


def _compiled(pattern: str) -> re.Pattern[bytes]:
    return re.compile(pattern.encode("utf-8", "surrogateescape"))
