"""When a server without requests lets its workers go, or ends.

Pure: (rules, state, what was seen) → (state, what to do).  Asleep, a server has its sockets, its
master and its zygote, and no worker; the first connection brings the workers back (``load``), so
there is nothing to decide about waking.  A request that runs, and a connection that waits, keep a
server awake.
"""

from enum import Enum

from quaich.values import dataclass


@dataclass(frozen=True)
class Rules:
    """``idle`` is in seconds, 0 for never; with ``die`` the server ends."""

    idle: int = 0
    die: bool = False


class Deed(Enum):
    """What is to be done."""

    NOTHING = "nothing"
    SLEEP = "sleep"
    DIE = "die"


@dataclass(frozen=True)
class State:
    """``since`` is when something last happened, None before the first look at workers;
    ``requests`` how many were answered by then."""

    since: float | None = None
    requests: int = 0


@dataclass(frozen=True)
class Look:
    """What was seen: requests answered so far, threads inside one, connections that wait."""

    now: float
    requests: int = 0
    running: int = 0
    waiting: int = 0


def decide(rules: Rules, state: State, look: Look) -> tuple[State, Deed]:
    """What to remember, and what to do."""
    here = State(look.now, look.requests)
    active = look.running or look.waiting or look.requests != state.requests
    if active or state.since is None:
        return here, Deed.NOTHING
    if not rules.idle or look.now - state.since < rules.idle:
        return state, Deed.NOTHING
    # Who wakes has its time again; and so has who does not end at once.
    return (here, Deed.DIE) if rules.die else (State(), Deed.SLEEP)
