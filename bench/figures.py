"""The arithmetic of the benchmark: what the programs print, and medians, spreads and ratios.

Pure; times are in microseconds where a name says so, else in seconds.
"""

import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

UNITS = {"us": 1.0, "ms": 1e3, "s": 1e6, "m": 60e6}


class LoadError(Exception):
    """A generator of load saw something other than good answers."""


@dataclass(frozen=True)
class Load:
    requests: int
    seconds: float
    p50_us: float
    p99_us: float
    broken: int = 0  # connections that ended where an answer was expected
    late_us: float = 0.0  # p99 of the generator's own delays, where it keeps a rate


@dataclass(frozen=True)
class Cpu:
    """Processor time of a set of threads: exact in sum, in ticks for its two parts."""

    nanoseconds: int
    user_ticks: int
    system_ticks: int

    def __sub__(self, other: "Cpu") -> "Cpu":
        return Cpu(
            self.nanoseconds - other.nanoseconds,
            self.user_ticks - other.user_ticks,
            self.system_ticks - other.system_ticks,
        )

    def parts(self, requests: int) -> tuple[float, float]:
        """User and system microseconds per request: the exact sum, divided as the ticks are."""
        each = self.nanoseconds / 1000 / requests
        ticks = self.user_ticks + self.system_ticks or 1
        return each * self.user_ticks / ticks, each * self.system_ticks / ticks


@dataclass(frozen=True)
class Round:
    """One server's turn."""

    load: Load
    server: Cpu
    front: Cpu | None = None  # nginx
    most: float = 0.0  # the rate that was found to saturate, where that is not the load itself
    beside: Mapping[str, "Round"] = field(default_factory=dict)  # others, under the same load

    @property
    def user_us(self) -> float:
        return self.server.parts(self.load.requests)[0]

    @property
    def system_us(self) -> float:
        return self.server.parts(self.load.requests)[1]

    @property
    def server_us(self) -> float:
        return self.server.nanoseconds / 1000 / self.load.requests

    @property
    def front_us(self) -> float:
        return self.front.nanoseconds / 1000 / self.load.requests if self.front else 0.0

    @property
    def total_us(self) -> float:
        return self.server_us + self.front_us

    @property
    def rate(self) -> float:
        return self.load.requests / self.load.seconds


@dataclass(frozen=True)
class Middle:
    """A median with the least and the most of what it is the median of."""

    median: float
    least: float
    most: float


def middle(values: Iterable[float]) -> Middle:
    found = list(values)
    return Middle(statistics.median(found), min(found), max(found))


def ratios(mine: Sequence[float], others: Sequence[float]) -> Middle | None:
    """Mine to the other's, each round with itself: what disturbed one round disturbed both."""
    pairs = [a / b for a, b in zip(mine, others, strict=False) if b]
    return middle(pairs) if pairs else None


def microseconds(text: str) -> float:
    """A duration as wrk writes it: ``812.00us``, ``1.24ms``, ``2.01s``."""
    found = re.fullmatch(r"([0-9.]+)(us|ms|s|m)", text)
    if found is None:
        raise LoadError(f"not a duration: {text!r}")
    return float(found[1]) * UNITS[found[2]]


def wrk(text: str) -> Load:
    """What ``wrk --latency`` printed; a broken connection in a hundred answers is borne."""
    trouble = re.search(r"Non-2xx.*|Socket errors.*", text)
    done = re.search(r"(\d+) requests in ([0-9.]+(?:us|ms|s|m)),", text)
    parts = {
        percent: re.search(rf"^\s+{percent}%\s+(\S+)$", text, re.MULTILINE) for percent in (50, 99)
    }
    half, most = parts[50], parts[99]
    if done is None or half is None or most is None:
        raise LoadError(f"wrk printed no result: {text[-300:]!r}")
    requests, broken = int(done[1]), 0
    if not requests:
        raise LoadError(trouble[0].strip() if trouble else "no request was answered")
    if trouble:
        broken = sum(map(int, re.findall(r" (\d+)", trouble[0])))
        if trouble[0].startswith("Non") or broken > requests / 100:
            raise LoadError(f"{trouble[0].strip()}, beside {requests} answers")
    return Load(
        requests,
        microseconds(done[2]) / 1e6,
        microseconds(half[1]),
        microseconds(most[1]),
        broken,
    )


def paced(text: str, seconds: float) -> Load:
    """What the open-loop generator printed."""
    words = text.split()
    if len(words) != 8:
        raise LoadError(f"paced printed no result: {text[-300:]!r}")
    answered, failed = int(words[0]), int(words[1])
    if failed or not answered:
        raise LoadError(f"{failed} of {answered + failed} requests failed")
    return Load(answered, seconds, float(words[2]), float(words[4]), late_us=float(words[7]))


def counted(text: str) -> int:
    """The system calls in what ``perf stat -x,`` or ``strace -c`` wrote; -1 if it says none."""
    for line in text.splitlines():
        fields = line.split(",")
        if len(fields) > 2 and fields[2].startswith("raw_syscalls:sys_enter"):
            return int(fields[0]) if fields[0].isdigit() else -1
    total = re.search(r"^100\.00\s+\S+\s+(?:\d+\s+)?(\d+)(?:\s+\d+)?\s+total$", text, re.MULTILINE)
    return int(total[1]) if total else -1


def shared(text: str) -> int:
    """The octets of PSS in a smaps_rollup."""
    found = re.search(r"^Pss:\s+(\d+) kB$", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0
