"""The workers of a generation as a whole: more or fewer of them, paused, or told to leave.

A part of the plan, and as pure: each function changes the handles of a generation and returns what
is to be done.
"""

from collections.abc import Iterable

from quaich.master import replacement
from quaich.master.generation import Generation, Handle, Post, Stage
from quaich.master.vocabulary import Action, Kill, Say


def resize(generation: Generation, wanted: int, now: float) -> list[Action]:
    """Have this many workers: ask for those that are missing, let go those in higher slots."""
    generation.wanted = wanted
    actions: list[Action] = []
    for slot in sorted(generation.workers):
        if slot > wanted:
            actions += release(generation, slot, now)
    for slot in range(1, wanted + 1):
        if slot not in generation.workers:
            actions += add(generation, slot)
    return actions


def add(generation: Generation, slot: int) -> list[Action]:
    """A worker in a slot that had none."""
    generation.workers[slot] = worker = Handle(slot)
    return replacement.ask(generation, worker)


def release(generation: Generation, slot: int, now: float) -> list[Action]:
    """The worker of a slot leaves, and its relief with it; nobody follows."""
    actions: list[Action] = []
    for handle in (generation.workers.pop(slot, None), generation.relief.pop(slot, None)):
        if handle is not None and handle.alive():
            actions += let_go(generation, handle, now, generation.policy.worker_mercy)
    return actions


def let_go(generation: Generation, worker: Handle, now: float, mercy: float) -> list[Action]:
    """Tell a worker to leave within its mercy."""
    generation.outgoing.append(worker)
    worker.post, worker.until = Post.LEAVING, now + mercy
    return [Kill(worker.pid, "SIGHUP")]


def retire(generation: Generation, brutal: bool, now: float, keep: bool = False) -> list[Action]:
    """Tell everything of a generation to leave; with ``keep`` its zygote stays, asleep."""
    generation.stage = Stage.RETIRING
    generation.until = None
    zygote = generation.zygote
    generation.keep = keep and zygote.post is Post.READY
    actions: list[Action] = [] if generation.keep else end_zygote(generation)
    policy = generation.policy
    mercy = policy.patience if brutal else policy.mercy
    serving = [*generation.workers.values(), *generation.relief.values()]
    generation.workers, generation.relief = {}, {}
    for worker in serving:
        if not worker.alive():
            continue
        if brutal:
            generation.outgoing.append(worker)
            actions += _end(worker, now, mercy)
        else:
            actions += let_go(generation, worker, now, mercy)
    if brutal:
        for worker in generation.outgoing:
            if worker not in serving:
                actions += _end(worker, now, mercy)
    return actions


def end_zygote(generation: Generation) -> list[Action]:
    """Nobody is forked any more.  It holds no request, so it is killed."""
    zygote = generation.zygote
    if not zygote.alive():
        zygote.gone()
        return []
    if zygote.post is Post.LEAVING:
        return []
    zygote.post, zygote.until = Post.LEAVING, None
    return [Kill(zygote.pid, "SIGKILL")]


def _end(worker: Handle, now: float, mercy: float) -> list[Action]:
    if not worker.doomed:
        worker.until = now + mercy
    worker.post = Post.LEAVING
    return [Kill(worker.pid, "SIGTERM")]


def renew(generation: Generation, brutal: bool, now: float) -> list[Action]:
    """Replace every worker that serves: by its relief, or at once."""
    actions: list[Action] = []
    for slot, worker in sorted(generation.workers.items()):
        if not brutal:
            actions += replacement.recycle(generation, worker, "asked=reload")
        elif worker.post is Post.READY:
            generation.outgoing.append(worker)
            actions += _end(worker, now, generation.policy.patience)
            relief = generation.relief.pop(slot, None)
            if relief is not None:
                generation.workers[slot] = relief
            else:
                actions += add(generation, slot)
    return actions


def pause(generation: Generation, paused: bool) -> list[Action]:
    """Let the workers take nothing up, or go on."""
    name = "SIGTSTP" if paused else "SIGCONT"
    return [Kill(each.pid, name) for each in generation.crew() if each.post is Post.READY]


def hurry(generations: Iterable[Generation]) -> list[Action]:
    """Try at once what would be tried again after a pause."""
    return [
        action
        for generation in generations
        for worker in generation.workers.values()
        if worker.post is Post.PAUSED
        for action in replacement.ask(generation, worker)
    ]


def lost(generation: Generation, worker: Handle, fact: str, now: float) -> list[Action]:
    """A worker that should serve is dead: its relief follows, or another, at once or later."""
    first = generation.policy.first_pause
    if worker.post is Post.READY:
        pause = worker.pause_after_service(now, first)
    else:
        pause = worker.pause_after_death(now, first)
    again = f"; another starts in {pause:g}s" if pause else ""
    actions: list[Action] = [Say("warning", f"{fact}{again}")]
    relief = generation.relief.get(worker.slot)
    if relief is not None and relief is not worker:
        generation.workers[worker.slot] = generation.relief.pop(worker.slot)
    elif pause:
        worker.gone(Post.PAUSED, now + pause)
    else:
        actions += replacement.ask(generation, worker)
    return actions
