"""The values of the operator's metrics, as uWSGI makes them; pure.

They are made in the order in which they are written, each of what is known by then: the server's
own metrics, and those before it.  What collects has its initial value added.
"""

from collections.abc import Callable, Mapping, Sequence

from quaich.config.metrics import ALIAS, Metric

_LOW, _HIGH = -(2**63), 2**63 - 1


class Meter:
    """All of them.  ``read`` gives the words of a file, none where it cannot be read."""

    def __init__(self, metrics: Sequence[Metric], read: Callable[[str], Sequence[str]]) -> None:
        self._metrics = tuple(metrics)
        self._read = read
        self._initial = {each.name: each.initial for each in metrics}
        self._due: dict[str, float] = {}
        self.values = dict(self._initial)

    def begin(self, name: str, value: int) -> None:
        """Begin a metric with a value that it had before."""
        if name in self._initial:
            self._initial[name] = self.values[name] = value

    def collect(self, own: Mapping[str, int], now: float) -> None:
        """Make the values that are due; ``own`` are the server's metrics."""
        known = dict(own)
        for each in self._metrics:
            if each.kind == ALIAS:
                self.values[each.name] = known.get(each.alias, 0)
            elif each.collector and now >= self._due.get(each.name, now):
                self._due[each.name] = now + each.freq
                value = self._value(each, [known.get(child, 0) for child in each.children])
                if value is not None:
                    self.values[each.name] = min(_HIGH, max(_LOW, value))
            known[each.name] = self.values[each.name]

    def pushed(self) -> None:
        """The values were sent: those that begin again after that do."""
        for each in self._metrics:
            if each.reset:
                self.values[each.name] = self._initial[each.name]

    def rows(self) -> tuple[tuple[str, int, str, int], ...]:
        """Name, type, number in the MIB, value."""
        return tuple(
            (each.name, each.kind, each.oid, self.values[each.name]) for each in self._metrics
        )

    def _value(self, metric: Metric, children: list[int]) -> int | None:
        start = self._initial[metric.name]
        match metric.collector:
            case "sum":
                return start + sum(children)
            case "accumulator":
                return self.values[metric.name] + sum(children)
            case "multiplier":
                return start + sum(children) * metric.number
            case "adder":
                return start + sum(children) + metric.number
            case "avg":
                return start + sum(children) // len(children)
        words = self._read(metric.file)
        try:
            return start + int(words[metric.number])
        except (IndexError, ValueError):
            return None
