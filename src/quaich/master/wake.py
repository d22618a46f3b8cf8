"""Waking workers that are blocked in a system call (SIGWINCH to the master).

Only the main thread of a process can be interrupted by a signal's handler, and only the request it
is in now should be: so the master looks first, and says on the scoreboard which request it means.
The kernel tells whether the main thread sleeps.  Requests of other threads cannot be woken; where
such run, the worker is asked to show its stacks instead.

What a worker says of itself is its own word, and can only get it a signal that it would survive.
"""

import contextlib
import os
import signal
from collections.abc import Iterable

from quaich.master.generation import Handle, Post
from quaich.master.side import BaseSide
from quaich.master.vocabulary import Action, Meaning, Perform
from quaich.stats.scoreboard import LANE_SINCE, PID, WAKE, Slot
from quaich.values import dataclass

_BLOCKED = ("S", "D")
"""States of a thread that waits in the kernel, as /proc shows them."""


@dataclass(frozen=True)
class Seen:
    """A worker as it was found: the beginnings of the requests that run, by core, and the state of
    its main thread."""

    pid: int
    running: tuple[tuple[int, int], ...]
    main: str


@dataclass(frozen=True)
class Nudge:
    """A signal for a worker; ``since`` is the request it is about, 0 where it is about none."""

    pid: int
    signal: str
    since: int = 0


def nudges(workers: Iterable[Seen]) -> list[Nudge]:
    """Who is to be sent what."""
    found = []
    for worker in workers:
        found += [
            Nudge(worker.pid, "SIGWINCH", since)
            for core, since in worker.running
            if core == 0 and worker.main in _BLOCKED
        ]
        if any(core for core, _ in worker.running):
            found.append(Nudge(worker.pid, "SIGUSR2"))
    return found


class Waker(BaseSide):
    """Does what ``Meaning.WAKE`` asks for."""

    def heed(self, action: Action, now: float) -> bool:
        """Wake whoever is blocked."""
        if not isinstance(action, Perform) or action.meaning is not Meaning.WAKE:
            return False
        slots = self._slots()
        for nudge in nudges(_see(pid, slot) for pid, slot in slots.items()):
            if nudge.since:
                slots[nudge.pid].set(WAKE, nudge.since)
            # Not reaped yet, so the pid cannot be another's.
            with contextlib.suppress(ProcessLookupError):
                os.kill(nudge.pid, signal.Signals[nudge.signal])
            what = (
                "is woken" if nudge.since else "shows its stacks: only a main thread can be woken"
            )
            self.house.log.info(f"pid={nudge.pid} {what}")
        self.house.answer(action.ticket, True, "whoever was blocked is woken")
        return True

    def _slots(self) -> dict[int, Slot]:
        found = {}
        for generation in self.house.plan.generations.values():
            board = self.house.scoreboard(generation.number)
            for handle in generation.crew():
                if board is not None and _serves(handle):
                    found[handle.pid] = board.slot(handle.slot, handle.seat)
        return found


def _serves(handle: Handle) -> bool:
    # Before it is ready a worker has no handler for the signal, nor a request.
    return handle.alive() and handle.post in (Post.READY, Post.LEAVING)


def _see(pid: int, slot: Slot) -> Seen:
    if slot.get(PID) != pid:
        return Seen(pid, (), "")
    sinces = [(core, slot.lane(core, LANE_SINCE)) for core in range(slot.threads)]
    return Seen(pid, tuple(each for each in sinces if each[1]), main_state(pid))


def main_state(pid: int) -> str:
    """The state of a process's main thread: R, S, D, T, ...; empty when there is none."""
    try:
        with open(f"/proc/{pid}/task/{pid}/stat", "rb") as file:
            # The name stands in parentheses, and may hold any character.
            return file.read().rpartition(b") ")[2][:1].decode("ascii", "replace")
    except OSError:
        return ""
