"""Whatever happens in whatever order, the plan loses nothing and nobody, and never gets stuck."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quaich.master import vocabulary as facts
from quaich.master.fleet import Phase
from quaich.master.vocabulary import Meaning, Policy, Verdict, meanings
from quaich.values import replace
from tests.unit.master.world import World

_STARTS = ("load", "fork", "ready", "run", "run")
_TROUBLE = ("load fails", "fork fails", "ready fails", "die", "zygote dies", "later", "breach")
_REST = ("ask", "ask", "signal", "touch", "resize", "refork", "refork fails")
_UPGRADES = ("install", "trial", "trial fails", "executable")
_STEPS = st.lists(
    st.tuples(
        st.sampled_from((*_STARTS, *_STARTS, *_TROUBLE, *_REST, *_UPGRADES)), st.integers(0, 999)
    ),
    max_size=80,
)
_MEANINGS = (
    *(Meaning.RELOAD, Meaning.BRUTAL_RELOAD, Meaning.CHAIN_RELOAD, Meaning.WORKERS_RELOAD),
    *(Meaning.BRUTAL_WORKERS_RELOAD, Meaning.RESTORE, Meaning.REFORK, Meaning.UPGRADE),
    *(Meaning.PAUSE, Meaning.SUSPEND, Meaning.RESUME, Meaning.MORE, Meaning.FEWER),
    *(Meaning.SCALE, Meaning.CHEAP, Meaning.WAKE, Meaning.STATUS),
)
_ENDS = (Meaning.DRAIN, Meaning.STOP)
_POLICIES = st.lists(
    st.builds(
        Policy,
        workers=st.integers(1, 3),
        signals=st.just(meanings("compatible", False)),
        startup=st.just(30.0),
        first_startup=st.sampled_from((0.0, 30.0)),
        most=st.just(6),
        snapshots=st.integers(0, 2),
        reforks=st.booleans(),
        need_app=st.booleans(),
    ),
    min_size=1,
    max_size=3,
)


def _step(world: World, name: str, number: int) -> None:
    """One thing happens, where it can."""
    zygotes = [each for each in world.living(zygote=True) if each.told and not each.ready]
    workers = world.living(zygote=False)
    new = [each for each in workers if each.told and not each.ready]
    match name:
        case "run":
            world.run()
        case "load" | "load fails" if zygotes:
            world.load(zygotes[number % len(zygotes)], name == "load")
        case "fork" | "fork fails" if world.forks:
            world.fork(number % len(world.forks), name == "fork")
        case "refork" | "refork fails" if world.reforks:
            world.refork(number % len(world.reforks), name == "refork")
        case "ready" | "ready fails" if new:
            world.make_ready(new[number % len(new)], name == "ready")
        case "die" if workers:
            world.die(workers[number % len(workers)])
        case "zygote dies" if world.living(zygote=True):
            found = world.living(zygote=True)
            world.die(found[number % len(found)])
        case "later":
            world.later((0.1, 0.9, 5.0, 20.0, 61.0)[number % 5])
        case "breach" if workers:
            verdict = tuple(Verdict)[number % len(Verdict)]
            world.breach(workers[number % len(workers)], verdict)
        case "ask":
            meaning = _MEANINGS[number % len(_MEANINGS)]
            counts = {Meaning.SCALE: number % 7, Meaning.RESTORE: number % 5 or None}
            world.ask(meaning, counts.get(meaning))
        case "signal":
            names = ("SIGHUP", "SIGTERM", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG")
            world.queue.append(facts.Signal(names[number % 6]))
        case "touch":
            meaning = (Meaning.RELOAD, Meaning.CHAIN_RELOAD, Meaning.WORKERS_RELOAD)[number % 3]
            world.queue.append(facts.Touched("a file", meaning))
        case "install":
            world.plan.outdated = True
        case "trial" | "trial fails" if world.trial:
            world.end_trial("" if name == "trial" else "ZeroDivisionError")
        case "executable":
            world.executable = number % 2 == 0
        case "resize":
            world.queue.append(facts.Resize(world.plan.current, number % 4, "load"))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    _POLICIES,
    st.sampled_from(("begins", "serves", "crashes")),
    _STEPS,
    st.booleans(),
    st.sampled_from(_ENDS),
    _STEPS,
)
def test_nothing_is_lost_and_nothing_gets_stuck(
    policies: list[Policy],
    start: str,
    before: list[tuple[str, int]],
    leaves_on_reload: bool,
    end: Meaning,
    after: list[tuple[str, int]],
) -> None:
    if leaves_on_reload and len(before) % 7 == 0:
        policies = [replace(each, exit_on_reload=True) for each in policies]
    world = World(policies)
    if start == "serves":
        world.calm_down()
    elif start == "crashes":
        world.crash(times=3)
    world.run()
    for name, number in before:
        _step(world, name, number)
    world.calm_down()
    plan = world.plan
    if plan.phase is Phase.SERVING:
        assert plan.raising is None
        assert not plan.trying
        assert plan.generations[plan.current].steady()
        for generation in plan.generations.values():
            assert generation.number == plan.current or generation.stage.value == "asleep"
            assert not generation.outgoing
        assert world.asked == set(world.answered)
    else:
        # The first generation failed, or the server was to leave instead of reloading.
        assert world.leaves == 1
    if not world.leaves:
        world.ask(end)
        for name, number in after:
            _step(world, name, number)
        world.calm_down()
    assert world.leaves == 1
    assert world.plan.phase is Phase.OVER
    unheard = {each.ticket for each in world.queue if isinstance(each, facts.Asked)}
    assert world.asked - unheard == set(world.answered)
