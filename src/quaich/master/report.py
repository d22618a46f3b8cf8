"""What the master knows, as data and as lines: for ``quaich status``, SIGUSR1, SIGUSR2 and ``s``.

Pure but for the sizes of processes, which a function given by the caller looks up.  What workers
wrote on the scoreboard is their own word; a note of a request was escaped when it was written.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from quaich.master.generation import Generation, Handle, Post, Stage
from quaich.master.plan import Plan
from quaich.stats.figures import Figures
from quaich.stats.scoreboard import (
    ACCEPTING,
    EXCEPTIONS,
    LANE_SINCE,
    PID,
    REQUESTS,
    RUNNING,
    SENT,
    Scoreboard,
    Slot,
)
from quaich.values import asdict, dataclass

_MILLION = 1000000


@dataclass(frozen=True)
class Running:
    """A request that a thread of a worker runs, and for how long (seconds).

    What it asks for is known where ``harakiri`` is set: only then do workers write it down.
    """

    thread: int
    seconds: float
    request: str


@dataclass(frozen=True)
class Worker:
    """One worker: its seconds of life, the requests of this process, and their mean time.

    Where it is dead, ``again`` is in how many seconds the next one starts, ``deaths`` how many
    have died early in a row.
    """

    worker: int
    pid: int
    state: str
    generation: int
    age: float = 0.0
    requests: int = 0
    mean: float = 0.0
    accepting: bool = False
    rss: int = 0
    running: tuple[Running, ...] = ()
    again: float = 0.0
    deaths: int = 0


@dataclass(frozen=True)
class Zygote:
    """The process that a generation's workers are forked from; ``pss`` is its share of memory."""

    pid: int
    state: str
    rss: int
    pss: int


@dataclass(frozen=True)
class Group:
    """One generation, and what all workers that it ever had have done."""

    generation: int
    stage: str
    serves: bool
    wanted: int
    requests: int
    exceptions: int
    sent: int
    zygote: Zygote
    workers: tuple[Worker, ...]


@dataclass(frozen=True)
class View:
    """The whole server at one moment."""

    pid: int
    version: str
    phase: str
    paused: bool
    uptime: float
    generation: int
    generations: tuple[Group, ...]

    def workers(self) -> list[Worker]:
        """The workers of all generations that have a process."""
        return [each for group in self.generations for each in group.workers if each.pid]


@dataclass(frozen=True)
class Memory:
    """Resident and proportional size in octets; 0 is not known."""

    rss: int = 0
    pss: int = 0


def view(
    plan: Plan,
    boards: Callable[[int], Scoreboard | None],
    memory: Callable[[int, bool], Memory],
    *,
    pid: int,
    version: str,
    uptime: float,
    now: float,
) -> View:
    """What there is at ``now`` (monotonic).

    ``memory`` gives the size of a process, its second argument says whether the proportional one
    is wanted too, which costs the kernel a walk through all of its pages.
    """
    groups = tuple(
        _group(each, each.number == plan.current, boards(each.number), memory, now)
        for each in plan.generations.values()
    )
    phase = plan.phase.value
    return View(pid, version, phase, plan.paused, uptime, plan.current, groups)


def _group(
    generation: Generation,
    serves: bool,
    board: Scoreboard | None,
    memory: Callable[[int, bool], Memory],
    now: float,
) -> Group:
    zygote = generation.zygote
    asleep = generation.stage is Stage.ASLEEP
    size = memory(zygote.pid, asleep) if zygote.alive() else Memory()
    workers = []
    for handle in sorted(generation.crew(), key=lambda each: each.slot):
        rss = memory(handle.pid, False).rss if handle.alive() else 0
        workers.append(_worker(generation.number, handle, board, rss, now))
    requests, exceptions, sent = (
        board.total(field) if board else 0 for field in (REQUESTS, EXCEPTIONS, SENT)
    )
    return Group(
        generation.number,
        generation.stage.value,
        serves and generation.stage is Stage.SERVING,
        generation.wanted,
        requests,
        exceptions,
        sent,
        Zygote(zygote.pid, zygote.post.value, size.rss, size.pss),
        tuple(workers),
    )


def _worker(number: int, handle: Handle, board: Scoreboard | None, rss: int, now: float) -> Worker:
    state = "doomed" if handle.doomed else handle.post.value
    if not handle.alive():
        again = max(0.0, (handle.until or now) - now)
        return Worker(handle.slot, 0, state, number, again=again, deaths=handle.failures)
    age = max(0.0, now - handle.since)
    slot = board.slot(handle.slot, handle.seat) if board and handle.slot <= board.workers else None
    if slot is None or slot.get(PID) != handle.pid:
        return Worker(handle.slot, handle.pid, state, number, age, rss=rss)
    running = tuple(_running(slot, now))
    if running and handle.post is Post.READY and not handle.doomed:
        state = "busy"
    return Worker(
        handle.slot,
        handle.pid,
        state,
        number,
        age,
        slot.served(),
        slot.get(RUNNING) / _MILLION / max(1, slot.get(REQUESTS)),
        bool(slot.get(ACCEPTING)),
        rss,
        running,
    )


