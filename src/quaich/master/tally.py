"""What the plan counts of itself: who was started, who died of what, and how reloads ended.

A part of the plan, and as pure.  Counts only grow, and outlive generations and the master's own
program, which hands them on when it is executed anew.
"""

from quaich.values import dataclass, field


@dataclass
class Tally:
    """``spawns`` and ``harakiris`` are by the slot of a worker; ``loading`` is how many seconds the
    application took the last time that it was loaded."""

    spawns: dict[int, int] = field(default_factory=dict)
    harakiris: dict[int, int] = field(default_factory=dict)
    reloads: int = 0
    reloads_failed: int = 0
    deaths: int = 0
    pauses: int = 0
    recycled: int = 0
    killed: int = 0
    loading: float = 0.0

    def spawned(self, slot: int) -> None:
        """A worker was forked."""
        self.spawns[slot] = self.spawns.get(slot, 0) + 1

    def harakiri(self, slot: int) -> None:
        """A worker is killed for a request that takes too long."""
        self.harakiris[slot] = self.harakiris.get(slot, 0) + 1

    def reloaded(self, ok: bool) -> None:
        """A reload is over."""
        if ok:
            self.reloads += 1
        else:
            self.reloads_failed += 1

    @classmethod
    def of(cls, data: dict[str, object]) -> "Tally":
        """The tally of ``asdict``, whose keys JSON has made text."""
        found = cls(**data)  # type: ignore[arg-type]
        found.spawns = {int(slot): count for slot, count in found.spawns.items()}
        found.harakiris = {int(slot): count for slot, count in found.harakiris.items()}
        return found
