"""What the master does, decided without doing it: (state, event, now) → actions.

The plan knows generations, zygotes and workers by number and pid, and nothing of processes, clocks
or signals themselves; ``loop`` performs its actions and feeds it what happened.  Its rules:

* A reload starts a generation beside the serving one, which is told to leave only when every worker
  of the new one is ready.  A new generation that fails is dropped and the old one serves on.
  Reloads asked for meanwhile become one more, afterwards.
* A worker that dies is replaced at once; one that dies within a second of its start, after a pause
  that doubles from 1 to 60 seconds.  A zygote that is lost is replaced by the same rule.
* A worker that has passed a limit is replaced: killed at once where the limit says so, else only
  told to leave when its relief is ready, so that there is never one worker less.
* Who is told to leave has a time to do it, and is then killed.
* The plan believes messages, never exit codes: those are for the application to choose.
* Once stopping, nothing is started, and the end comes when every process is known to be gone.

    phase      event                          next
    STARTING   first generation ready         SERVING
    STARTING   first generation fails         STOPPING (status 22 or 1)
    SERVING    reload                         SERVING, with a generation in RAISING
    any        drain                          DRAINING
    any        stop; a second drain           STOPPING
    DRAINING   every process gone             OVER
    STOPPING   every process gone             OVER

    generation LOADING → RAISING → SERVING → RETIRING, or dropped
    zygote     ASKED → STARTED → READY (it can fork) → LEAVING; lost: PAUSED → ASKED
    worker     ASKED → STARTED → READY → LEAVING; died: PAUSED → ASKED, or ABSENT while the
               zygote cannot fork or no seat is free; a relief likewise, until it is the worker
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from quaich.master import replacement
from quaich.master.generation import Generation, Handle, Post, Stage
from quaich.master.vocabulary import (
    Action,
    Answer,
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
    Say,
    Signal,
    StartFailed,
    StartZygote,
    Tick,
    Touched,
    Verdict,
    ZygoteStarted,
)

# The exit status, known from uWSGI, of a server that could load no application.
NO_APPLICATION = 22


_RELOADS = (Meaning.RELOAD, Meaning.BRUTAL_RELOAD, Meaning.CHAIN_RELOAD)


@dataclass(frozen=True)
class Wish:
    """A reload that is asked for, by all these tickets."""

    meaning: Meaning
    argument: int | None
    tickets: list[int]


class Phase(Enum):
    """The master's own state."""

    STARTING = "starting"
    SERVING = "serving"
    DRAINING = "draining"
    STOPPING = "stopping"
    OVER = "over"


