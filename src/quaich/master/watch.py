"""Looks, once a second, at what limits and files to touch are about; it decides nothing itself.

What a worker wrote on the scoreboard is its own word: whoever lies there can only have a worker of
the same application replaced.
"""

import os
import signal
from collections.abc import Iterable, Mapping
from typing import Any

from quaich.config.effective import Config
from quaich.master import limits
from quaich.master.generation import Generation, Handle, Post
from quaich.master.vocabulary import Breach, Limits, Meaning, Touched
from quaich.net.queue import listen_queue
from quaich.stats.scoreboard import LANE_SINCE, PID, Scoreboard

INTERVAL = 1.0
_MEGABYTE = 1024 * 1024
_MOST_SOURCES = 50000
# The kernel opens none that is longer.
_LONGEST_PATH = 4096
_PAGE = os.sysconf("SC_PAGE_SIZE")


def limits_of(config: Config) -> Limits:
    """The limits that a configuration sets for its workers."""
    return Limits(
        harakiri=config.harakiri,
        harakiri_grace=config.harakiri_graceful_timeout,
        harakiri_signal=_name(config.harakiri_graceful_signal),
        harakiri_queue=config.harakiri_queue_threshold,
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


def longest_queue(fds: Iterable[int]) -> int | None:
    """How many connections wait at the fullest of these sockets, None when no socket tells."""
    lengths = [listen_queue(fd) for fd in fds]
    return max((each[0] for each in lengths if each is not None), default=None)


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        # A number of the system's that has no name.
        return signal.SIGTERM.name


class Watch:
    """``due`` is when to look again; what was found is for the plan."""

    def __init__(self) -> None:
        self.due = 0.0
        self._stamps: dict[str, int | None] = {}
        self._sources: dict[str, int | None] = {}
        self._sources_due = 0.0

    def carry(self) -> Any:
        """What files looked like, for a master that is executed anew: a change is not missed."""
        return {"stamps": self._stamps, "sources": self._sources}

    def resume(self, state: Any) -> None:
        """Go on from that."""
        self._stamps, self._sources = state["stamps"], state["sources"]

    def breaches(
        self,
        generations: Iterable[Generation],
        boards: Mapping[int, Scoreboard],
        now: float,
        queue: int | None = None,
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
            found += limits.breaches(rules, seen, now, queue)
            due = limits.next_due(rules, seen, now)
            if due is not None:
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

    def learn(self, paths: Iterable[str]) -> None:
        """These are files of the application (py-auto-reload)."""
        for path in paths:
            # It is the word of a worker: whatever it says, there is an end to it.
            if len(self._sources) < _MOST_SOURCES and len(path) <= _LONGEST_PATH:
                self._sources.setdefault(path, stamp(path))

    def edited(self, config: Config, now: float) -> list[Touched]:
        """The files of the application that changed since they were last looked at."""
        if not config.py_auto_reload or now < self._sources_due:
            return []
        self._sources_due = now + config.py_auto_reload
        found = []
        for path, before in self._sources.items():
            self._sources[path] = after = stamp(path)
            if changed(before, after):
                found.append(path)
        return [Touched(", ".join(found))] if found else []


def watches(config: Config) -> bool:
    """Whether there is a file to look at."""
    touches = config.touch_reload or config.touch_chain_reload or config.touch_workers_reload
    return bool(touches or config.py_auto_reload)


def changed(before: int | None, after: int | None) -> bool:
    """Whether a file was created, removed, or written later; None is the stamp of no file."""
    if before is None or after is None:
        return before is not after
    return after > before


def stamp(path: str) -> int | None:
    """When a file was written, in nanoseconds; None when there is none."""
    try:
        return os.stat(path).st_mtime_ns
    except (OSError, ValueError):
        return None


def _see(generation: int, handle: Handle, board: Scoreboard, memory: bool) -> limits.Seen:
    slot = board.slot(handle.slot, handle.seat)
    vsz, rss = memory_of(handle.pid) if memory else (0, 0)
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


def memory_of(pid: int) -> tuple[int, int]:
    """The address space and the resident memory of a process, in octets."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            size, resident, *_ = file.read().split()
    except (OSError, ValueError):
        return 0, 0
    return int(size) * _PAGE, int(resident) * _PAGE
