"""Looks at the load once a second, and tells the plan how many workers there should be.

It decides nothing: ``cheaper`` says how many by load, ``slumber`` whether a server without requests
should let them all go, and the plan starts and ends them.  While there are no workers the listening
sockets are watched here, so that the first connection brings them back; nothing is accepted here.

What is not asked for costs nothing: without ``cheaper`` and ``idle`` there is no look.
"""

from quaich.config.effective import Config
from quaich.master import cheaper, slumber
from quaich.master.fleet import Phase
from quaich.master.generation import Generation, Handle, Post, Stage
from quaich.master.policy import awake_workers
from quaich.master.side import BaseSide, House
from quaich.master.vocabulary import Asked, Meaning, Resize
from quaich.master.watch import INTERVAL, memory_of
from quaich.net.queue import listen_queue
from quaich.stats.scoreboard import LANE_SINCE, PID, RUNNING, Scoreboard

_MICRO = 1000000


def rules_of(config: Config) -> cheaper.Rules | None:
    """What the options named cheaper ask for, None when they ask for nothing."""
    if not config.cheaper:
        return None
    return cheaper.Rules(
        config.cheaper_algo,
        config.cheaper,
        config.processes,
        step=config.cheaper_step,
        overload=config.cheaper_overload,
        rss_soft=config.cheaper_rss_limit_soft,
        rss_hard=config.cheaper_rss_limit_hard,
        busyness=cheaper.Busyness(
            most=config.cheaper_busyness_max,
            least=config.cheaper_busyness_min,
            multiplier=config.cheaper_busyness_multiplier,
            penalty=config.cheaper_busyness_penalty,
            verbose=config.cheaper_busyness_verbose,
            alert=config.cheaper_busyness_backlog_alert,
            emergency_multiplier=config.cheaper_busyness_backlog_multiplier,
            emergency_step=config.cheaper_busyness_backlog_step,
            nonzero=config.cheaper_busyness_backlog_nonzero,
        ),
    )


