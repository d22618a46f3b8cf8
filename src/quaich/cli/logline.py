"""Lines of a request log, taken apart again, and filters for them.

uWSGI's default format, JSON, and the common and combined formats of web servers.  Pure.  What is
not a request line (a traceback, a word of the master) is none, and no mistake.
"""

import functools
import json
import re
import time
from collections.abc import Mapping
from typing import Any

from quaich.errors import UsageError
from quaich.values import dataclass

_LINE = re.compile(
    r"(?:\[pid: \d+\|app: [^]|]*\|req: [^]]*\] )?"
    r"(?P<address>\S*) \([^)]*\) \{[^}]*\} "
    r"\[(?P<date>[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4})\] "
    r"(?P<method>\S+) (?P<uri>.*) => generated \d+ bytes in (?P<took>\d+) (?P<unit>msecs|micros)"
    r".* \((?P<protocol>\S*) (?P<status>\d{3})\) "
)
_COMMON = re.compile(
    r"(?P<address>\S+) \S+ .*?\[(?P<date>\d\d/[A-Z][a-z]{2}/\d{4}:[\d:]{8} [+-]\d{4})\] "
    r'"(?P<method>[A-Z]+) (?P<uri>[^ "]*)[^"]*" (?P<status>[1-5]\d\d) (?:\d+|-)'
    r'(?: "[^"]*" "(?P<agent>[^"]*)")?'
)
_NAMES = {
    "status": ("status",),
    "method": ("method", "request_method"),
    "uri": ("uri", "request_uri", "path", "path_info"),
    "address": ("remote", "address", "addr", "remote_addr", "client"),
    "when": ("time", "timestamp", "ts", "date", "@timestamp"),
    "agent": ("user_agent", "agent", "http_user_agent"),
}
_DURATIONS = {
    "total_us": 0.000001,
    "seconds": 1.0,
    "duration": 1.0,
    "msecs": 0.001,
    "duration_ms": 0.001,
    "micros": 0.000001,
    "microseconds": 0.000001,
}
# The year 5138; a number beyond is neither a time nor a duration.
_MOST_SECONDS = 1e11
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?")
_STATUS = re.compile(r"[1-5](?:\d\d|xx)")


@dataclass(frozen=True)
class Entry:
    """A request: when it was logged (seconds of the calendar, 0 unknown), and how it went.

    ``seconds`` is 0 in a format that does not tell it.
    """

    when: float
    status: int
    seconds: float
    method: str
    uri: str
    address: str
    agent: str = ""


@dataclass(frozen=True)
class Filter:
    """What is wanted; a field that is empty wants everything."""

    statuses: tuple[str, ...] = ()
    slow: float = 0.0
    path: str = ""
    since: float = 0.0

    @property
    def any(self) -> bool:
        """Whether only requests are wanted."""
        return bool(self.statuses or self.slow or self.path)

    def takes(self, entry: Entry) -> bool:
        """Whether a request is wanted."""
        if self.since and entry.when < self.since:
            return False
        if self.statuses and not any(_matches(entry.status, each) for each in self.statuses):
            return False
        return entry.seconds >= self.slow and entry.uri.startswith(self.path)


def _matches(status: int, pattern: str) -> bool:
    text = str(status)
    return text[0] == pattern[0] if pattern.endswith("xx") else text == pattern


def statuses(text: str) -> tuple[str, ...]:
    """Statuses as they are written: 404, 5xx, 404,5xx."""
    found = tuple(text.lower().split(","))
    if not all(_STATUS.fullmatch(each) for each in found):
        raise UsageError(f'--status: expected 404, 5xx, or several with commas, got "{text}"')
    return found


def seconds(option: str, text: str, unit: str) -> float:
    """A duration as it is written: 500ms, 2s, 10m, 1h, 1d; a number alone is in ``unit``."""
    match = _SPAN.fullmatch(text)
    if match is None:
        raise UsageError(f'{option}: expected a time such as 500ms, 2s, 10m or 1h, got "{text}"')
    return float(match[1]) * _UNITS[match[2] or unit]


def read(line: str) -> Entry | None:
    """The request that a line is about."""
    if line.startswith("{"):
        return _read_json(line)
    match = _LINE.match(line)
    if match is None:
        return _read_common(line)
    when = _local(match["date"])
    took = int(match["took"]) * (0.001 if match["unit"] == "msecs" else 0.000001)
    return Entry(
        *(when, int(match["status"]), took, match["method"], match["uri"], match["address"])
    )


@functools.lru_cache(8)
def _local(date: str) -> float:
    """A date in uWSGI's form; many lines have the same."""
    try:
        return time.mktime(time.strptime(date, "%a %b %d %H:%M:%S %Y"))
    except (ValueError, OverflowError):
        return 0.0


def _read_common(line: str) -> Entry | None:
    match = _COMMON.match(line)
    if match is None:
        return None
    from datetime import datetime

    try:
        when = datetime.strptime(match["date"], "%d/%b/%Y:%H:%M:%S %z").timestamp()
    except (ValueError, OverflowError):
        when = 0.0
    return Entry(
        *(when, int(match["status"]), 0.0, match["method"], match["uri"], match["address"]),
        match["agent"] or "",
    )


def _read_json(line: str) -> Entry | None:
    try:
        data = json.loads(line)
        status = int(_first(data, "status", 0))
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
    if not 100 <= status <= 599:
        return None
    took = 0.0
    for name, factor in _DURATIONS.items():
        if isinstance(data.get(name), int | float):
            took = data[name] * factor if 0 <= data[name] <= _MOST_SECONDS / factor else 0.0
            break
    return Entry(
        moment(_first(data, "when", 0)),
        status,
        took,
        str(_first(data, "method", "")),
        str(_first(data, "uri", "")),
        str(_first(data, "address", "")),
        str(_first(data, "agent", "")),
    )


def _first(data: Mapping[str, Any], what: str, default: Any) -> Any:
    return next((data[name] for name in _NAMES[what] if name in data), default)


def moment(value: Any) -> float:
    """A time as JSON has it, in seconds of the calendar; 0 if it is none."""
    if isinstance(value, int | float):
        # Anything else, infinity too, is no time.
        return float(value) if 0 <= value <= _MOST_SECONDS else 0.0
    from datetime import datetime

    text = str(value)
    for form in ("%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S"):
        try:
            return datetime.strptime(text, form).timestamp()
        except (ValueError, OverflowError):
            continue
    return 0.0
