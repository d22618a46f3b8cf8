"""What the master does, decided without doing it: (state, event, now) → actions.

The plan knows generations, zygotes and workers by number and pid, and nothing of processes, clocks
or signals themselves; ``loop`` performs its actions and feeds it what happened.  Its rules:

* A reload starts a generation beside the serving one, which is told to leave only when every worker
  of the new one is ready; in a chain reload, when the new worker of its slot is.  A new generation
  that fails or takes too long is dropped and the old one serves on, whole again.
  Reloads asked for meanwhile become one more, afterwards.  Whether the master itself is replaced
  before one is in ``succession``.  A pause ends with the generation that was paused.
* With snapshots the zygotes of generations that served before stay, asleep.  To restore one is a
  reload whose application is loaded already; if that fails, it sleeps again.
* A refork is a reload, too, whose zygote is forked from the one that serves; it ends no pause.
* A worker that dies is replaced at once; one that dies before it is ready or within a second of its
  start, after a pause that doubles from 1 to 60 seconds.  A zygote that is lost is replaced by the
  same rule.  A start is given up where an application is needed and workers never become ready.
* A worker that has passed a limit is replaced: killed at once where the limit says so, else only
  told to leave when its relief is ready, so that there is never one worker less.
* Who is told to leave has a time to do it, and is then killed.
* The plan believes messages, never exit codes: those are for the application to choose.
* Once stopping, nothing is started, and the end comes when every process is known to be gone.

    phase      event                          next
    STARTING   first generation ready         SERVING
    STARTING   first generation fails         STOPPING (status 22 or 1)
    STARTING   reload, where it is in vain    STARTING, with a generation in RAISING beside it
    SERVING    reload, restore, refork        SERVING, with a generation in RAISING
    any        drain                          DRAINING
    any        stop; a second drain           STOPPING
    DRAINING   every process gone             OVER
    STOPPING   every process gone             OVER

    generation LOADING → RAISING → SERVING → RETIRING, or dropped; kept: → ASLEEP → RAISING
    zygote     ASKED → STARTED → READY (it can fork) → LEAVING; lost: PAUSED → ASKED
    worker     ASKED → STARTED → READY → LEAVING; died: PAUSED → ASKED, or ABSENT while the
               zygote cannot fork or no seat is free; a relief likewise, until it is the worker
"""

from quaich.master import crew, replacement
from quaich.master.fleet import Phase
from quaich.master.generation import Generation, Post, Stage
from quaich.master.succession import Succession
from quaich.master.vocabulary import (
    Action,
    Asked,
    Breach,
    Died,
    Event,
    Forget,
    Forked,
    ForkFailed,
    Kill,
    Leave,
    Loaded,
    LoadFailed,
    Meaning,
    Perform,
    Policy,
    Ready,
    Resize,
    Shown,
    Signal,
    StartFailed,
    StartZygote,
    Tick,
    Touched,
    Tried,
    WorkerFailed,
    ZygoteStarted,
)
from quaich.master.wishes import AT_REST, RELOADS, Wish, answers


