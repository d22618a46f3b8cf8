"""The plan as plain data, and back: what a master that is executed anew goes on from.

Pure.  Only a plan at rest is carried: no generation is being raised.  A policy is not carried but
made again from the configuration of its generation, by the newer code.  Data that does not make a
plan is a ValueError: it was written by another version.
"""

from collections.abc import Mapping
from typing import Any

from quaich.master.fleet import Phase
from quaich.master.generation import Generation, Handle, Post, Stage
from quaich.master.plan import Plan
from quaich.master.tally import Tally
from quaich.master.vocabulary import Policy
from quaich.master.wishes import Awaited
from quaich.values import asdict

Data = dict[str, Any]


def dump(plan: Plan) -> Data:
    """What ``load`` takes."""
    return {
        "phase": plan.phase.value,
        "status": plan.status,
        "current": plan.current,
        "newest": plan.newest,
        "order": plan.order,
        "paused": plan.paused,
        "in_vain": plan.in_vain,
        "pending": [
            [each.ticket, each.generation, each.text, each.until] for each in plan.wishes.pending
        ],
        "tally": asdict(plan.tally),
        "generations": [_dump_generation(each) for each in plan.generations.values()],
    }


def load(data: Data, policies: Mapping[int, Policy]) -> Plan:
    """The plan of ``dump``, with the policy of each generation."""
    try:
        generations = [_load_generation(each, policies) for each in data["generations"]]
        plan = Plan(policies[data["current"]])
        plan.tally = Tally.of(data["tally"])
        plan.generations = {each.number: each for each in generations}
        plan.phase = Phase(data["phase"])
        plan.status = data["status"]
        plan.current = data["current"]
        plan.newest = data["newest"]
        plan.order = list(data["order"])
        plan.paused = data["paused"]
        plan.in_vain = data.get("in_vain", False)
        plan.wishes.pending = [Awaited(*each) for each in data["pending"]]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"not the state of a master of this version: {error!r}") from None
    return plan


def _dump_generation(generation: Generation) -> Data:
    return {
        "number": generation.number,
        "stage": generation.stage.value,
        "wanted": generation.wanted,
        "until": generation.until,
        "keep": generation.keep,
        "zygote": _dump_handle(generation.zygote),
        "workers": [_dump_handle(each) for each in generation.workers.values()],
        "relief": [_dump_handle(each) for each in generation.relief.values()],
        "outgoing": [_dump_handle(each) for each in generation.outgoing],
    }


def _dump_handle(handle: Handle) -> Data:
    return asdict(handle) | {"post": handle.post.value}


def _load_generation(data: Data, policies: Mapping[int, Policy]) -> Generation:
    workers = [_load_handle(each) for each in data["workers"]]
    relief = [_load_handle(each) for each in data["relief"]]
    return Generation(
        number=data["number"],
        policy=policies[data["number"]],
        stage=Stage(data["stage"]),
        zygote=_load_handle(data["zygote"]),
        workers={each.slot: each for each in workers},
        relief={each.slot: each for each in relief},
        outgoing=[_load_handle(each) for each in data["outgoing"]],
        wanted=data["wanted"],
        until=data["until"],
        keep=data["keep"],
    )


def _load_handle(data: Data) -> Handle:
    return Handle(**(data | {"post": Post(data["post"])}))
