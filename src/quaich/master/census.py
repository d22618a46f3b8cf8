"""The plan, the scoreboards and what was counted → the server in figures.

Pure but for what it is given functions for.  What a worker wrote on the scoreboard is its own word:
a wrong number there makes a wrong number here, and no more.
"""

from collections.abc import Callable, Sequence

from quaich.master.generation import Generation, Handle, Post
from quaich.master.ledger import Account, Ledger
from quaich.master.plan import Plan
from quaich.stats.figures import Core, Daemon, Figures, Listener, Sink, Worker
from quaich.stats.scoreboard import (
    ACCEPTING,
    AVERAGE,
    LANE_SINCE,
    PARKED,
    PID,
    Scoreboard,
    Slot,
)
from quaich.values import dataclass, replace

_MILLION = 1000000


@dataclass(frozen=True)
class Moment:
    """The same instant on both clocks (monotonic, of the calendar), and when the server started."""

    now: float
    calendar: float
    started: float


@dataclass(frozen=True)
class Self:
    """The master's own process, and what was looked up besides."""

    version: str = ""
    pid: int = 0
    uid: int = 0
    gid: int = 0
    cwd: str = ""
    overflows: int = 0
    lost: int = 0
    sinks: Sequence[Sink] = ()
    listeners: Sequence[Listener] = ()
    daemons: Sequence[Daemon] = ()


def census(
    plan: Plan,
    ledger: Ledger,
    boards: Callable[[int], Scoreboard | None],
    memory: Callable[[int], tuple[int, int]],
    *,
    slots: int,
    harakiri: int,
    moment: Moment,
    own: Self,
) -> Figures:
    """The figures; ``slots`` is how many workers there are by the configuration, ``memory`` gives
    the address space and the resident memory of a process."""
    current = plan.generations.get(plan.current)
    wanted = current.wanted if current else 0
    last = max(slots, wanted, ledger.last(), max(plan.tally.spawns, default=0))
    tally = plan.tally
    workers = []
    for number in range(1, last + 1):
        generation, handle = _serving(plan, number)
        account = ledger.account(number)
        worker = Worker(
            number,
            requests=account.requests,
            exceptions=account.exceptions,
            harakiris=tally.harakiris.get(number, 0),
            spawns=tally.spawns.get(number, 0),
            sent=account.sent,
            running=account.running,
            took=account.took,
            lost=account.lost,
            buckets=tuple(account.buckets),
            refused=account.refused,
            cores=_cores(account, None, moment.now),
        )
        if generation is not None and handle is not None:
            board = boards(generation.number)
            worker = _alive(worker, generation, handle, board, account, memory, moment, plan.paused)
        workers.append(worker)
    return Figures(
        version=own.version,
        pid=own.pid,
        uid=own.uid,
        gid=own.gid,
        cwd=own.cwd,
        now=moment.calendar,
        uptime=moment.now - moment.started,
        phase=plan.phase.value,
        paused=plan.paused,
        generation=plan.current,
        wanted=wanted,
        overflows=own.overflows,
        loading=tally.loading,
        harakiri=harakiri,
        reloads=tally.reloads,
        reloads_failed=tally.reloads_failed,
        deaths=tally.deaths,
        pauses=tally.pauses,
        recycled=tally.recycled,
        killed=tally.killed,
        workers=tuple(workers),
        listeners=tuple(own.listeners),
        daemons=tuple(own.daemons),
        lost=own.lost,
        sinks=tuple(own.sinks),
    )


def _serving(plan: Plan, number: int) -> tuple[Generation | None, Handle | None]:
    """Who serves in a slot: of the generation that serves, or in a chain reload of the next."""
    order = sorted(
        plan.generations.values(), key=lambda each: (each.number != plan.current, -each.number)
    )
    for ready in (True, False):
        for generation in order:
            for handle in (generation.workers.get(number), generation.relief.get(number)):
                if handle is None or not handle.alive():
                    continue
                if handle.post is Post.READY or not ready:
                    return generation, handle
    return None, None


def _alive(
    worker: Worker,
    generation: Generation,
    handle: Handle,
    board: Scoreboard | None,
    account: Account,
    memory: Callable[[int], tuple[int, int]],
    moment: Moment,
    paused: bool,
) -> Worker:
    vsz, rss = memory(handle.pid)
    known = replace(
        worker,
        pid=handle.pid,
        status="pause" if paused else "idle",
        generation=generation.number,
        spawned=moment.calendar - max(0.0, moment.now - handle.since),
        rss=rss,
        vsz=vsz,
    )
    if board is None or handle.slot > board.workers:
        return known
    slot = board.slot(handle.slot, handle.seat)
    if slot.get(PID) != handle.pid:
        # It has not come to the scoreboard yet.
        return known
    cores = _cores(account, slot, moment.now)
    busy = any(each.age is not None for each in cores)
    return replace(
        known,
        status="pause" if paused else "busy" if busy else "idle",
        accepting=bool(slot.get(ACCEPTING)),
        delta=slot.served(),
        average=slot.get(AVERAGE),
        parked=slot.get(PARKED),
        cores=cores,
    )


def _cores(account: Account, slot: Slot | None, now: float) -> tuple[Core, ...]:
    found = []
    for thread, (requests, read_errors, write_errors) in enumerate(account.lanes):
        since = slot.lane(thread, LANE_SINCE) if slot and thread < slot.threads else 0
        age = max(0.0, now - since / _MILLION) if since else None
        note = slot.noted(thread) if slot and since else ""
        found.append(Core(thread, requests, read_errors, write_errors, age, note))
    return tuple(found)
