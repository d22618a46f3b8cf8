"""A day of a site from its log lines: what was asked for, how it went, what went wrong; pure.

Lines are added one by one and none is kept, so the memory is bounded whatever the log holds: of
each table only the most frequent rows stay, and the times are counted in classes.  A count of a row
that was dropped and came again is too low; the totals are exact.
"""

import heapq
import json
import math
import re
from typing import Any

from quaich.cli import logline
from quaich.machine.scans import BOT, SCAN
from quaich.values import dataclass

_ROWS = 1000
_LONGEST = 160
_EXAMPLES = 10
_NUMBER = re.compile(r"\b(?:0x[0-9a-f]+|\d+)\b")
_TRACEBACK = "Traceback (most recent call last):"
# The classes of times grow by a tenth each, from a microsecond on.
_BASE = math.log(1.1)


@dataclass
class Row:
    """One row of a table: how often, how many of them failed, the seconds, and an example."""

    count: int = 0
    failed: int = 0
    seconds: float = 0.0
    example: str = ""


class Table:
    """The most frequent of very many names."""

    def __init__(self, rows: int = _ROWS) -> None:
        self._most = rows
        self._rows: dict[str, Row] = {}

    def add(self, name: str, failed: bool = False, seconds: float = 0.0, example: str = "") -> None:
        """Count one."""
        row = self._rows.get(name)
        if row is None:
            if len(self._rows) >= 2 * self._most:
                self._rows = dict(self.top(self._most))
            row = self._rows[name] = Row()
        row.count += 1
        row.failed += failed
        row.seconds += seconds
        row.example = example or row.example

    def top(self, count: int) -> list[tuple[str, Row]]:
        """The most frequent names, the first one the most."""
        return heapq.nsmallest(
            count, self._rows.items(), key=lambda item: (-item[1].count, item[0])
        )


class Times:
    """How long requests took, in classes that are a tenth wide."""

    def __init__(self) -> None:
        self._classes: dict[int, int] = {}
        self._count = 0
        self.longest = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        index = int(math.log(max(seconds, 1e-6) * 1e6) / _BASE)
        self._classes[index] = self._classes.get(index, 0) + 1
        self._count += 1
        self.longest = max(self.longest, seconds)

    def quantile(self, part: float) -> float:
        """A time that ``part`` of all requests did not exceed by more than a tenth."""
        left = part * self._count
        for index in sorted(self._classes):
            left -= self._classes[index]
            if left <= 0 and not index:
                return 0.0
            if left <= 0:
                return min(math.exp((index + 1) * _BASE) / 1e6, self.longest)
        return 0.0