class Plan:
    """The decisions.  ``start`` once, then ``handle`` for each event; ``deadline`` between them."""

    def __init__(self, policy: Policy) -> None:
        self.phase = Phase.STARTING
        self.status = 0
        self.policy = policy
        self.generations: dict[int, Generation] = {}
        self.current = 1
        self.newest = 1
        # The generation a reload is raising, and the reload to do after it.
        self.raising: int | None = None
        self.wish: Wish | None = None
        self.again: Wish | None = None
        self._leavers: list[int] = []
        self._actions: list[Action] = []

    def start(self) -> list[Action]:
        """The first actions."""
        return [StartZygote(1, reload=False)]

    def deadline(self) -> float | None:
        """When the next ``Tick`` is due."""
        return min((h.until for _, h in self._handles() if h.until is not None), default=None)

    def handle(self, event: Event, now: float) -> list[Action]:
        """What to do about an event."""
        self._actions = []
        match event:
            case Signal(name):
                self._signal(name, now)
            case ZygoteStarted():
                self._zygote_started(event, now)
            case StartFailed():
                self._start_failed(event, now)
            case Loaded(number, pid):
                self._loaded(number, pid)
            case LoadFailed():
                self._load_failed(event, now)
            case Forked():
                self._forked(event, now)
            case ForkFailed():
                self._fork_failed(event, now)
            case Ready():
                self._ready(event, now)
            case Died(pid, how):
                self._died(pid, how, now)
            case Breach():
                self._breach(event, now)
            case Touched(path):
                self._touched(path)
            case Asked():
                self._asked(event, now)
            case Resize():
                pass
            case Tick():
                self._tick(now)
        self._settle()
        return self._actions

    def _handles(self) -> Iterator[tuple[Generation, Handle]]:
        for generation in self.generations.values():
            for handle in (generation.zygote, *generation.crew()):
                yield generation, handle

    def _do(self, action: Action) -> None:
        self._actions.append(action)

    def _say(self, level: str, text: str) -> None:
        self._actions.append(Say(level, text))

    @property
    def _ending(self) -> bool:
        return self.phase in (Phase.DRAINING, Phase.STOPPING, Phase.OVER)

    # What is asked for.

    def _signal(self, name: str, now: float) -> None:
        meaning = self.policy.signals.get(name)
        if meaning is None or self.phase in (Phase.STOPPING, Phase.OVER):
            return
        self._say("info", f"signal={name} action={meaning.value.replace(' ', '-')}")
        self._asked(Asked(meaning), now)

    def _asked(self, event: Asked, now: float) -> None:
        if self.phase in (Phase.STOPPING, Phase.OVER):
            self._answer([event.ticket], False, "the server stops")
        elif event.meaning in _RELOADS:
            self._ask_reload(event)
        elif event.meaning is Meaning.DRAIN and self.phase is not Phase.DRAINING:
            self._leavers.append(event.ticket)
            self._end(Phase.DRAINING, 0, now)
        elif event.meaning in (Meaning.DRAIN, Meaning.STOP):
            self._leavers.append(event.ticket)
            self._end(Phase.STOPPING, 0, now)
        else:
            self._do(Perform(event.meaning, event.ticket))

    def _answer(self, tickets: Iterable[int], ok: bool, text: str) -> None:
        self._actions += [Answer(ticket, ok, text) for ticket in tickets if ticket]

    def _touched(self, path: str) -> None:
        if not self._ending:
            self._say("info", f"touched={path} action=reload")
            self._ask_reload(Asked(Meaning.RELOAD))

    def _ask_reload(self, event: Asked) -> None:
        if self._ending:
            self._answer([event.ticket], False, "the server stops")
        elif self.phase is Phase.STARTING or self.raising is not None:
            # However many are asked for meanwhile, one follows, as the last one has it.
            waiting = self.again.tickets if self.again else []
            self.again = Wish(event.meaning, event.argument, [*waiting, event.ticket])
        else:
            self._reload(Wish(event.meaning, event.argument, [event.ticket]))

    def _reload(self, wish: Wish) -> None:
        self.newest += 1
        self.raising = self.newest
        self.wish = wish
        self._do(StartZygote(self.newest, reload=True))

    def _raised(self, ok: bool, text: str) -> None:
        """A reload is over, well or badly: the next, if one was asked for."""
        self.raising = None
        wish, self.wish = self.wish, None
        if wish is not None:
            self._answer(wish.tickets, ok, text)
        again, self.again = self.again, None
        if again is None:
            return
        if self._ending:
            self._answer(again.tickets, False, "the server stops")
        else:
            self._reload(again)

    def _end(self, phase: Phase, status: int, now: float) -> None:
        self.phase = phase
        for wish in (self.wish, self.again):
            self._answer(wish.tickets if wish else [], False, "the server stops")
        self.wish = self.again = None
        self.status = status
        for generation in self.generations.values():
            self._retire(generation, phase is Phase.STOPPING, now)

    def _retire(self, generation: Generation, brutal: bool, now: float) -> None:
        """Tell everything of a generation to leave."""
        generation.stage = Stage.RETIRING
        zygote = generation.zygote
        if zygote.alive() and zygote.post is not Post.LEAVING:
            # It holds no request.
            zygote.post, zygote.until = Post.LEAVING, None
            self._do(Kill(zygote.pid, "SIGKILL"))
        elif not zygote.alive():
            zygote.gone()
        policy = generation.policy
        time = policy.patience if brutal else policy.mercy
        for worker in generation.crew():
            if not worker.alive():
                worker.gone()
            elif brutal or worker.post is not Post.LEAVING:
                if not worker.doomed:
                    worker.until = now + time
                worker.post = Post.LEAVING
                self._do(Kill(worker.pid, "SIGTERM" if brutal else "SIGHUP"))

    def _fail(self, generation: Generation, reason: str, status: int, now: float) -> None:
        """A generation cannot serve: the first ends the server, a later one only itself."""
        if generation.number != self.raising:
            self._say("error", f"generation={generation.number} cannot start: {reason}")
            self._end(Phase.STOPPING, status, now)
            return
        self._say(
            "error",
            f"generation={generation.number} dropped, generation={self.current} serves on: "
            f"{reason}",
        )
        self._retire(generation, False, now)
        self._raised(False, reason)

    # Zygotes.

    def _zygote_started(self, event: ZygoteStarted, now: float) -> None:
        generation = self.generations.get(event.generation)
        if generation is None:
            generation = Generation(event.generation, event.policy)
            self.generations[event.generation] = generation
        generation.zygote.pid = event.pid
        generation.zygote.post = Post.STARTED
        generation.zygote.since = now
        if self._ending:
            self._retire(generation, True, now)

    def _start_failed(self, event: StartFailed, now: float) -> None:
        generation = self.generations.get(event.generation)
        if generation is not None:
            generation.zygote.since = now
            self._replace_zygote(generation, event.reason, now)
        elif event.generation == self.raising:
            self._say(
                "error", f"reload refused, generation={self.current} serves on: {event.reason}"
            )
            self._raised(False, event.reason)
        else:
            self._say("error", event.reason)
            self._end(Phase.STOPPING, event.status, now)

    def _loaded(self, number: int, pid: int) -> None:
        generation = self.generations.get(number)
        if generation is None or generation.zygote.pid != pid:
            return
        if generation.stage is Stage.RETIRING:
            return
        generation.zygote.post = Post.READY
        if generation.stage is Stage.LOADING:
            generation.stage = Stage.RAISING
            slots = range(1, generation.policy.workers + 1)
            generation.workers = {slot: Handle(slot) for slot in slots}
        for worker in (*generation.workers.values(), *generation.relief.values()):
            if worker.post is Post.ABSENT:
                self._ask(generation, worker)

    def _load_failed(self, event: LoadFailed, now: float) -> None:
        generation = self.generations.get(event.generation)
        if generation is None or generation.zygote.pid != event.pid:
            return
        if generation.stage is Stage.LOADING:
            self._fail(generation, event.reason, event.status, now)
        elif generation.stage is not Stage.RETIRING:
            # The workers that are there serve on; its death counts as an early one.
            generation.zygote.since = now

    def _replace_zygote(self, generation: Generation, reason: str, now: float) -> None:
        pause = generation.zygote.pause_after_death(now)
        generation.zygote.gone(Post.PAUSED, now + pause)
        for worker in generation.crew():
            if worker.post is Post.ASKED:
                worker.gone()
        self._say(
            "warning",
            f"zygote lost generation={generation.number} {reason}; the workers serve on, "
            f"another starts in {pause:g}s",
        )

    # Workers.

    def _ask(self, generation: Generation, worker: Handle) -> None:
        self._actions += replacement.ask(generation, worker)

    def _forked(self, event: Forked, now: float) -> None:
        generation = self.generations.get(event.generation)
        worker = generation.asked(event.slot) if generation else None
        if generation is None or worker is None or worker.alive():
            self._do(Kill(event.pid, "SIGKILL"))
            return
        worker.pid, worker.post, worker.since = event.pid, Post.STARTED, now
        worker.until = None
        if generation.stage is Stage.RETIRING:
            worker.post = Post.LEAVING
            self._do(Kill(event.pid, "SIGKILL"))

    def _fork_failed(self, event: ForkFailed, now: float) -> None:
        generation = self.generations.get(event.generation)
        worker = generation.asked(event.slot) if generation else None
        if generation is None or worker is None or worker.post is not Post.ASKED:
            return
        if generation.number == self.raising:
            self._fail(generation, f"worker={event.slot} was not forked: {event.reason}", 1, now)
            return
        worker.since = now
        pause = worker.pause_after_death(now)
        worker.gone(Post.PAUSED, now + pause)
        self._say(
            "error",
            f"worker={event.slot} was not forked: {event.reason}; the next try is in {pause:g}s",
        )

    def _ready(self, event: Ready, now: float) -> None:
        generation = self.generations.get(event.generation)
        worker = generation.by_pid(event.slot, event.pid) if generation else None
        if generation is None or worker is None:
            return
        if worker.post is not Post.STARTED:
            return
        worker.post = Post.READY
        self._say(
            "info", f"worker={worker.slot} pid={worker.pid} ready generation={generation.number}"
        )
        if worker is generation.relief.get(worker.slot):
            self._actions += replacement.relieve(generation, worker, now)
        if generation.stage is Stage.RAISING and all(
            each.post is Post.READY for each in generation.workers.values()
        ):
            self._take_over(generation, now)

    def _take_over(self, generation: Generation, now: float) -> None:
        generation.stage = Stage.SERVING
        self.policy = generation.policy
        self._say(
            "info", f"generation={generation.number} serves workers={len(generation.workers)}"
        )
        if generation.number == self.raising:
            brutal = self.wish is not None and self.wish.meaning is Meaning.BRUTAL_RELOAD
            self._retire(self.generations[self.current], brutal, now)
            self.current = generation.number
        else:
            self.phase = Phase.SERVING
        self._raised(True, f"generation={generation.number} serves")

    # Limits.

    def _breach(self, event: Breach, now: float) -> None:
        generation = self.generations.get(event.generation)
        if generation is None:
            return
        for worker in generation.crew():
            if worker.pid == event.pid and not worker.doomed:
                if event.verdict is Verdict.RECYCLE:
                    self._actions += replacement.recycle(generation, worker, event.cause)
                else:
                    self._actions += replacement.doom(generation, worker, event, now)
                return

    # Ends and deadlines.

    def _died(self, pid: int, how: str, now: float) -> None:
        for generation, handle in list(self._handles()):
            if handle.pid != pid:
                continue
            if handle is generation.zygote:
                self._zygote_died(generation, how, now)
            else:
                self._worker_died(generation, handle, how, now)
            return

    def _zygote_died(self, generation: Generation, how: str, now: float) -> None:
        zygote = generation.zygote
        if generation.stage is Stage.RETIRING:
            zygote.gone()
        elif generation.stage is Stage.LOADING:
            zygote.gone()
            reason = f"the process that loads the application died {how}"
            self._fail(generation, reason, NO_APPLICATION, now)
        elif generation.number == self.raising:
            zygote.gone()
            self._fail(generation, f"zygote died {how}", 1, now)
        else:
            self._replace_zygote(generation, f"pid={zygote.pid} {how}", now)
            self._tick(now)

    def _worker_died(self, generation: Generation, worker: Handle, how: str, now: float) -> None:
        fact = f"worker={worker.slot} pid={worker.pid}"
        after = f"after={now - worker.since:.1f}s generation={generation.number}"
        if worker.post is Post.LEAVING:
            self._say("info", f"{fact} left {how} {after}")
            worker.gone()
            if worker in generation.outgoing:
                generation.outgoing.remove(worker)
                if generation.stage is not Stage.RETIRING:
                    self._actions += replacement.fill(generation, worker.slot)
            return
        if generation.number == self.raising:
            worker.gone()
            self._fail(generation, f"{fact} died {how} {after}", 1, now)
            return
        pause = worker.pause_after_death(now)
        again = f"; another starts in {pause:g}s" if pause else ""
        self._say("warning", f"{fact} died {how} {after}{again}")
        relief = generation.relief.get(worker.slot)
        if relief is not None and relief is not worker:
            generation.workers[worker.slot] = generation.relief.pop(worker.slot)
        elif pause:
            worker.gone(Post.PAUSED, now + pause)
        else:
            self._ask(generation, worker)

    def _tick(self, now: float) -> None:
        for generation, handle in list(self._handles()):
            if handle.until is None or handle.until > now:
                continue
            handle.until = None
            if handle.post is Post.LEAVING:
                cause = handle.doomed or "did not leave"
                self._say("warning", f"worker={handle.slot} pid={handle.pid} killed: {cause}")
                self._do(Kill(handle.pid, "SIGKILL"))
            elif handle is generation.zygote:
                handle.post = Post.ASKED
                self._do(StartZygote(generation.number, reload=False))
            else:
                self._ask(generation, handle)

    def _settle(self) -> None:
        """Forget generations that are gone, and end when all are."""
        for generation in list(self.generations.values()):
            if generation.stage is Stage.RETIRING and not any(generation.processes()):
                del self.generations[generation.number]
                self._do(Forget(generation.number))
        if self._ending and self.phase is not Phase.OVER and not self.generations:
            self.phase = Phase.OVER
            self._answer(self._leavers, True, "the server has ended")
            self._do(Leave(self.status))