class Load(BaseSide):
    """The side that follows the load."""

    def __init__(self) -> None:
        self._next = 0.0
        self._generation = 0
        self._rules: cheaper.Rules | None = None
        self._state = cheaper.State()
        self._slumber = slumber.State()
        self._slumbers = slumber.Rules()
        self._remarked = ""
        # The listening sockets that are watched for the connection that wakes the server.
        self._watched: list[int] = []
        self._knocked = False

    def attach(self, house: House) -> None:
        """Remember the house."""
        self.house = house

    def due(self) -> float | None:
        """Once a second, while there is something to look at."""
        generation = self._serving()
        if generation is None:
            return None
        if not generation.wanted:
            return None if self._watched else 0.0
        return self._next if self._rules is not None or self._slumbers.idle else None

    def turn(self, now: float) -> None:
        """Look, if it is time; bring the workers back, if somebody knocked."""
        generation = self._serving()
        if generation is None:
            self._unwatch()
            return
        board = self.house.scoreboard(generation.number)
        config = self.house.config(generation.number)
        if board is None or config is None:
            return
        if not generation.wanted:
            self._doze(generation, config)
            return
        self._unwatch()
        self._knocked = False
        if now < self._next:
            return
        self._next = now + INTERVAL
        if self._slumbers.idle and self._rest(generation, board, now):
            return
        if self._rules is not None:
            self._measure(self._rules, generation, board, now)

    def close(self) -> None:
        """The master ends."""
        self._unwatch()

    def _serving(self) -> Generation | None:
        """The generation to look at, when there is one; a new one starts everything again."""
        plan = self.house.plan
        generation = plan.generations.get(plan.current)
        if plan.phase is not Phase.SERVING or plan.paused or generation is None:
            return None
        if generation.stage is not Stage.SERVING:
            return None
        if generation.number != self._generation:
            config = self.house.config(generation.number)
            if config is None:
                return None
            self._generation = generation.number
            self._rules, self._state = rules_of(config), cheaper.State()
            self._slumbers = slumber.Rules(config.idle, config.die_on_idle)
            self._slumber = slumber.State()
        return generation

    # Without requests.

    def _rest(self, generation: Generation, board: Scoreboard, now: float) -> bool:
        """Whether the silence has lasted for long enough, and what that asks for was told."""
        seen = slumber.Look(
            now,
            requests=sum(board.slot(slot).requests() for slot in range(1, board.workers + 1)),
            running=_running(generation, board),
            waiting=self._queue(),
        )
        self._slumber, deed = slumber.decide(self._slumbers, self._slumber, seen)
        if deed is slumber.Deed.SLEEP:
            cause = f"idle={self._slumbers.idle}s"
            self.house.tell(Resize(generation.number, 0, cause))
        elif deed is slumber.Deed.DIE:
            self.house.log.info(f"idle={self._slumbers.idle}s die-on-idle: the server stops")
            self.house.tell(Asked(Meaning.DRAIN))
        return deed is not slumber.Deed.NOTHING

    def _doze(self, generation: Generation, config: Config) -> None:
        """Without workers: wait for a knock, or obey it."""
        if self._knocked:
            self._state, self._slumber = cheaper.State(), slumber.State()
            self.house.tell(Resize(generation.number, awake_workers(config), "connection"))
        else:
            self._watch()

    def _watch(self) -> None:
        if not self._watched:
            self._watched = [each.fd for each in self.house.listeners]
            for fd in self._watched:
                self.house.watch(fd, self._knock)

    def _knock(self) -> None:
        # The connection stays where it is, for a worker: to watch on would be to spin.
        self._knocked = True
        self._unwatch()

    def _unwatch(self) -> None:
        for fd in self._watched:
            self.house.unwatch(fd)
        self._watched = []

    # By load.

    def _measure(
        self, rules: cheaper.Rules, generation: Generation, board: Scoreboard, now: float
    ) -> None:
        serving = [each for each in generation.workers.values() if each.post is Post.READY]
        starting = sum(each.post in (Post.ASKED, Post.STARTED) for each in _crew(generation))
        look = cheaper.Look(
            now,
            tuple(_worker(handle, board, now) for handle in serving),
            starting,
            self._queue() if rules.queue else 0,
            sum(memory_of(each.pid)[1] for each in serving) if rules.memory else 0,
        )
        self._state, decision = cheaper.decide(rules, self._state, look)
        if decision.remark and (rules.busyness.verbose or decision.remark != self._remarked):
            self.house.log.info(decision.remark)
        self._remarked = decision.remark
        if decision.cause:
            self.house.tell(Resize(generation.number, decision.wanted, decision.cause))

    def _queue(self) -> int:
        found = (listen_queue(each.fd) for each in self.house.listeners)
        return sum(each[0] for each in found if each is not None)


def _crew(generation: Generation) -> list[Handle]:
    return [*generation.workers.values(), *generation.relief.values()]


def _running(generation: Generation, board: Scoreboard) -> int:
    """How many threads are in a request, of workers that leave, too."""
    found = 0
    for handle in generation.crew():
        if handle.alive():
            slot = board.slot(handle.slot, handle.seat)
            found += sum(slot.lane(core, LANE_SINCE) > 0 for core in range(slot.threads))
    return found


def _worker(handle: Handle, board: Scoreboard, now: float) -> cheaper.Worker:
    slot = board.slot(handle.slot, handle.seat)
    if slot.get(PID) != handle.pid:
        return cheaper.Worker(handle.pid, False)
    since = [slot.lane(core, LANE_SINCE) for core in range(slot.threads)]
    micros = slot.get(RUNNING) + sum(max(0, int(now * _MICRO) - each) for each in since if each)
    return cheaper.Worker(handle.pid, all(since), micros / slot.threads / _MICRO)