class Plan(Succession):
    """The decisions.  ``start`` once, then ``handle`` for each event; ``deadline`` between them.

    ``order`` are the generations that have served and still have a process, in the order in which
    they did.
    """

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self.status = 0
        self.newest = 1
        self.order: list[int] = []

    def start(self) -> list[Action]:
        """The first actions."""
        return [StartZygote(1, reload=False)]

    def handle(self, event: Event, now: float) -> list[Action]:
        """What to do about an event."""
        self._actions = []
        match event:
            case Signal(name):
                self._signal(name, now)
            case Asked():
                self._asked(event, now)
            case Touched(path, meaning):
                if not self.ending:
                    self._say("info", f"touched={path} action={_word(meaning)}")
                    self._asked(Asked(meaning), now)
            case ZygoteStarted():
                self._zygote_started(event, now)
            case StartFailed():
                self._start_failed(event, now)
            case Loaded(number, pid):
                self._loaded(number, pid, now)
            case LoadFailed():
                self._load_failed(event, now)
            case Forked():
                self._forked(event, now)
            case ForkFailed():
                self._fork_failed(event, now)
            case Ready():
                self._ready(event, now)
            case WorkerFailed():
                self._worker_failed(event, now)
            case Died(pid, how):
                self._died(pid, how, now)
            case Shown():
                self._shown(event)
            case Breach():
                self._breach(event, now)
            case Resize(number, wanted, cause):
                self._resize(number, wanted, cause, now)
            case Tried():
                self._tried(event, now)
            case Tick():
                self._tick(now)
                self._look_at_trial(now)
        if self.in_vain and not self.busy:
            self._follow(now)
        self._settle(now)
        self._time(now)
        return self._actions

    @property
    def heirs(self) -> bool:
        """Whether a worker that leaves has others who go on with its clients."""
        stages = [each.stage for each in self.generations.values() if each.wanted]
        return not self.ending and (Stage.SERVING in stages or Stage.RAISING in stages)

    # What is asked for.

    def _signal(self, name: str, now: float) -> None:
        meaning = self.policy.signals.get(name)
        if meaning is None or self.phase in (Phase.STOPPING, Phase.OVER):
            return
        self._say("info", f"signal={name} action={_word(meaning)}")
        self._asked(Asked(meaning), now)

    def _asked(self, event: Asked, now: float) -> None:
        meaning, ticket = event.meaning, event.ticket
        drains = meaning is Meaning.DRAIN and self.phase is not Phase.DRAINING
        if self.phase in (Phase.STOPPING, Phase.OVER):
            self._do(*self.wishes.refused(ticket))
        elif meaning in RELOADS and self.policy.exit_on_reload:
            self.wishes.leavers.append(ticket)
            brutal = meaning is Meaning.BRUTAL_RELOAD
            self._end(Phase.STOPPING if brutal else Phase.DRAINING, 0, now)
        elif meaning in AT_REST:
            self._ask_reload(event, now)
        elif meaning is Meaning.REFORK and not self.ending:
            self._ask_refork(event, now)
        elif meaning in (Meaning.DRAIN, Meaning.STOP):
            self.wishes.leavers.append(ticket)
            self._end(Phase.DRAINING if drains else Phase.STOPPING, 0, now)
        elif self.ending and meaning in _SERVING_ONLY:
            self._do(*self.wishes.refused(ticket))
        elif self.phase is Phase.STARTING and meaning in _OF_WORKERS:
            text = "there are no workers yet; try again"
            self._say("warning", f"{_word(meaning)}: {text}")
            self._do(*answers([ticket], False, text))
        elif meaning in (Meaning.WORKERS_RELOAD, Meaning.BRUTAL_WORKERS_RELOAD):
            brutal = meaning is Meaning.BRUTAL_WORKERS_RELOAD
            self._do(*crew.renew(self.generations[self.current], brutal, now))
            self._when_steady(ticket, "the workers are replaced")
        elif meaning in (Meaning.PAUSE, Meaning.SUSPEND, Meaning.RESUME):
            self._pause(event)
        elif meaning in (Meaning.MORE, Meaning.FEWER, Meaning.SCALE):
            self._scale(event, now)
        elif meaning is Meaning.CHEAP:
            self._resize(self.current, 0, "asked", now)
            self._when_steady(ticket, "no workers until the next connection")
        else:
            self._do(Perform(meaning, ticket))

    def _ask_reload(self, event: Asked, now: float) -> None:
        if self.ending:
            self._do(*self.wishes.refused(event.ticket))
        elif self.trying and event.meaning is Meaning.UPGRADE:
            self._join(event.ticket)
        elif self.busy:
            self._do(*self.wishes.add(event))
            if self.phase is Phase.STARTING:
                # What kept the workers from starting may be mended.
                self._do(*crew.hurry(self.generations.values()))
        else:
            self._begin(Wish(event.meaning, event.argument, (event.ticket,)), now)

    def _ask_refork(self, event: Asked, now: float) -> None:
        old = self.generations.get(self.current)
        if self.busy or old is None or self.phase is Phase.STARTING:
            text = "something else is under way; try again"
            self._do(*answers([event.ticket], False, text))
        elif old.zygote.post is not Post.READY:
            text = f"the zygote of generation={self.current} cannot fork now; try again"
            self._do(*answers([event.ticket], False, text))
        else:
            self._reload(Wish(event.meaning, None, (event.ticket,)), now)

    def _reload(self, wish: Wish, now: float) -> None:
        if wish.meaning is Meaning.RESTORE:
            self._restore(wish, now)
            return
        self.newest += 1
        self.raising = self.newest
        self.wishes.now = wish
        if wish.meaning is Meaning.REFORK:
            generation = Generation(self.newest, self.policy)
            # Here before its zygote is: who is asked to fork that may never answer.
            self.generations[self.newest] = generation
            self._until(generation, now)
            self._do(StartZygote(self.newest, reload=False, parent=self.current))
        else:
            self._do(StartZygote(self.newest, reload=True))
        self._do(*self.wishes.progress(f"generation={self.newest} loads"))

    def _restore(self, wish: Wish, now: float) -> None:
        kept = [each for each in self.order[:-1] if self.generations[each].keep]
        number = (kept[-1] if kept else None) if wish.argument is None else wish.argument
        if number not in kept:
            there = ", ".join(str(each) for each in kept) or "none (set snapshot = 1)"
            which = "no generation" if number is None else f"no generation {number}"
            text = f"{which} to restore; kept: {there}"
            self._say("error", text)
            self._do(*answers(wish.tickets, False, text))
            return
        generation = self.generations[number]
        self.raising = number
        self.wishes.now = wish
        self._say("info", f"generation={number} is restored")
        generation.stage = Stage.LOADING
        self._until(generation, now)
        self._loaded(number, generation.zygote.pid, now)

    def _raised(self, ok: bool, text: str, now: float, reforks: bool = False) -> None:
        """A reload is over, well or badly: the next, if one was asked for.

        With ``reforks`` it is forked anew first, unless the next is another generation.
        """
        if self.raising is not None:
            self.tally.reloaded(ok)
        self.raising = None
        self._do(*self.wishes.over(ok, text))
        next_ = self.wishes.next
        if reforks and (next_ is None or next_.meaning is Meaning.UPGRADE):
            self._asked(Asked(Meaning.REFORK), now)
        if not self.busy:
            self._follow(now)

    def _end(self, phase: Phase, status: int, now: float) -> None:
        self.phase = phase
        self.status = status
        self._end_trial()
        self._do(*self.wishes.refuse())
        for generation in self.generations.values():
            self._do(*crew.retire(generation, phase is Phase.STOPPING, now))

    def _fail(self, generation: Generation, reason: str, status: int, now: float) -> None:
        """A generation cannot serve: the first ends the server, a later one only itself."""
        if generation.number != self.raising:
            self._say("error", f"generation={generation.number} cannot start: {reason}")
            self._end(Phase.STOPPING, status, now)
            return
        self._say("error", f"generation={generation.number} dropped, {self._stays()}: {reason}")
        restored = self.wishes.now is not None and self.wishes.now.meaning is Meaning.RESTORE
        # What could not be restored this time may be another.
        self._do(*crew.retire(generation, False, now, keep=restored))
        old = self.generations[self.current]
        # Whole again, where a chain reload had begun to take its workers.
        self._do(*crew.resize(old, old.wanted, now))
        self._raised(False, reason, now)

    def _stays(self) -> str:
        goes_on = "is still tried" if self.phase is Phase.STARTING else "serves on"
        return f"generation={self.current} {goes_on}"

    # Zygotes.

    def _start_failed(self, event: StartFailed, now: float) -> None:
        generation = self.generations.get(event.generation)
        if generation is not None and generation.stage is Stage.LOADING:
            self._fail(generation, event.reason, event.status, now)
        elif generation is not None and generation.stage is Stage.RETIRING:
            generation.zygote.gone()
        elif generation is not None:
            generation.zygote.since = now
            self._replace_zygote(generation, event.reason, now)
        elif event.generation == self.raising:
            self._say("error", f"reload refused, {self._stays()}: {event.reason}")
            self._raised(False, event.reason, now)
        elif self._awaited(event.generation):
            self._say("error", event.reason)
            self._end(Phase.STOPPING, event.status, now)

    def _loaded(self, number: int, pid: int, now: float) -> None:
        generation = self.generations.get(number)
        if generation is None or generation.zygote.pid != pid:
            return
        if generation.stage in (Stage.RETIRING, Stage.ASLEEP):
            return
        generation.zygote.post, generation.zygote.until = Post.READY, None
        if generation.stage is Stage.LOADING:
            self.tally.loading = max(0.0, now - generation.zygote.since)
        if generation.stage is not Stage.LOADING:
            for worker in (*generation.workers.values(), *generation.relief.values()):
                if worker.post is Post.ABSENT:
                    self._do(*replacement.ask(generation, worker))
            return
        generation.stage = Stage.RAISING
        generation.wanted = generation.policy.workers
        old = self.generations.get(self.current)
        if old is not None and old is not generation and old.policy.workers == generation.wanted:
            # How many there are was changed while it ran: a reload does not change it back.
            generation.wanted = min(old.wanted, generation.policy.most)
        if self._chained(generation):
            self._do(*crew.add(generation, 1))
        else:
            self._do(*crew.resize(generation, generation.wanted, now))
        self._look_ready(generation, now)

    def _chained(self, generation: Generation) -> bool:
        wish = self.wishes.now
        chain = wish is not None and wish.meaning in (Meaning.CHAIN_RELOAD, Meaning.REFORK)
        return chain and generation.number == self.raising and generation.wanted > 0

    def _ready(self, event: Ready, now: float) -> None:
        generation = self.generations.get(event.generation)
        worker = generation.by_pid(event.slot, event.pid) if generation else None
        if generation is None or worker is None:
            return
        if worker.post is not Post.STARTED:
            return
        worker.post, worker.until = Post.READY, None
        self._say(
            "info", f"worker={worker.slot} pid={worker.pid} ready generation={generation.number}"
        )
        if self.paused:
            self._do(Kill(worker.pid, "SIGTSTP"))
        if worker is generation.relief.get(worker.slot):
            self._do(*replacement.relieve(generation, worker, now))
        if self._chained(generation):
            self._next_link(generation, worker.slot, now)
        self._look_ready(generation, now)

    def _next_link(self, generation: Generation, slot: int, now: float) -> None:
        """In a chain reload: a worker of the old generation goes, the next new one comes."""
        self._do(*crew.release(self.generations[self.current], slot, now))
        self._do(*self.wishes.progress(f"worker={slot} of {generation.wanted} is replaced"))
        self._until(generation, now)
        if slot < generation.wanted and slot + 1 not in generation.workers:
            self._do(*crew.add(generation, slot + 1))

    def _look_ready(self, generation: Generation, now: float) -> None:
        """Whether a generation that is being raised can take over."""
        if generation.stage is not Stage.RAISING or not generation.steady():
            return
        generation.stage = Stage.SERVING
        generation.until = None
        self.policy = generation.policy
        self._say(
            "info", f"generation={generation.number} serves workers={len(generation.workers)}"
        )
        wish = self.wishes.now
        raised = generation.number == self.raising
        self.in_vain = False
        self.phase = Phase.SERVING
        if raised:
            brutal = wish is not None and wish.meaning is Meaning.BRUTAL_RELOAD
            keep = self.policy.snapshots > 0 and self.current in self.order
            self._do(*crew.retire(self.generations[self.current], brutal, now, keep))
            # Told when the old code answers nobody any more; whoever stays longer accepts nothing.
            text = f"generation={generation.number} serves"
            self.wishes.over_when_left(self.current, text, now + _LEFT_BY)
            self.current = generation.number
            if self.paused and (wish is None or wish.meaning is not Meaning.REFORK):
                self._pause(Asked(Meaning.RESUME))
        self.order = [each for each in self.order if each != self.current] + [self.current]
        self._prune(now)
        if not raised and (self.raising is not None or self.trying):
            # A start that seemed in vain: what is to take its place is under way.
            return
        fresh = wish is None or wish.meaning not in (Meaning.REFORK, Meaning.RESTORE)
        reforks = fresh and generation.policy.reforks
        self._raised(True, f"generation={generation.number} serves", now, reforks)

    def _prune(self, now: float) -> None:
        """Let go of the snapshots that are too many."""
        kept = [each for each in self.order[:-1] if self.generations[each].keep]
        for number in kept[: max(0, len(kept) - self.policy.snapshots)]:
            generation = self.generations[number]
            generation.keep = False
            self._do(*crew.retire(generation, False, now))

    def _settle(self, now: float) -> None:
        """Forget generations that are gone, and end when all are."""
        for generation in list(self.generations.values()):
            if generation.stage is not Stage.RETIRING or any(
                each.alive() for each in generation.crew()
            ):
                continue
            if generation.keep:
                generation.stage = Stage.ASLEEP
                self._say("info", f"generation={generation.number} sleeps, to be restored")
            elif not generation.zygote.alive():
                del self.generations[generation.number]
                if generation.number == self.raising:
                    self.raising = None
                self.order = [each for each in self.order if each != generation.number]
                self._do(Forget(generation.number))
        self._do(*self.wishes.settle(lambda each: self._outcome(each, now)))
        if self.ending and self.phase is not Phase.OVER and not self.generations:
            self.phase = Phase.OVER
            self._do(*answers(self.wishes.leavers, True, "the server has ended"))
            self._do(Leave(self.status))


# Seconds in which a worker that is told to leave has surely stopped accepting.
_LEFT_BY = 1.0
_OF_WORKERS = (
    *(Meaning.WORKERS_RELOAD, Meaning.BRUTAL_WORKERS_RELOAD),
    *(Meaning.MORE, Meaning.FEWER, Meaning.SCALE, Meaning.CHEAP),
)
_SERVING_ONLY = (
    *(Meaning.WORKERS_RELOAD, Meaning.BRUTAL_WORKERS_RELOAD, Meaning.REFORK),
    *(Meaning.PAUSE, Meaning.SUSPEND, Meaning.MORE, Meaning.FEWER, Meaning.SCALE, Meaning.CHEAP),
)


def _word(meaning: Meaning) -> str:
    return meaning.value.replace(" ", "-")
