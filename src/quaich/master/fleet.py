"""The processes of all generations: what becomes of each, whatever they are there for.

A part of the plan, and as pure.  It follows zygotes and workers through their states, replaces who
dies or passes a limit, and kills who does not leave in time.  Whether a generation may serve, and
what a failure of one means, is the plan's to say.
"""

from collections.abc import Iterator
from enum import Enum

from quaich.master import crew, replacement
from quaich.master.generation import Generation, Handle, Post, Stage
from quaich.master.tally import Tally
from quaich.master.vocabulary import (
    Action,
    Breach,
    Forked,
    ForkFailed,
    Kill,
    LoadFailed,
    Policy,
    Say,
    Shown,
    StartZygote,
    Verdict,
    WorkerFailed,
    ZygoteStarted,
)

NO_APPLICATION = 22
"""The exit status, known from uWSGI, of a server that could load no application."""

_HOPELESS = 3
"""Deaths of a worker before it is ready, after which a start is not expected to end well."""


class Phase(Enum):
    """The master's own state."""

    STARTING = "starting"
    SERVING = "serving"
    DRAINING = "draining"
    STOPPING = "stopping"
    OVER = "over"


class Fleet:
    """The generations, by number; ``raising`` is the one that a reload is about.

    ``in_vain`` is a start that goes on though it seems to have no end.
    """

    def __init__(self, policy: Policy) -> None:
        self.phase = Phase.STARTING
        self.policy = policy
        self.generations: dict[int, Generation] = {}
        self.raising: int | None = None
        self.in_vain = False
        self.tally = Tally()
        self._actions: list[Action] = []

    def deadline(self) -> float | None:
        """When the next ``Tick`` is due."""
        times = [handle.until for _, handle in self._handles()]
        times += [generation.until for generation in self.generations.values()]
        times += self._appointments()
        return min((each for each in times if each is not None), default=None)

    def _handles(self) -> Iterator[tuple[Generation, Handle]]:
        for generation in self.generations.values():
            for handle in (generation.zygote, *generation.crew()):
                yield generation, handle

    def knows(self, pid: int) -> bool:
        """Whether a process is one of a generation's."""
        return any(handle.pid == pid for _, handle in self._handles())

    def _do(self, *actions: Action) -> None:
        self._actions += actions

    def _say(self, level: str, text: str) -> None:
        self._actions.append(Say(level, text))

    @property
    def ending(self) -> bool:
        """Whether the server stops, or has stopped."""
        return self.phase in (Phase.DRAINING, Phase.STOPPING, Phase.OVER)

    def _appointments(self) -> list[float]:
        """Other times at which something is due."""
        raise NotImplementedError

    def _fail(self, generation: Generation, reason: str, status: int, now: float) -> None:
        """A generation cannot serve."""
        raise NotImplementedError

    # Zygotes.

    def _zygote_started(self, event: ZygoteStarted, now: float) -> None:
        generation = self.generations.get(event.generation)
        if generation is None and not self._awaited(event.generation):
            # It was to fork for a generation that is gone by now.
            self._do(Kill(event.pid, "SIGKILL"))
            return
        if generation is None:
            generation = Generation(event.generation, event.policy)
            self.generations[event.generation] = generation
            self._until(generation, now)
        generation.zygote.pid = event.pid
        generation.zygote.post = Post.STARTED
        generation.zygote.since = now
        if self.ending or generation.stage is Stage.RETIRING:
            generation.stage = Stage.RETIRING
            generation.until = None
            self._do(*crew.end_zygote(generation))

    def _awaited(self, number: int) -> bool:
        """Whether a generation that is not known yet was asked for: the first, or a reload's."""
        return number == self.raising or (self.phase is Phase.STARTING and not self.generations)

    def _until(self, generation: Generation, now: float) -> None:
        """A generation has a time to become ready."""
        policy = generation.policy
        allowed = policy.startup if generation.number == self.raising else policy.first_startup
        generation.until = now + allowed if allowed else None

    def _load_failed(self, event: LoadFailed, now: float) -> None:
        generation = self.generations.get(event.generation)
        if generation is None or generation.zygote.pid != event.pid:
            return
        if generation.stage is Stage.LOADING:
            self._fail(generation, event.reason, event.status, now)

    def _replace_zygote(self, generation: Generation, reason: str, now: float) -> None:
        pause = generation.zygote.pause_after_death(now)
        self.tally.pauses += pause > 0
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

    def _forked(self, event: Forked, now: float) -> None:
        if self.knows(event.pid):
            # Twice on the books it would never be seen to end.
            self._say("warning", f"pid={event.pid} is no new worker={event.slot}; ignored")
            return
        generation = self.generations.get(event.generation)
        worker = generation.asked(event.slot) if generation else None
        if generation is None or worker is None or worker.alive():
            # Nobody wants it any more; its end is waited for all the same.
            self._do(Kill(event.pid, "SIGKILL"))
            if generation is not None:
                generation.outgoing.append(Handle(event.slot, Post.LEAVING, event.pid, now))
            return
        worker.pid, worker.post, worker.since = event.pid, Post.STARTED, now
        self.tally.spawned(worker.slot)
        worker.until = None

    def _fork_failed(self, event: ForkFailed, now: float) -> None:
        generation = self.generations.get(event.generation)
        worker = generation.asked(event.slot) if generation else None
        if generation is None or worker is None or worker.post is not Post.ASKED:
            return
        if generation.number == self.raising:
            self._fail(generation, f"worker={event.slot} was not forked: {event.reason}", 1, now)
            return
        pause = worker.pause_after_death(now, generation.policy.first_pause)
        worker.gone(Post.PAUSED, now + pause)
        self._say(
            "error",
            f"worker={event.slot} was not forked: {event.reason}; the next try is in {pause:g}s",
        )

    def _worker_failed(self, event: WorkerFailed, now: float) -> None:
        generation = self.generations.get(event.generation)
        worker = generation.by_pid(event.slot, event.pid) if generation else None
        if generation is None or worker is None or worker.post is not Post.STARTED:
            return
        reason = f"worker={event.slot} pid={event.pid} is not ready: {event.reason}"
        if generation.number == self.raising or self.phase is Phase.STARTING:
            self._fail(generation, reason, event.status, now)
        else:
            self._say("error", reason)

    # Limits.

    def _breach(self, event: Breach, now: float) -> None:
        generation = self.generations.get(event.generation)
        if generation is None:
            return
        for worker in generation.crew():
            if worker.pid == event.pid and not worker.doomed:
                if event.verdict is Verdict.RECYCLE:
                    actions = replacement.recycle(generation, worker, event.cause)
                    self.tally.recycled += bool(actions)
                    self._do(*actions)
                elif event.verdict is Verdict.WARN:
                    self._do(*replacement.warn(generation, worker, event))
                else:
                    if event.verdict is Verdict.HARAKIRI:
                        self.tally.harakiri(worker.slot)
                    else:
                        self.tally.killed += 1
                    self._do(*replacement.doom(generation, worker, event, now))
                return

    def _shown(self, event: Shown) -> None:
        generation = self.generations.get(event.generation)
        for worker in generation.crew() if generation is not None else ():
            if worker.pid == event.pid:
                worker.silent = False

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
        if generation.stage in (Stage.RETIRING, Stage.ASLEEP):
            if generation.keep:
                self._say("warning", f"snapshot lost generation={generation.number} {how}")
            generation.keep = False
            generation.stage = Stage.RETIRING
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
                if generation.stage in (Stage.RAISING, Stage.SERVING):
                    self._do(*replacement.fill(generation, worker.slot))
            return
        self.tally.deaths += 1
        if generation.number == self.raising:
            worker.gone()
            self._fail(generation, f"{fact} died {how} {after}", 1, now)
        elif self._hopeless(worker) and generation.policy.need_app:
            worker.gone()
            reason = f"{fact} died {how} {after}, {_HOPELESS} times before it was ready"
            self._fail(generation, reason, NO_APPLICATION, now)
        else:
            hopeless = self._hopeless(worker)
            self._do(*crew.lost(generation, worker, f"{fact} died {how} {after}", now))
            self.tally.pauses += worker.post is Post.PAUSED
            if hopeless and not self.in_vain:
                self.in_vain = True
                self._say(
                    "error",
                    f"generation={generation.number} does not serve yet: worker={worker.slot} has "
                    f"died {_HOPELESS} times before it was ready; mend the application and reload "
                    "(need-app makes this fatal)",
                )

    def _hopeless(self, worker: Handle) -> bool:
        """Whether this death at a start is the one that says that there will be no other end."""
        starts = self.phase is Phase.STARTING and worker.post is Post.STARTED
        return starts and worker.failures + 1 == _HOPELESS

    def _tick(self, now: float) -> None:
        for generation in list(self.generations.values()):
            if generation.until is not None and generation.until <= now:
                generation.until = None
                self._late(generation, now)
        for generation, handle in list(self._handles()):
            if handle.until is None or handle.until > now:
                continue
            handle.until = None
            if handle.post is Post.LEAVING and handle.silent:
                self._do(*replacement.press(handle, now))
            elif handle.post is Post.LEAVING:
                cause = handle.doomed or "did not leave"
                self._say("warning", f"worker={handle.slot} pid={handle.pid} killed: {cause}")
                self._do(Kill(handle.pid, "SIGKILL"))
            elif handle.post in (Post.ASKED, Post.STARTED):
                self._overdue(generation, handle)
            elif handle is generation.zygote:
                handle.post = Post.ASKED
                self._do(StartZygote(generation.number, reload=False))
            else:
                self._do(*replacement.ask(generation, handle))

    def _time(self, now: float) -> None:
        """Who is started in a generation that serves has as long as a reload has."""
        for generation in self.generations.values():
            startup = generation.policy.startup
            if generation.stage is not Stage.SERVING or not startup:
                continue
            for handle in (*generation.workers.values(), *generation.relief.values()):
                if handle.post in (Post.ASKED, Post.STARTED) and handle.until is None:
                    handle.until = now + startup
            zygote = generation.zygote
            if zygote.post is Post.STARTED and zygote.until is None:
                zygote.until = now + startup

    def _overdue(self, generation: Generation, handle: Handle) -> None:
        """Somebody is not there in time: what holds it up is killed, and replaced by its rule."""
        after = f"startup-timeout={generation.policy.startup:g}s generation={generation.number}"
        pid = handle.pid
        if handle is generation.zygote:
            self._say("error", f"zygote pid={pid} killed: still loading after {after}")
        elif handle.post is Post.STARTED:
            self._say("error", f"worker={handle.slot} pid={pid} killed: not ready after {after}")
        else:
            pid = generation.zygote.pid
            self._say("error", f"zygote pid={pid} killed: worker={handle.slot} not forked {after}")
        if pid:
            self._do(Kill(pid, "SIGKILL"))

    def _late(self, generation: Generation, now: float) -> None:
        policy = generation.policy
        allowed = policy.startup if generation.number == self.raising else policy.first_startup
        what = "loading" if generation.stage is Stage.LOADING else "without a ready worker"
        reason = f"still {what} after startup-timeout={allowed:g}s"
        self._fail(generation, reason, NO_APPLICATION, now)
