"""Looks, once a second, at what limits and files to touch are about; it decides nothing itself.

What a worker wrote on the scoreboard is its own word: whoever lies there can only have a worker of
the same application replaced.
"""

import os
from collections.abc import Iterable, Mapping

from quaich.config.effective import Config
from quaich.master import limits
from quaich.master.generation import Generation, Handle, Post
from quaich.master.vocabulary import Breach, Limits, Meaning, Touched
from quaich.stats.scoreboard import LANE_SINCE, PID, Scoreboard

INTERVAL = 1.0
_MEGABYTE = 1024 * 1024
_PAGE = os.sysconf("SC_PAGE_SIZE")


def limits_of(config: Config) -> Limits:
    """The limits that a configuration sets for its workers."""
    return Limits(
        harakiri=config.harakiri,
        max_requests=config.max_requests,
        max_requests_delta=config.max_requests_delta,
        min_worker_lifetime=config.min_worker_lifetime,
        max_worker_lifetime=config.max_worker_lifetime,
        max_worker_lifetime_delta=config.max_worker_lifetime_delta,
        reload_on_rss=config.reload_on_rss * _MEGABYTE,
        reload_on_as=config.reload_on_as * _MEGABYTE,
        evil_reload_on_rss=config.evil_reload_on_rss * _MEGABYTE,
        evil_reload_on_as=config.evil_reload_on_as * _MEGABYTE,
    )


class Watch:
    """``due`` is when to look again; what was found is for the plan."""

    def __init__(self) -> None:
        self.due = 0.0
        self._stamps: dict[str, int | None] = {}

    def breaches(
        self, generations: Iterable[Generation], boards: Mapping[int, Scoreboard], now: float
    ) -> list[Breach]:
        """The limits that workers have passed; sets when to look again."""
        self.due = now + INTERVAL
        found = []
        for generation in generations:
            rules = generation.policy.limits
            board = boards.get(generation.number)
            if board is None or not rules.any:
                continue
            seen = [
                _see(generation.number, handle, board, rules.memory)
                for handle in generation.crew()
                if handle.alive() and not handle.doomed
                if handle.post in (Post.READY, Post.LEAVING)
            ]
            found += limits.breaches(rules, seen, now)
            due = limits.next_due(rules, seen)
            if due is not None and due > now:
                self.due = min(self.due, due)
        return found

    def touched(self, config: Config) -> list[Touched]:
        """The files to touch that changed since the last look, none at the first.

        However many were touched for the same, it is one event.
        """
        before, self._stamps = self._stamps, {}
        found = []
        for meaning, paths in (
            (Meaning.RELOAD, config.touch_reload),
            (Meaning.CHAIN_RELOAD, config.touch_chain_reload),
            (Meaning.WORKERS_RELOAD, config.touch_workers_reload),
        ):
            for path in paths:
                self._stamps[path] = stamp(os.path.join(config.chdir or "", path))
            names = [p for p in paths if p in before and changed(before[p], self._stamps[p])]
            if names:
                found.append(Touched(", ".join(names), meaning))
        return found


def watches(config: Config) -> bool:
    """Whether there is a file to look at."""
    return bool(config.touch_reload or config.touch_chain_reload or config.touch_workers_reload)


def changed(before: int | None, after: int | None) -> bool:
    """Whether a file was created, removed, or written later; None is the stamp of no file."""
    if before is None or after is None:
        return before is not after
    return after > before


def stamp(path: str) -> int | None:
    """The time of the last change of a file, None for no file."""
    try:
        return os.stat(path).st_mtime_ns
    except (OSError, ValueError):
        return None


def _see(generation: int, handle: Handle, board: Scoreboard, memory: bool) -> limits.Seen:
    slot = board.slot(handle.slot, handle.seat)
    vsz, rss = _memory(handle.pid) if memory else (0, 0)
    running = []
    served = 0
    if slot.get(PID) == handle.pid:
        served = slot.served()
        for core in range(slot.threads):
            since = slot.lane(core, LANE_SINCE)
            if since:
                running.append(limits.Running(core, since / 1000000, slot.noted(core)))
    return limits.Seen(
        generation, handle.slot, handle.pid, handle.since, served, tuple(running), rss, vsz
    )


def _memory(pid: int) -> tuple[int, int]:
    """The address space and the resident memory of a process, in octets."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            size, resident, *_ = file.read().split()
    except (OSError, ValueError):
        return 0, 0
    return int(size) * _PAGE, int(resident) * _PAGE