class Summary:
    """What the lines so far tell; ``since`` leaves out what is older (seconds of the calendar)."""

    def __init__(self, since: float = 0.0) -> None:
        self._since = since
        self.requests = 0
        self.classes = dict.fromkeys(("1xx", "2xx", "3xx", "4xx", "5xx"), 0)
        self.statuses = Table()
        self.times = Times()
        self.paths = Table()
        self.missing = Table()
        self.failures = Table()
        self.messages = Table()
        self.scans = Table()
        self.scanners = Table()
        self.bots = Table()
        self.clients = Table()
        self._slow: list[tuple[float, int, str]] = []
        self._begun = not since
        self._in_traceback = False

    def begin(self) -> None:
        """Another file begins."""
        self._begun = not self._since
        self._in_traceback = False

    def add(self, line: str) -> None:
        """Take one line into account."""
        entry = logline.read(line)
        if entry is None:
            self._message(line)
            return
        self._in_traceback = False
        if self._since and entry.when and entry.when < self._since:
            self._begun = False
            return
        self._begun = True
        self._request(entry)

    def _request(self, entry: logline.Entry) -> None:
        self.requests += 1
        self.classes[f"{entry.status // 100}xx"] += 1
        self.statuses.add(str(entry.status))
        path = entry.uri.partition("?")[0][:_LONGEST]
        target = f"{entry.method[:20]} {path}"
        if entry.address:
            self.clients.add(entry.address[:64], entry.status >= 400)
        if entry.agent and BOT.search(entry.agent):
            self.bots.add(entry.agent[:_LONGEST])
        if 400 <= entry.status < 500 and SCAN.search(entry.uri):
            self.scans.add(path, example=entry.address[:64])
            self.scanners.add(entry.address[:64] or "unknown")
            return
        self.times.add(entry.seconds)
        failed = entry.status >= 500
        self.paths.add(target, failed, entry.seconds)
        if entry.status == 404:
            self.missing.add(path)
        if failed:
            self.failures.add(f"{entry.status} {target}", example=entry.uri[:_LONGEST])
        self._remember_slow(entry, f"{entry.status} {target}")

    def _remember_slow(self, entry: logline.Entry, text: str) -> None:
        item = (entry.seconds, int(entry.when), text)
        if not entry.seconds:
            return
        if len(self._slow) < _EXAMPLES:
            heapq.heappush(self._slow, item)
        else:
            heapq.heappushpop(self._slow, item)

    @property
    def slowest(self) -> list[tuple[float, int, str]]:
        """The longest requests: seconds, when, what."""
        return sorted(self._slow, reverse=True)

    def _message(self, line: str) -> None:
        if line.startswith("{"):
            self._message_json(line)
            return
        if line.startswith(_TRACEBACK):
            self._in_traceback = True
        elif self._in_traceback and line and not line[0].isspace():
            # The first line after the frames names the exception.
            self._in_traceback = False
            self._count("error", line)
        elif not self._in_traceback:
            for severity in ("error", "warning"):
                if f"{severity}: " in line[:40]:
                    self._count(severity, line.partition(f"{severity}: ")[2])
                    break

    def _message_json(self, line: str) -> None:
        try:
            data = json.loads(line)
            severity, text = data.get("level"), str(data.get("message", ""))
        except (ValueError, AttributeError, RecursionError):
            return
        when = logline.moment(data.get("time", 0))
        if severity in ("error", "warning") and (not self._since or when >= self._since):
            # Of a traceback, the line that names the exception.
            text = text.strip().rpartition("\n")[2] if _TRACEBACK in text else text
            self._count(severity, text, True)

    def _count(self, severity: str, text: str, is_dated: bool = False) -> None:
        if self._begun or is_dated:
            shown = text.strip()[:_LONGEST]
            self.messages.add(f"{severity}: {_NUMBER.sub('N', shown)}", example=shown)


def as_data(summary: Summary, rows: int) -> dict[str, Any]:
    """The report for programs; times are seconds."""
    times = summary.times
    return {
        "requests": summary.requests,
        "classes": summary.classes,
        "statuses": {name: row.count for name, row in sorted(summary.statuses.top(100))},
        "seconds": {
            "p50": round(times.quantile(0.5), 6),
            "p95": round(times.quantile(0.95), 6),
            "p99": round(times.quantile(0.99), 6),
            "max": round(times.longest, 6),
        },
        "paths": [
            {"path": name, "count": row.count, "failed": row.failed, "seconds": row.seconds}
            for name, row in summary.paths.top(rows)
        ],
        "slowest": [
            {"seconds": seconds, "time": when, "request": text}
            for seconds, when, text in summary.slowest[:rows]
        ],
        "failures": _rows(summary.failures, rows),
        "messages": _rows(summary.messages, rows),
        "missing": _rows(summary.missing, rows),
        "scans": _rows(summary.scans, rows),
        "scanners": _rows(summary.scanners, rows),
        "bots": _rows(summary.bots, rows),
        "clients": _rows(summary.clients, rows),
    }


def _rows(table: Table, rows: int) -> list[dict[str, Any]]:
    return [
        {"name": name, "count": row.count, **({"example": row.example} if row.example else {})}
        for name, row in table.top(rows)
    ]
