"""Which alarms are raised: (what is, what was raised before, now) → messages.

Pure.  The same message of the same alarm is not raised again for a while.
"""

from collections.abc import Iterable, Mapping, Sequence

from quaich.config.outlets import Threshold
from quaich.stats.figures import Listener

_MOST = 256


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

    def _may(self, name: str, message: str, now: float, rate: float = 0) -> bool:
        key = (name, message)
        last = self._raised.get(key)
        if last is not None and now - last < max(rate, self._freq):
            return False
        if len(self._raised) >= _MOST:
            self._raised.clear()
        self._raised[key] = now
        return True
