"""How many workers there should be: (rules, state, what was seen) → (state, how many and why).

Pure.  The performer (``crew``) looks once a second, so that counting looks is counting seconds.
Whatever algorithm decides, three rules come before it:

* While workers are being started nothing is counted: their number is an answer already, and its
  effect is not seen yet.
* A worker is busy when it could not take one request more: all of its threads are in one.
* The number stays between ``least`` and ``most``.  Only the hard limit of memory goes below, one
  idle worker at a time and down to one, as in uWSGI.

The algorithms, from uWSGI's documentation and from what uWSGI 2.0.31 was seen to do:

    spare     all busy for ``overload`` looks: ``step`` more; more than ``least`` idle for as long:
              one fewer
    spare2    fewer than ``least`` idle: as many as are missing, up to ``step``, at once; more for
              ten looks: one fewer
    backlog   more than ``overload`` connections wait: ``step`` more at once; none, and one worker
              is idle: one fewer
    busyness  the share of its time that a worker was busy, on average over a window of
              ``overload`` looks: above the maximum ``step`` more, below the minimum for a number
              of windows one fewer; and emergency workers for a long queue
    manual    never

A time that is spent in a request which has not ended counts as busy, where uWSGI learns of it at
the end and has to guess meanwhile.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from quaich.values import dataclass, replace

SPARE2_IDLE = 10
"""Looks with too many idle workers before ``spare2`` lets one go."""


@dataclass(frozen=True)
class Busyness:
    """The settings of ``busyness``: percents, windows, connections, looks.

    ``verbose`` asks for a line for every window.
    """

    most: int = 50
    least: int = 25
    multiplier: int = 10
    penalty: int = 2
    verbose: bool = False
    alert: int = 33
    emergency_multiplier: int = 3
    emergency_step: int = 1
    nonzero: int = 60


@dataclass(frozen=True)
class Rules:
    """What a configuration asks for; memory in octets, where 0 is no limit."""

    algorithm: str
    least: int
    most: int
    step: int = 1
    overload: int = 3
    rss_soft: int = 0
    rss_hard: int = 0
    busyness: Busyness = Busyness()

    @property
    def queue(self) -> bool:
        """Whether the number of connections that wait is of interest."""
        return self.algorithm in ("backlog", "busyness")

    @property
    def memory(self) -> bool:
        """Whether the memory of the workers is of interest."""
        return bool(self.rss_soft or self.rss_hard)


@dataclass(frozen=True)
class Worker:
    """A worker that serves.  ``ran`` is the share of a core's time, in seconds since its start,
    that its threads were in requests: two of four threads busy for a second make half a second."""

    pid: int
    busy: bool
    ran: float = 0.0


@dataclass(frozen=True)
class Look:
    """What was seen: who serves, how many are on their way, who waits, and how large all are."""

    now: float
    workers: tuple[Worker, ...]
    starting: int = 0
    queue: int = 0
    rss: int = 0

    @property
    def serving(self) -> int:
        """How many serve."""
        return len(self.workers)

    @property
    def idle(self) -> int:
        """How many of them could take a request."""
        return sum(not worker.busy for worker in self.workers)


@dataclass(frozen=True)
class State:
    """What has to be remembered from one look to the next.

    ``short`` and ``long`` count looks with too few and too many idle workers, ``waiting`` those
    with a queue.  The rest belongs to ``busyness``: ``elapsed`` looks of its window, in which the
    workers had run as long as ``marks`` say at its start; ``calm`` windows of low busyness;
    ``multiplier``, how many of those are needed now; ``stopped`` the time of the last stop; and
    the number of ``emergency`` workers.
    """

    short: int = 0
    long: int = 0
    waiting: int = 0
    began: float | None = None
    elapsed: int = 0
    marks: Mapping[int, float] | None = None
    calm: int = 0
    multiplier: int = 0
    stopped: float | None = None
    emergency: int = 0


class Decision(NamedTuple):
    """How many workers are wanted; without a ``cause`` it is as many as there are.

    ``remark`` is a fact for the log that nothing follows from.
    """

    wanted: int
    cause: str = ""
    remark: str = ""


def decide(rules: Rules, state: State, look: Look) -> tuple[State, Decision]:
    """What to remember, and how many workers there should be."""
    if rules.rss_hard and look.rss > rules.rss_hard and look.idle and look.serving > 1:
        cause = f"rss={look.rss} cheaper-rss-limit-hard={rules.rss_hard}"
        return State(multiplier=state.multiplier), Decision(look.serving - 1, cause)
    if look.starting or not look.workers:
        # They change the average and the queue; what was counted before them says nothing.
        return replace(state, short=0, long=0, began=None), Decision(look.serving + look.starting)
    if rules.rss_hard and look.serving < rules.least and look.rss <= rules.rss_soft:
        cause = f"rss={look.rss} cheaper={rules.least}"
        return State(multiplier=state.multiplier), Decision(rules.least, cause)
    state, decision = _ALGORITHMS[rules.algorithm](rules, state, look)
    if decision.cause and decision.wanted > look.serving:
        if rules.rss_soft and look.rss > rules.rss_soft:
            remark = (
                f"no more workers, although {decision.cause}: rss={look.rss} "
                f"cheaper-rss-limit-soft={rules.rss_soft}"
            )
            return state, Decision(look.serving, "", remark)
        wanted = min(decision.wanted, rules.most)
    else:
        wanted = max(decision.wanted, min(rules.least, look.serving))
    if wanted == look.serving:
        return state, Decision(wanted, "", decision.remark)
    return state, Decision(wanted, decision.cause, decision.remark)


def _stay(look: Look) -> Decision:
    return Decision(look.serving)


def _manual(rules: Rules, state: State, look: Look) -> tuple[State, Decision]:
    return state, _stay(look)


def _spare(rules: Rules, state: State, look: Look) -> tuple[State, Decision]:
    if not look.idle:
        short = state.short + 1
        if short < rules.overload:
            return State(short=short), _stay(look)
        cause = f"busy={look.serving} idle=0 for={short}s"
        return State(), Decision(look.serving + rules.step, cause)
    if look.idle > rules.least:
        long = state.long + 1
        if long < rules.overload:
            return State(long=long), _stay(look)
        cause = f"idle={look.idle} cheaper={rules.least} for={long}s"
        return State(), Decision(look.serving - 1, cause)
    return State(), _stay(look)


def _spare2(rules: Rules, state: State, look: Look) -> tuple[State, Decision]:
    missing = rules.least - look.idle
    if missing > 0:
        cause = f"idle={look.idle} cheaper={rules.least}"
        return State(), Decision(look.serving + min(missing, rules.step), cause)
    if missing == 0:
        return State(), _stay(look)
    long = state.long + 1
    if long < SPARE2_IDLE:
        return State(long=long), _stay(look)
    cause = f"idle={look.idle} cheaper={rules.least} for={long}s"
    return State(), Decision(look.serving - 1, cause)


def _backlog(rules: Rules, state: State, look: Look) -> tuple[State, Decision]:
    if look.queue > rules.overload:
        cause = f"queue={look.queue} cheaper-overload={rules.overload}"
        return State(), Decision(look.serving + rules.step, cause)
    if not look.queue and look.idle:
        return State(), Decision(look.serving - 1, f"queue=0 idle={look.idle}")
    return State(), _stay(look)


def _busyness(rules: Rules, state: State, look: Look) -> tuple[State, Decision]:
    settings = rules.busyness
    waiting = state.waiting + 1 if look.queue else 0
    state = replace(state, waiting=waiting, multiplier=state.multiplier or settings.multiplier)
    # A queue is relieved without waiting for the window to end.
    cause = ""
    if look.queue > settings.alert:
        cause = f"queue={look.queue} cheaper-busyness-backlog-alert={settings.alert}"
    elif waiting > settings.nonzero:
        cause = f"queue={look.queue} for={waiting}s"
    if cause and look.serving < rules.most:
        step = min(settings.emergency_step, rules.most - look.serving)
        state = replace(state, waiting=0, calm=0, began=None, emergency=state.emergency + step)
        return state, Decision(look.serving + step, cause)
    if state.began is None or state.marks is None:
        return _opened(state, look), _stay(look)
    elapsed = state.elapsed + 1
    if elapsed < rules.overload:
        return replace(state, elapsed=elapsed), _stay(look)
    return _window(rules, state, look)


def _opened(state: State, look: Look) -> State:
    """The state with a window that begins now."""
    marks = {worker.pid: worker.ran for worker in look.workers}
    return replace(state, began=look.now, elapsed=0, marks=marks)


def _share(state: State, look: Look) -> float:
    """The busyness of all workers in the window that ends now, in percents."""
    marks, began = state.marks or {}, state.began or 0.0
    length = max(look.now - began, 0.001)
    # Who came during the window counts from zero; who reset its counter, likewise.
    ran = (max(0.0, each.ran - marks.get(each.pid, 0.0)) for each in look.workers)
    return sum(min(100.0, 100.0 * each / length) for each in ran) / look.serving


def _window(rules: Rules, state: State, look: Look) -> tuple[State, Decision]:
    settings = rules.busyness
    share = _share(state, look)
    fact = f"busyness={share:.0f}% window={rules.overload}s workers={look.serving}"
    remark = fact if settings.verbose else ""
    state = _opened(state, look)
    if share > settings.most:
        state = replace(state, calm=0)
        if look.serving >= rules.most:
            return state, Decision(look.serving, "", remark)
        # Started again sooner than a stop takes: it was stopped too soon.
        pause = state.multiplier * rules.overload
        hasty = state.stopped is not None and look.now - state.stopped < pause
        if hasty:
            state = replace(state, multiplier=state.multiplier + settings.penalty, stopped=None)
        cause = f"{fact} cheaper-busyness-max={settings.most}"
        return state, Decision(look.serving + rules.step, cause, remark)
    if share >= settings.least:
        return replace(state, calm=max(0, state.calm - 1)), Decision(look.serving, "", remark)
    calm = state.calm + 1
    needed = min(settings.emergency_multiplier, state.multiplier)
    needed = needed if state.emergency else state.multiplier
    if calm < needed or look.serving <= rules.least:
        return replace(state, calm=min(calm, needed)), Decision(look.serving, "", remark)
    # What was stopped before has stayed so: a penalty is taken back a step at a time.
    lasting = state.stopped is not None
    multiplier = max(settings.multiplier, state.multiplier - 1) if lasting else state.multiplier
    state = replace(
        state,
        calm=0,
        stopped=look.now,
        multiplier=multiplier,
        emergency=max(0, state.emergency - 1),
    )
    cause = f"{fact} cheaper-busyness-min={settings.least} for={calm * rules.overload}s"
    return state, Decision(look.serving - 1, cause, remark)


_Algorithm = Callable[[Rules, State, Look], tuple[State, Decision]]
_ALGORITHMS: Mapping[str, _Algorithm] = {
    "spare": _spare,
    "spare2": _spare2,
    "backlog": _backlog,
    "busyness": _busyness,
    "manual": _manual,
}
ALGORITHMS = tuple(_ALGORITHMS)
