"""Which alarms are raised: (what is, what was raised before, now) → messages.

Pure.  The same message of the same alarm is not raised again for a while, and mails are few: what
is raised soon after one waits for the next.
"""

from collections.abc import Iterable, Mapping, Sequence

from quaich.config.outlets import Alarm, Threshold
from quaich.stats.figures import Listener

_MOST = 256
_LINES = 100


class Alarms:
    """``freq`` is for how many seconds a message is not repeated, ``longest`` its octets."""

    def __init__(self, freq: float, longest: int) -> None:
        self._freq = freq
        self._longest = longest
        self._raised: dict[tuple[str, str], float] = {}

    def full(
        self, names: Sequence[str], listeners: Iterable[Listener], now: float
    ) -> list[tuple[str, str]]:
        """Alarms, each with its message, for queues that are full."""
        messages = [
            f'listen queue of socket "{each.name}" full !!! ({each.queue}/{each.most})'
            for each in listeners
            if each.most and each.queue >= each.most
        ]
        return [
            (name, message[: self._longest])
            for message in messages
            for name in names
            if self._may(name, message, now)
        ]

    def over(
        self, thresholds: Iterable[Threshold], metrics: Mapping[str, int], now: float
    ) -> list[tuple[str, str]]:
        """Alarms, each with its message, for metrics that are too large."""
        return [
            (each.alarm, each.message[: self._longest])
            for each in thresholds
            if metrics.get(each.metric, -1) >= each.value
            if self._may(each.alarm, each.message, now, each.rate)
        ]

    def once(self, name: str, message: str, now: float) -> list[tuple[str, str]]:
        """The alarm with its message, if it may be raised now."""
        message = message[: self._longest]
        return [(name, message)] if self._may(name, message, now) else []

    def _may(self, name: str, message: str, now: float, rate: float = 0) -> bool:
        key = (name, message)
        last = self._raised.get(key)
        if last is not None and now - last < max(rate, self._freq):
            return False
        if len(self._raised) >= _MOST:
            self._raised.clear()
        self._raised[key] = now
        return True


class Letters:
    """The mails of alarms, ``every`` seconds one at most of each."""

    def __init__(self, every: float) -> None:
        self._every = every
        self._due: dict[Alarm, float] = {}
        self._lines: dict[Alarm, list[str]] = {}
        self._more: dict[Alarm, int] = {}

    def put(self, alarm: Alarm, message: str, now: float) -> None:
        """Have a message sent."""
        lines = self._lines.setdefault(alarm, [])
        if len(lines) < _LINES:
            lines.append(message)
        else:
            self._more[alarm] = self._more.get(alarm, 0) + 1

    def due(self) -> float | None:
        """When there is something to send."""
        return min((self._due.get(alarm, 0.0) for alarm in self._lines), default=None)

    def take(self, now: float) -> list[tuple[Alarm, str]]:
        """What is to be sent now."""
        found = []
        for alarm in [each for each in self._lines if now >= self._due.get(each, 0.0)]:
            text = "".join(f"{line}\n" for line in self._lines.pop(alarm))
            more = self._more.pop(alarm, 0)
            found.append((alarm, text + (f"and {more} more\n" if more else "")))
            self._due[alarm] = now + self._every
        return found
