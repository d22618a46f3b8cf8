"""A world around a plan: processes that live, speak and die when an adversary says so.

It performs actions as the loop does, what it leads to comes as events at the end of the queue, and
after every event it looks whether what must always be true of a plan is true.
"""

import json
from collections import deque

from quaich.master import carry
from quaich.master import vocabulary as facts
from quaich.master.fleet import Phase
from quaich.master.generation import Generation, Handle, Post, Stage
from quaich.master.plan import Plan
from quaich.master.vocabulary import Meaning, Policy, Verdict
from quaich.values import dataclass


@dataclass(eq=False)
class Process:
    """A zygote (slot 0) or a worker: ``told`` once the plan heard of it, ``buried`` once of its
    end, ``ready`` once it has said so."""

    pid: int
    generation: int
    slot: int = 0
    seat: int = 0
    told: bool = False
    dead: bool = False
    buried: bool = False
    killed: bool = False
    ready: bool = False


class World:
    def __init__(self, policies: list[Policy]) -> None:
        self.policies = policies
        self.plan = Plan(policies[0])
        self.now = 100.0
        self.queue: deque[facts.Event] = deque()
        self.processes: dict[int, Process] = {}
        # What zygotes were asked for and have not done: (its pid, Fork) and (its pid, number).
        self.forks: list[tuple[int, facts.Fork]] = []
        self.reforks: list[tuple[int, int]] = []
        # The trial of another version that is under way, and the one that is to be executed.
        self.trial = 0
        self.becoming = 0
        self.executable = True
        self.held: set[int] = set()
        self.asked: set[int] = set()
        self.answered: list[int] = []
        self.leaves = 0
        self._ticket = 0
        self._perform(self.plan.start())

    # What happens.

    def run(self) -> None:
        """The plan hears of everything that has happened by now."""
        while self.queue and not self.leaves:
            self._handle(self.queue.popleft())
            if self.becoming and not self.queue and not self.leaves:
                self._become()

    def ask(self, meaning: Meaning, argument: int | None = None) -> None:
        self._ticket += 1
        self.asked.add(self._ticket)
        self.queue.append(facts.Asked(meaning, self._ticket, argument))

    def later(self, seconds: float) -> None:
        self.now += seconds
        self.queue.append(facts.Tick())

    def living(self, zygote: bool | None = None) -> list[Process]:
        return [
            each
            for each in self.processes.values()
            if not each.dead and (zygote is None or zygote is (each.slot == 0))
        ]

    def load(self, process: Process, well: bool = True) -> None:
        """A zygote has loaded, or it has nothing to fork from, and ends."""
        number, pid = process.generation, process.pid
        if well:
            process.ready = True
            self.queue.append(facts.Loaded(number, pid))
        else:
            self.queue.append(facts.LoadFailed(number, pid, "no application", 22))
            self.die(process)

    def make_ready(self, process: Process, well: bool = True) -> None:
        """A worker serves, or cannot, and ends."""
        number, slot, pid = process.generation, process.slot, process.pid
        if well:
            process.ready = True
            self.queue.append(facts.Ready(number, slot, pid))
        else:
            self.queue.append(facts.WorkerFailed(number, slot, pid, "not healthy", 1))
            self.die(process)

    def fork(self, index: int, well: bool = True) -> None:
        """A zygote does what it was asked for, if it lives."""
        pid, action = self.forks.pop(index)
        if self.processes[pid].dead:
            return
        number, slot = action.generation, action.slot
        if not well:
            self.queue.append(facts.ForkFailed(number, slot, "no memory"))
            return
        child = self._born(number, slot, action.seat)
        self.queue.append(facts.Forked(number, slot, child.pid))

    def refork(self, index: int, well: bool = True) -> None:
        pid, number = self.reforks.pop(index)
        if self.processes[pid].dead:
            return
        if not well:
            self.queue.append(facts.StartFailed(number, "no memory"))
            return
        self._started(number)

    def end_trial(self, reason: str = "") -> None:
        self.queue.append(facts.Tried(self.trial, reason))
        self.trial = 0

    def die(self, process: Process, how: str = "signal=SIGSEGV") -> None:
        process.dead = True
        self.queue.append(facts.Died(process.pid, how))
        for entry in [each for each in self.reforks if each[0] == process.pid]:
            self.reforks.remove(entry)
            self.queue.append(facts.StartFailed(entry[1], "its parent died"))

    def crash(self, times: int) -> None:
        """What is loaded is a first worker that dies before it is ready, again and again."""
        self.run()
        self.load(self.living(zygote=True)[0])
        self.run()
        for _ in range(times):
            slots = [action.slot for _, action in self.forks]
            self.fork(slots.index(1))
            self.run()
            self.die(self.living(zygote=False)[0])
            self.run()
            if not self.leaves:
                self.later(5.0)
                self.run()

    def breach(self, process: Process, verdict: Verdict) -> None:
        number, slot, pid = process.generation, process.slot, process.pid
        self.queue.append(facts.Breach(number, slot, pid, verdict, "a limit", self.now))

    # What the loop does.

    def _born(self, number: int, slot: int = 0, seat: int = 0) -> Process:
        process = Process(1000 + len(self.processes), number, slot, seat)
        self.processes[process.pid] = process
        return process

    def _started(self, number: int) -> None:
        policy = self.policies[number % len(self.policies)] if number > 1 else self.policies[0]
        self.queue.append(facts.ZygoteStarted(number, self._born(number).pid, policy))

    def _handle(self, event: facts.Event) -> None:
        match event:
            case facts.ZygoteStarted(_, pid) | facts.Forked(_, _, pid):
                self.processes[pid].told = True
            case facts.Died(pid):
                self.processes[pid].buried = True
        self._perform(self.plan.handle(event, self.now))
        self.check()

    def _become(self) -> None:
        """The plan goes on in another master, or this one cannot be executed."""
        trial, self.becoming = self.becoming, 0
        plan = self.plan
        if not plan.trying:
            return
        if not self.executable:
            self.queue.append(facts.Tried(trial, "no such file or directory"))
            return
        assert plan.wishes.now
        assert plan.raising is None
        policies = {number: each.policy for number, each in plan.generations.items()}
        self.plan = carry.load(json.loads(json.dumps(carry.dump(plan))), policies)
        for ticket in plan.wishes.now.tickets:
            if ticket:
                self._answer(ticket)
        self._perform(self.plan.go_on(plan.following(), self.now))
        self.check()

    def _perform(self, actions: list[facts.Action]) -> None:
        for action in actions:
            assert not self.leaves, f"{action} after the end"
            match action:
                case facts.StartZygote(number, _, parent):
                    self._start(number, parent)
                case facts.Fork():
                    self._ask_fork(action)
                case facts.Kill(pid, name):
                    self._kill(pid, name)
                case facts.Forget(number):
                    assert number in self.held
                    assert number not in self.plan.generations
                    self.held.remove(number)
                    self.reforks = [each for each in self.reforks if each[1] != number]
                case facts.Answer(ticket):
                    self._answer(ticket)
                case facts.Perform(_, ticket) if ticket:
                    self._answer(ticket)
                case facts.Try(number):
                    assert not self.trial
                    assert not self.becoming
                    self.trial = number
                case facts.EndTrial():
                    self.trial = 0
                case facts.Become(number):
                    self.becoming = number
                case facts.Leave():
                    assert not self.trial
                    self.leaves += 1

    def _answer(self, ticket: int) -> None:
        assert ticket in self.asked
        assert ticket not in self.answered, f"{ticket} is answered twice"
        self.answered.append(ticket)

    def _start(self, number: int, parent: int | None) -> None:
        self.held.add(number)
        if parent is None:
            self._started(number)
        else:
            zygote = self.plan.generations[parent].zygote
            assert zygote.post is Post.READY
            if self.processes[zygote.pid].dead:
                self.queue.append(facts.StartFailed(number, "it does not listen"))
            else:
                self.reforks.append((zygote.pid, number))

    def _ask_fork(self, action: facts.Fork) -> None:
        generation = self.plan.generations[action.generation]
        zygote = generation.zygote
        assert zygote.alive()
        assert action.seat in (0, 1)
        taken = [
            each
            for each in self.processes.values()
            if each.slot == action.slot and each.generation == action.generation
            if each.seat == action.seat and each.told and not each.buried and not each.killed
        ]
        assert not taken, f"{action}: {taken} sits there"
        self.forks.append((zygote.pid, action))

    def _kill(self, pid: int, name: str) -> None:
        process = self.processes[pid]
        assert not process.buried, f"kill {pid} {name}"
        if name == "SIGKILL":
            process.killed = True
            if not process.dead:
                self.die(process, "signal=SIGKILL")

    # What is always true.

    def check(self) -> None:
        plan = self.plan
        handles = [
            (generation, handle)
            for generation in plan.generations.values()
            for handle in generation.processes()
        ]
        pids = [handle.pid for _, handle in handles]
        assert len(pids) == len(set(pids))
        for pid in pids:
            assert self.processes[pid].told
            assert not self.processes[pid].buried
        for process in self.processes.values():
            known = process.pid in pids
            assert known or process.killed or process.buried or not process.told, process
        assert set(plan.generations) <= self.held
        assert len(plan.order) == len(set(plan.order))
        assert set(plan.order) <= set(plan.generations)
        for generation in plan.generations.values():
            self._check_generation(generation)
        if plan.phase is Phase.SERVING:
            assert plan.order[-1] == plan.current
            assert plan.generations[plan.current].stage is Stage.SERVING
        if plan.raising is not None and not plan.phase.value.startswith(("d", "s", "o")):
            assert plan.raising in plan.generations or self._starts(plan.raising)
        assert not (plan.trying and plan.raising)
        if plan.phase is Phase.OVER:
            assert not plan.trying
            assert not plan.generations
            assert self.leaves == 1

    def _starts(self, number: int) -> bool:
        events = (facts.ZygoteStarted, facts.StartFailed)
        return any(isinstance(each, events) and each.generation == number for each in self.queue)

    def _check_generation(self, generation: Generation) -> None:
        number, stage = generation.number, generation.stage
        zygote = generation.zygote
        if zygote.alive() and stage is Stage.RETIRING and not generation.keep:
            assert self.processes[zygote.pid].killed, f"the zygote of {number} is forgotten"
        if stage in (Stage.LOADING, Stage.RAISING, Stage.SERVING) and not zygote.alive():
            asked = any(each == number for _, each in self.reforks) or self._starts(number)
            assert zygote.until is not None or asked, f"nobody raises a zygote for {number}"
        for worker in generation.crew():
            seats = [
                each.seat
                for each in generation.crew()
                if each.slot == worker.slot and each.alive()
                if not self.processes[each.pid].killed
            ]
            assert len(seats) == len(set(seats)) <= 2, f"{generation}"
        for worker in generation.outgoing:
            assert worker.alive()
            assert worker.post is Post.LEAVING
            killed = self.processes[worker.pid].killed
            assert worker.until is not None or killed, f"{worker} may stay for ever"
        if stage is Stage.SERVING:
            chained = self.plan.raising is not None
            if not chained:
                assert set(generation.workers) == set(range(1, generation.wanted + 1))
            for worker in (*generation.workers.values(), *generation.relief.values()):
                self._check_progress(generation, worker)

    def _check_progress(self, generation: Generation, worker: Handle) -> None:
        zygote = generation.zygote
        match worker.post:
            case Post.READY | Post.STARTED:
                assert worker.alive()
            case Post.PAUSED:
                assert worker.until is not None
            case Post.ABSENT:
                ready = zygote.post is Post.READY
                assert not ready or generation.free_seat(worker.slot) is None, f"{worker} is stuck"
            case Post.ASKED:
                assert self._is_asked(generation.number, worker.slot, zygote.pid)
            case Post.LEAVING:
                raise AssertionError(f"{worker} leaves and has no successor")

    def _is_asked(self, number: int, slot: int, zygote: int) -> bool:
        if self.processes[zygote].dead:
            return True
        kinds = (facts.Forked, facts.ForkFailed)
        return any(
            each.generation == number and each.slot == slot for _, each in self.forks
        ) or any(
            isinstance(each, kinds) and (each.generation, each.slot) == (number, slot)
            for each in self.queue
        )

    # A world in which everything goes well.

    def calm_down(self) -> None:
        """From here on everything works: until nothing is left to do."""
        for _ in range(400):
            self.run()
            if self.leaves:
                return
            self._help()
            if not self.queue:
                due = self.plan.deadline()
                if due is None:
                    return
                self.now = max(self.now, due)
                self.queue.append(facts.Tick())
        raise AssertionError("it never comes to rest")

    def _help(self) -> None:
        while self.forks:
            self.fork(0)
        while self.reforks:
            self.refork(0)
        if self.trial:
            self.end_trial()
        for process in self.living():
            if process.told and not process.ready:
                (self.make_ready if process.slot else self.load)(process)
        leaving = {
            each.pid
            for generation in self.plan.generations.values()
            for each in generation.outgoing
        }
        for process in self.living(zygote=False):
            if process.pid in leaving:
                self.die(process, "exit=0")
