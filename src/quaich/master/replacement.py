"""How a worker is followed by another in its slot: asked for, relieved, or killed and replaced.

A part of the plan, and as pure: each function changes the handles of a generation and returns what
is to be done.  A slot has two seats on the scoreboard, so a worker and its successor may overlap,
but no third: who finds no seat is ABSENT until a process of the slot has ended.
"""

from quaich.master.generation import Generation, Handle, Post, Stage
from quaich.master.vocabulary import Action, Breach, Fork, Kill, Say, Verdict

LAST_WORDS = 0.4
"""Seconds in which a worker that is killed for a request shows its stacks."""

PRESSED = 0.2
"""And seconds in which it is made to, if it could not: its interpreter may be held."""


def ask(generation: Generation, worker: Handle) -> list[Action]:
    """Ask for a process behind a handle, if there is a zygote and a seat for it."""
    worker.gone()
    seat = generation.free_seat(worker.slot)
    if generation.zygote.post is not Post.READY or seat is None:
        return []
    worker.post, worker.seat = Post.ASKED, seat
    return [Fork(generation.number, worker.slot, seat)]


def fill(generation: Generation, slot: int) -> list[Action]:
    """A seat of a slot is free: who waits for one takes it."""
    for worker in (generation.workers.get(slot), generation.relief.get(slot)):
        if worker is not None and worker.post is Post.ABSENT:
            return ask(generation, worker)
    return []


def recycle(generation: Generation, worker: Handle, cause: str) -> list[Action]:
    """Raise the relief of a worker, which serves until that is ready.

    Where one that leaves still has the other seat, the relief waits for that.
    """
    # A generation that leaves, or may be dropped yet, is not repaired.
    if generation.stage is not Stage.SERVING or worker.post is not Post.READY:
        return []
    slot = worker.slot
    if slot in generation.relief:
        return []
    fact = f"worker={slot} pid={worker.pid} recycled {cause} generation={generation.number}"
    generation.relief[slot] = relief = Handle(slot)
    return [Say("info", fact), *ask(generation, relief)]


def relieve(generation: Generation, relief: Handle, now: float) -> list[Action]:
    """The next worker of a slot is ready: the one before it may go."""
    worker = generation.workers[relief.slot]
    generation.workers[relief.slot] = generation.relief.pop(relief.slot)
    generation.outgoing.append(worker)
    worker.post, worker.until = Post.LEAVING, now + generation.policy.worker_mercy
    return [Kill(worker.pid, "SIGHUP")]


def warn(generation: Generation, worker: Handle, breach: Breach) -> list[Action]:
    """Let the application end a request by itself, before the worker is killed for it."""
    if worker.warned == breach.since:
        return []
    worker.warned = breach.since
    fact = f"worker={worker.slot} pid={worker.pid} {breach.verdict.value} {breach.cause}"
    name = generation.policy.limits.harakiri_signal
    return [Say("error", fact), Kill(worker.pid, "SIGUSR2"), Kill(worker.pid, name)]


def doom(generation: Generation, worker: Handle, breach: Breach, now: float) -> list[Action]:
    """Kill a worker, after its last words where they are wanted, and fill its slot."""
    worker.doomed = breach.verdict.value
    fact = f"worker={worker.slot} pid={worker.pid} {worker.doomed} {breach.cause}"
    actions: list[Action] = [Say("error", fact)]
    if breach.verdict is Verdict.KILL:
        actions.append(Kill(worker.pid, "SIGKILL"))
        worker.until = None
    else:
        # Told to leave as well: what ends in the meantime is not followed by one more request.
        actions += [Kill(worker.pid, "SIGUSR2"), Kill(worker.pid, "SIGHUP")]
        worker.until, worker.silent = now + LAST_WORDS, True
    leaves = worker.post is Post.LEAVING or generation.stage is Stage.RETIRING
    worker.post = Post.LEAVING
    return actions if leaves else actions + _succeed(generation, worker, now)


def press(worker: Handle, now: float) -> list[Action]:
    """Have the stacks of a worker read from outside its interpreter, which may end it."""
    worker.until, worker.silent = now + PRESSED, False
    return [Kill(worker.pid, "SIGPWR")]


def _succeed(generation: Generation, worker: Handle, now: float) -> list[Action]:
    generation.outgoing.append(worker)
    successor = generation.relief.pop(worker.slot, None)
    if successor is not None:
        generation.workers[worker.slot] = successor
        return []
    # One that passes its limit as soon as it lives counts as one that dies as soon as it lives.
    successor = Handle(worker.slot, since=worker.since, failures=worker.failures)
    generation.workers[worker.slot] = successor
    pause = successor.pause_after_death(now)
    if pause:
        successor.gone(Post.PAUSED, now + pause)
        return []
    return ask(generation, successor)