def _running(slot: Slot, now: float) -> list[Running]:
    found = []
    for thread in range(slot.threads):
        since = slot.lane(thread, LANE_SINCE)
        if since:
            seconds = max(0.0, now - since / _MILLION)
            found.append(Running(thread, seconds, slot.noted(thread) or "-"))
    return found


def as_data(seen: View) -> dict[str, Any]:
    """The view for JSON; times in seconds, sizes in octets."""
    return asdict(seen)


def statistics(seen: View, figures: Figures) -> list[str]:
    """The lines of SIGUSR1: what has been done."""
    workers = seen.workers()
    requests, exceptions, sent = (
        sum(getattr(each, name) for each in figures.workers)
        for name in ("requests", "exceptions", "sent")
    )
    head = (
        f"statistics pid={seen.pid} uptime={seen.uptime:.0f}s generation={seen.generation} "
        f"workers={len(workers)} requests={requests} exceptions={exceptions} sent={sent}"
    )
    lines = [head]
    for each in workers:
        lines.append(
            f"worker={each.worker} pid={each.pid} generation={each.generation} "
            f"requests={each.requests} mean={1000 * each.mean:.1f}ms age={each.age:.0f}s"
        )
    return lines


def status(seen: View) -> list[str]:
    """The lines of SIGUSR2: what every worker does just now."""
    paused = " paused" if seen.paused else ""
    head = (
        f"status pid={seen.pid} {seen.phase}{paused} uptime={seen.uptime:.0f}s "
        f"generation={seen.generation}"
    )
    lines = [head]
    for each in seen.workers():
        lines.append(
            f"worker={each.worker} pid={each.pid} {each.state} generation={each.generation} "
            f"age={each.age:.1f}s requests={each.requests} rss={each.rss}"
        )
        lines += [
            f"worker={each.worker} thread={run.thread} since={run.seconds:.3f}s {run.request}"
            for run in each.running
        ]
    return lines


def as_text(data: Mapping[str, Any]) -> str:
    """A view that came as JSON, for people.  It may be of another version: gaps are bridged."""
    paused = ", paused" if data.get("paused") else ""
    head = (
        f"quaich {data.get('version', '?')} pid {data.get('pid', '?')}: "
        f"{data.get('phase', '?')}{paused}, up {_span(data.get('uptime', 0))}"
    )
    lines = [head, *_summary(data.get("figures"))]
    for group in data.get("generations", ()):
        zygote = group.get("zygote", {})
        size = zygote.get("pss") or zygote.get("rss") or 0
        held = f", {_size(size)} of its own" if zygote.get("pss") else f", {_size(size)}"
        lines.append(
            f"generation {group.get('generation')}: {group.get('stage')}, "
            f"zygote pid {zygote.get('pid') or '-'}{held if size else ''}"
        )
        lines += _worker_lines(group.get("workers", ()))
    return "\n".join(lines) + "\n"


def _summary(figures: Mapping[str, Any] | None) -> list[str]:
    if not figures:
        return []
    workers = figures.get("workers", ())
    requests, exceptions, harakiris = (
        sum(each.get(name, 0) for each in workers)
        for name in ("requests", "exceptions", "harakiris")
    )
    queue = max((each.get("queue", 0) for each in figures.get("listeners", ())), default=0)
    failed = figures.get("reloads_failed", 0)
    parts = (
        f"{requests} requests, {exceptions} exceptions, {harakiris} harakiri",
        f"{figures.get('deaths', 0)} deaths; {queue} waiting; {figures.get('reloads', 0)} reloads",
        *([f"{failed} failed"] if failed else []),
    )
    return [", ".join(parts)]


def _worker_lines(workers: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = []
    for each in workers:
        if each.get("again"):
            lines.append(
                f"  worker {each.get('worker')}: starts again in {each['again']:.0f} s, died early "
                f"{each.get('deaths', 0)} times in a row"
            )
            continue
        lines.append(
            f"  worker {each.get('worker')}: pid {each.get('pid') or '-'}, {each.get('state')}, "
            f"{each.get('requests', 0)} requests, {_size(each.get('rss', 0))}, "
            f"age {_span(each.get('age', 0))}"
        )
        for run in each.get("running", ()):
            lines.append(f"    {run.get('seconds', 0):.1f} s  {run.get('request', '')}")
    return lines


def _size(octets: int) -> str:
    return f"{octets / 1048576:.1f} MB"


def _span(seconds: float) -> str:
    whole = int(seconds)
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"
