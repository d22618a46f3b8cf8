"""Which sinks a line goes to; pure.

As in uWSGI: what ``log-drain`` matches is dropped, as is what no ``log-filter`` matches where
there is one; a line that matches a route goes to that sink alone; any other to every sink without a
name, or to the place where the log would have been.  Request lines go where ``req-logger`` says,
and with the others where it says nothing.
"""

import re
from collections.abc import Sequence

from quaich.config.loggers import Route, Sink


def _compiled(pattern: str) -> re.Pattern[bytes]:
    return re.compile(pattern.encode("utf-8", "surrogateescape"))


class Routing:
    """The rules for one sort of line; indices are those of ``sinks``, ``otherwise`` is where lines
    go for which there is no sink."""

    def __init__(
        self,
        sinks: Sequence[Sink],
        routes: Sequence[Route],
        filters: Sequence[str] = (),
        drains: Sequence[str] = (),
        *,
        otherwise: int,
        first: int = 0,
    ) -> None:
        self._filters = [_compiled(each) for each in filters]
        self._drains = [_compiled(each) for each in drains]
        by_name: dict[str, list[int]] = {}
        for index, sink in enumerate(sinks, first):
            by_name.setdefault(sink.name, []).append(index)
        self._routes = [
            (_compiled(each.pattern), by_name[each.sink]) for each in routes if each.sink in by_name
        ]
        self._others = by_name.get("", [otherwise])

    def of(self, line: bytes) -> Sequence[int]:
        """Where a line goes."""
        if any(each.search(line) for each in self._drains):
            return ()
        if self._filters and not any(each.search(line) for each in self._filters):
            return ()
        found: list[int] = []
        for pattern, indices in self._routes:
            if pattern.search(line):
                found += indices
        return found or self._others
