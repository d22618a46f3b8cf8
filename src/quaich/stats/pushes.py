"""Metrics for those who are sent them: figures → datagrams, and lines of a file.

``Statsd`` remembers what it has sent: a counter of statsd is by how much something grew.
"""

from collections.abc import Iterator

from quaich.stats.document import COUNTER, document, uwsgi_metrics
from quaich.stats.figures import Figures

DATAGRAM = 1400
"""Octets that pass every network in one piece."""


class Statsd:
    """One destination that speaks statsd."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._before: dict[str, int] | None = None

    def datagrams(self, figures: Figures, cores: bool) -> list[bytes]:
        """What is sent now.  The first time, counters only begin."""
        counters: dict[str, int] = {}
        lines = []
        for name, kind, _, value in uwsgi_metrics(figures, cores):
            if kind != COUNTER:
                lines.append(f"{self._prefix}.{name}:{value}|g")
                continue
            counters[name] = value
            grown = value - self._before.get(name, 0) if self._before is not None else 0
            if grown > 0:
                lines.append(f"{self._prefix}.{name}:{grown}|c")
        self._before = counters
        return list(_packed(lines))


def _packed(lines: list[str]) -> Iterator[bytes]:
    held = b""
    for line in lines:
        data = line.encode("utf-8", "replace")
        if held and len(held) + 1 + len(data) > DATAGRAM:
            yield held
            held = b""
        held = held + b"\n" + data if held else data
    if held:
        yield held


def socket_datagrams(figures: Figures, prefix: str, cores: bool) -> list[bytes]:
    """uWSGI's form: a datagram for each metric, with its type."""
    start = f"{prefix}." if prefix else ""
    return [
        f"{start}{name} {kind} {value}".encode()
        for name, kind, _, value in uwsgi_metrics(figures, cores)
    ]


def file_line(figures: Figures, cores: bool) -> bytes:
    """The statistics as one line."""
    return document(figures, cores=cores, minified=True) + b"\n"
