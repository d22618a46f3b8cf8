"""A change to a site as steps, each with what it does and what takes it back; pure.

The plan is what ``--dry-run`` prints, what the performer goes through, and what a later run reads
from the journal of one that was interrupted.  Two rules: until the step ``finish`` begins, whatever
was begun is taken back, the last first; from then on it is completed.  A step and its undo may be
done twice, or when the other was only half done.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from quaich.values import dataclass

BUILD, CHECK, START, SWITCH, NGINX, FINISH = "build", "check", "start", "switch", "nginx", "finish"
DEPLOY, ROLLBACK, DESTROY = "deploy", "rollback", "destroy"

# The undo of a step, by what the performer calls it.
FORGET, END_TRIAL, RESTORE, HALT, NGINX_BACK, NGINX_AWAY = (
    "forget",
    "end-trial",
    "restore",
    "halt",
    "nginx-back",
    "nginx-away",
)


@dataclass(frozen=True)
class Step:
    """One step; ``undo`` is empty where nothing is to be taken back, ``back`` says it in words."""

    name: str
    does: str
    undo: str = ""
    back: str = ""


@dataclass(frozen=True)
class Plan:
    """A change: of which site, to which release, and what was current before (or nothing).

    ``was_running`` is whether a server ran then.
    """

    change: str
    site: str
    release: str
    previous: str
    steps: tuple[Step, ...]
    was_running: bool = False

    def step(self, name: str) -> Step:
        """The step of a name."""
        return next(each for each in self.steps if each.name == name)


@dataclass(frozen=True)
class Facts:
    """What a plan depends on besides the site: found out before anything is done.

    ``has_nginx`` is whether a front is wanted, ``stage`` that the release is only made ready.
    """

    source: str = ""
    previous: str = ""
    was_running: bool = False
    has_nginx: bool = True
    stage: bool = False
    keep: int = 5


def deploy(site: str, release: str, facts: Facts) -> Plan:
    """A new release from a source."""
    build = Step(
        BUILD,
        f"copy {facts.source} to releases/{release}; make or reuse its virtual environment",
        FORGET,
        f"remove releases/{release}",
    )
    check = Step(
        CHECK,
        "import the application, check the configuration, run pre_deploy and migrate",
        END_TRIAL,
        "nothing: what a migration changed in a database stays",
    )
    steps = [build, check, _start(release)]
    if not facts.stage:
        steps += _let_in(release, facts)
    return Plan(DEPLOY, site, release, facts.previous, tuple(steps), facts.was_running)


def rollback(site: str, release: str, facts: Facts) -> Plan:
    """Back, or forward, to a release that is there."""
    steps = (_start(release), *_let_in(release, facts))
    return Plan(ROLLBACK, site, release, facts.previous, steps, facts.was_running)


def destroy(site: str, previous: str) -> Plan:
    """Everything of a site away; once begun it is completed."""
    steps = (Step(FINISH, "remove the site from nginx, stop its server, remove its files"),)
    return Plan(DESTROY, site, "", previous, steps)


def to_data(plan: Plan) -> dict[str, Any]:
    """What a journal keeps of a plan, and ``--json`` shows."""
    return {
        "change": plan.change,
        "site": plan.site,
        "release": plan.release,
        "previous": plan.previous,
        "was_running": plan.was_running,
        "steps": [
            {"name": each.name, "does": each.does, "undo": each.undo, "back": each.back}
            for each in plan.steps
        ],
    }


def from_data(data: Mapping[str, Any]) -> Plan:
    """The plan that ``to_data`` told; raises KeyError or TypeError for anything else."""
    steps = tuple(Step(**each) for each in data["steps"])
    names = (data["change"], data["site"], data["release"], data["previous"])
    return Plan(*names, steps, data["was_running"])


def is_decided(plan: Plan, begun: Sequence[str]) -> bool:
    """Whether a change of which these steps were begun is to be completed."""
    return FINISH in begun


def undoing(plan: Plan, begun: Sequence[str]) -> tuple[Step, ...]:
    """What takes back the steps that were begun, in the order to do it."""
    return tuple(each for each in reversed(plan.steps) if each.name in begun and each.undo)


def as_text(plan: Plan) -> str:
    """The plan for a reader."""
    what = f"{plan.change} {plan.site}"
    if plan.release:
        what += f": {plan.release}"
    if plan.previous:
        what += f" (now {plan.previous})"
    lines = [what]
    for number, each in enumerate(plan.steps, 1):
        lines.append(f" {number} {each.name:<8} {each.does}")
        if each.back:
            lines.append(f"   {'':<8} undo: {each.back}")
    return "\n".join(lines) + "\n"


def _start(release: str) -> Step:
    return Step(
        START,
        f"start {release} with one worker on a socket of its own and request its health",
        END_TRIAL,
        "end it",
    )


def _let_in(release: str, facts: Facts) -> list[Step]:
    if facts.previous:
        switch = Step(
            SWITCH,
            f"current -> {release}; reload the server",
            RESTORE,
            f"current -> {facts.previous}; reload the server, if it was reloaded",
        )
    else:
        switch = Step(
            SWITCH,
            f"current -> {release}; start the server",
            HALT,
            "stop the server; no release is current",
        )
    steps = [switch]
    if facts.has_nginx:
        back = (
            (NGINX_BACK, f"put back the configuration of {facts.previous}; reload nginx")
            if facts.previous
            else (NGINX_AWAY, "remove the site from nginx; reload it")
        )
        steps.append(
            Step(NGINX, "write the site, nginx -t, reload, and see that it answers", *back)
        )
    steps.append(
        Step(FINISH, f"wait for the old workers, run post_deploy, keep {facts.keep} releases")
    )
    return steps
