"""When a server without requests lets its workers go, and when they come back.

Pure: (rules, state, what was seen) → (state, what to do).  Asleep, a server has its sockets, its
master and its zygote, and no worker; the first connection that waits wakes it, and is answered by
the workers that the zygote forks.  A request that runs, and a connection that waits, keep it awake.
"""

from dataclasses import dataclass, replace
from enum import Enum


@dataclass(frozen=True)
class Rules:
    """``idle`` is in seconds, 0 for never; ``cheap`` starts asleep; ``die`` ends the server."""

    idle: int = 0
    cheap: bool = False
    die: bool = False


class Deed(Enum):
    """What is to be done."""

    NOTHING = "nothing"
    SLEEP = "sleep"
    WAKE = "wake"
    DIE = "die"


@dataclass(frozen=True)
class State:
    """``since`` is when something last happened, None before the first look; ``requests`` how many
    were answered by then."""

    asleep: bool = False
    since: float | None = None
    requests: int = 0


@dataclass(frozen=True)
class Look:
    """What was seen: requests answered so far, threads inside one, connections that wait, and
    whether there are workers at all."""

    now: float
    requests: int = 0
    running: int = 0
    waiting: bool = False
    workers: bool = True


def decide(rules: Rules, state: State, look: Look) -> tuple[State, Deed]:
    """What to remember, and what to do."""
    if state.asleep:
        if look.waiting:
            return _awake(state, look), Deed.WAKE
        # Somebody else, an operator or a reload, has brought workers.
        return (_awake(state, look) if look.workers else state), Deed.NOTHING
    active = look.running or look.waiting or look.requests != state.requests
    if active or state.since is None:
        return _awake(state, look), Deed.NOTHING
    if not rules.idle or look.now - state.since < rules.idle:
        return state, Deed.NOTHING
    if rules.die:
        # Told once; the next look is as long away as the first.
        return replace(state, since=look.now), Deed.DIE
    return replace(state, asleep=True), Deed.SLEEP


def _awake(state: State, look: Look) -> State:
    return replace(state, asleep=False, since=look.now, requests=look.requests)
