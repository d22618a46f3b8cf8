"""A story told to a plan: events, and the actions each one leads to."""

from quaich.master.plan import Phase, Plan
from quaich.master.vocabulary import (
    Action,
    Died,
    Event,
    Forked,
    Loaded,
    Policy,
    Ready,
    Say,
    ZygoteStarted,
    meanings,
)

COMPATIBLE = Policy(2, meanings("compatible", False))
DIE_ON_TERM = Policy(2, meanings("compatible", True))
MODERN = Policy(2, meanings("modern", False))


class Story:
    """Feeds a plan; the pids are generation * 100 + slot, and slot 0 is the zygote."""

    def __init__(self, policy: Policy = COMPATIBLE) -> None:
        self.plan = Plan(policy)
        self.policy = policy
        self.now = 0.0
        self.said: list[Say] = []

    def after(self, event: Event, later: float = 0.0) -> list[Action]:
        """The actions after an event, what is only said kept apart."""
        self.now += later
        actions = self.plan.handle(event, self.now)
        self.said += [each for each in actions if isinstance(each, Say)]
        return [each for each in actions if not isinstance(each, Say)]

    def heard(self, text: str) -> bool:
        return any(text in each.text for each in self.said)

    def load(self, generation: int = 1) -> list[Action]:
        self.after(ZygoteStarted(generation, generation * 100, self.policy))
        return self.after(Loaded(generation, generation * 100))

    def raise_worker(self, generation: int, slot: int, later: float = 0.0) -> list[Action]:
        pid = generation * 100 + slot
        return self.after(Forked(generation, slot, pid)) + self.after(
            Ready(generation, slot, pid), later
        )

    def bring_up(self, generation: int = 1) -> list[Action]:
        """All of a generation, until both of its workers are ready; the last actions."""
        self.load(generation)
        self.raise_worker(generation, 1)
        return self.raise_worker(generation, 2)

    def leave(self, generation: int) -> list[Action]:
        """Both workers of a generation have left."""
        pids = (generation * 100 + slot for slot in (1, 2))
        return [action for pid in pids for action in self.after(Died(pid, "exit=17"))]

    def serve(self) -> "Story":
        self.plan.start()
        self.bring_up()
        assert self.plan.phase is Phase.SERVING
        self.now += 10
        return self
