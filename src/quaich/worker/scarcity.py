"""Who makes room when descriptors run short: which parked connections end, and when others may.

Pure.  Only who has no request being answered is chosen, and of those only who brings nothing on:
idle clients first, then who is slow with a head, who was refused and stays, who is slow with a
body, and who does not read a reply.  Of one kind those go first that have waited for longest.

Each kind has two measures of patience.  The long one is what a bad network may need.  Only where
nobody is beyond it does the short one count, since whoever waits to be accepted waits that long.
A body or a reply that keeps the pace it must keep anyway stays.
"""

from collections.abc import Iterable
from typing import NamedTuple

from quaich.worker.connection import BODY, HEAD, LINGER, Connection


class Timeouts(NamedTuple):
    """What deadlines are made of, in seconds: for HTTP, for gateway protocols, between requests,
    for who lingers."""

    http: float
    gateway: float
    idle: float
    linger: float


LONG = (0.05, 2.0, 1.0, 5.0, 5.0)
"""Seconds without anything coming of it, by kind: idle, head, refused, body, reply.  Who has just
been parked is in no group: another thread may be about to watch it."""

SHORT = (0.05, 0.1, 0.1, 0.5, 2.0)
"""A head fits in what a client sends at once, so a round trip is enough for it; an upload may pause
for a lost packet, and who downloads may do something else for a moment."""

PAUSE = 0.5
"""Seconds without accepting where nobody can make room; nginx waits as long."""

LEAST_PAUSE = 0.05
"""And where somebody can soon."""

LOOK = 0.00001
"""And for each connection that has to be looked at: some microseconds, and as long for others."""

PACE = 500
"""Octets a second that a body must bring, and a reply must be read, on average, after the timeout
that each has anyway; Apache's RequestReadTimeout asks the same."""

RESERVE = 32
"""Descriptors, an eighth of the limit at most, that connections leave to the application, and to
those who are accepted while room is made."""


def threshold(limit: int) -> int:
    """The first descriptor that is one of the last few, where so many are allowed."""
    return limit - min(limit // 8, RESERVE)


def choose(
    conns: Iterable[Connection], now: float, timeouts: Timeouts
) -> tuple[list[Connection], float]:
    """Those to end now, and, where there is nobody, in how many seconds to look again."""
    kinds: list[list[tuple[float, Connection]]] = [[] for _ in LONG]
    for conn in conns:
        kind, waited = _standing(conn, now, timeouts)
        kinds[kind].append((waited, conn))
    for patience in (LONG, SHORT):
        for group, most in zip(kinds, patience, strict=True):
            over = [each for each in group if each[0] >= most]
            if over:
                over.sort(key=_waited, reverse=True)
                # An eighth, and half of a few: who comes next should not need another look.
                count = max(1, len(over) // 8, min(len(over) // 2, 8))
                return [conn for _, conn in over[:count]], 0.0
    soonest = PAUSE
    for group, most in zip(kinds, SHORT, strict=True):
        soonest = min([soonest, *(most - waited for waited, _ in group)])
    return [], min(max(soonest, LEAST_PAUSE, sum(map(len, kinds)) * LOOK), PAUSE)


def _waited(standing: tuple[float, Connection]) -> float:
    return standing[0]


def _standing(conn: Connection, now: float, timeouts: Timeouts) -> tuple[int, float]:
    """Of which kind a connection is, and the seconds for which nothing has come of it.

    A deadline tells since when: it is as far from there as its timeout is long.
    """
    late = now - conn.deadline
    if conn.state == LINGER:
        return 2, late + timeouts.linger
    if conn.state == BODY:
        # What was fast until it stopped is far from its deadline, which is for the average.
        behind = now - conn.body_began - conn.body_size / PACE
        return 3, max(behind, now - conn.heard)
    stall = timeouts.http if conn.http else timeouts.gateway
    if conn.state == HEAD:
        if conn.served and not conn.buffer:
            return 0, late + timeouts.idle
        return 1, late + stall
    return 4, late + stall
