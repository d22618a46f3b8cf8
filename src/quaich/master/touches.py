"""The files by whose change logs are opened again or rotated; looked at once a second."""

import os
from collections.abc import Sequence

from quaich.config.effective import Config
from quaich.master.watch import changed, stamp

INTERVAL = 1.0


class Touches:
    """What they looked like at the last look."""

    def __init__(self) -> None:
        self._stamps: dict[str, int | None] = {}
        self._due = 0.0

    def due(self, config: Config) -> float | None:
        """The next look, where there is something to look at."""
        return self._due if config.touch_logreopen or config.touch_logrotate else None

    def look(self, config: Config, now: float) -> tuple[bool, bool]:
        """Whether logs are to be opened again, and whether they are to be rotated."""
        if now < self._due:
            return False, False
        self._due = now + INTERVAL
        before, self._stamps = self._stamps, {}
        return (
            self._touched(config.touch_logreopen, config, before),
            self._touched(config.touch_logrotate, config, before),
        )

    def _touched(self, paths: Sequence[str], config: Config, before: dict[str, int | None]) -> bool:
        found = False
        for path in paths:
            now = self._stamps[path] = stamp(os.path.join(config.chdir or "", path))
            found |= path in before and changed(before[path], now)
        return found
