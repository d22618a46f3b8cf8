"""Which workers have passed a limit: (limits, what was seen, now) → breaches.

Pure.  The performer (``watch``) reads the scoreboard and ``/proc`` into ``Seen`` once a second, and
the plan acts on the breaches.  Three things may be done with a worker, and the hardest that applies
is done:

    WARN      a request runs for too long, and there is a time of grace: show the stacks, send the
              signal of harakiri-graceful-signal; said at every look until the grace is over
    HARAKIRI  a request runs for too long: show the stacks, then kill
    KILL      its memory passed an evil limit: kill, whatever it runs
    RECYCLE   it has served enough, is old enough or large enough: replace it, then let it finish

Limits of 0 are none.  Times are in seconds, memory in octets.
"""

from collections.abc import Iterable

from quaich.master.vocabulary import Breach, Limits, Verdict
from quaich.values import dataclass


@dataclass(frozen=True)
class Running:
    """A request that a thread is in: its core, since when, and what the worker noted of it."""

    core: int
    since: float
    what: str = ""


@dataclass(frozen=True)
class Seen:
    """A worker as it was found: ``served`` counts the requests of this process."""

    generation: int
    slot: int
    pid: int
    started: float
    served: int = 0
    running: tuple[Running, ...] = ()
    rss: int = 0
    vsz: int = 0


def breaches(
    limits: Limits, workers: Iterable[Seen], now: float, queue: int | None = None
) -> list[Breach]:
    """One breach for each worker that passed a limit.

    ``queue`` is how many connections wait to be accepted, None when that is not known.
    """
    relaxed = limits.harakiri_queue and queue is not None and queue <= limits.harakiri_queue
    found = []
    for seen in workers:
        breach = None if relaxed else _harakiri(limits, seen, now)
        breach = breach or _kill(limits, seen) or _recycle(limits, seen, now)
        if breach is not None:
            found.append(breach)
    return found


def next_due(limits: Limits, workers: Iterable[Seen], now: float) -> float | None:
    """When one of the requests that run now will have run for too long, or its grace is over."""
    if not limits.harakiri:
        return None
    sinces = [each.since + limits.harakiri for seen in workers for each in seen.running]
    dues = [due + grace for due in sinces for grace in {0, limits.harakiri_grace}]
    return min((due for due in dues if due > now), default=None)


def _breach(seen: Seen, verdict: Verdict, cause: str) -> Breach:
    return Breach(seen.generation, seen.slot, seen.pid, verdict, cause)


def _harakiri(limits: Limits, seen: Seen, now: float) -> Breach | None:
    if not limits.harakiri or not seen.running:
        return None
    oldest = min(seen.running, key=lambda each: each.since)
    age = now - oldest.since
    if age < limits.harakiri:
        return None
    verdict = Verdict.HARAKIRI
    cause = f"core={oldest.core} age={age:.1f}s harakiri={limits.harakiri}s"
    if limits.harakiri_grace:
        if age < limits.harakiri + limits.harakiri_grace:
            verdict = Verdict.WARN
        cause = f"{cause} grace={limits.harakiri_grace}s"
    cause = f"{cause} {oldest.what}".rstrip()
    return Breach(seen.generation, seen.slot, seen.pid, verdict, cause, oldest.since)


def _kill(limits: Limits, seen: Seen) -> Breach | None:
    for name, value, limit in (
        ("rss", seen.rss, limits.evil_reload_on_rss),
        ("as", seen.vsz, limits.evil_reload_on_as),
    ):
        if limit and value > limit:
            return _breach(seen, Verdict.KILL, f"{name}={value} evil-reload-on-{name}={limit}")
    return None


def _recycle(limits: Limits, seen: Seen, now: float) -> Breach | None:
    age = now - seen.started
    if age < limits.min_worker_lifetime:
        return None
    # Not all at once: each worker's limit is a step above that of the one before it.
    step = seen.slot - 1
    most = limits.max_requests and limits.max_requests + limits.max_requests_delta * step
    oldest = limits.max_worker_lifetime
    oldest = oldest and oldest + limits.max_worker_lifetime_delta * step
    cause = ""
    if most and seen.served >= most:
        cause = f"requests={seen.served} max-requests={most}"
    elif oldest and age >= oldest:
        cause = f"age={age:.1f}s max-worker-lifetime={oldest}s"
    elif limits.reload_on_rss and seen.rss > limits.reload_on_rss:
        cause = f"rss={seen.rss} reload-on-rss={limits.reload_on_rss}"
    elif limits.reload_on_as and seen.vsz > limits.reload_on_as:
        cause = f"as={seen.vsz} reload-on-as={limits.reload_on_as}"
    return _breach(seen, Verdict.RECYCLE, cause) if cause else None
