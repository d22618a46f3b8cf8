"""A plan that is carried over goes on where it was."""

import json

import pytest

from quaich.master import carry
from quaich.master.vocabulary import (
    Answer,
    Asked,
    Breach,
    Died,
    Fork,
    Forked,
    Kill,
    Meaning,
    Ready,
    Verdict,
)
from quaich.values import replace
from tests.unit.master.story import COMPATIBLE, Story

SNAPSHOTS = replace(COMPATIBLE, snapshots=1)


def carried(story: Story) -> Story:
    """The story, told on to another plan that was made from the data of the first."""
    data = json.loads(json.dumps(carry.dump(story.plan)))
    other = Story(story.policy)
    other.plan = carry.load(data, dict.fromkeys(story.plan.generations, story.policy))
    other.now = story.now
    assert carry.dump(other.plan) == carry.dump(story.plan)
    return other


def test_workers_go_on_being_replaced() -> None:
    story = Story().serve()
    story.after(Breach(1, 1, 101, Verdict.RECYCLE, "because"))
    story.after(Forked(1, 1, 900))
    story = carried(story)
    assert story.after(Ready(1, 1, 900)) == [Kill(101, "SIGHUP")]
    story = carried(story)
    assert story.after(Died(101, "exit=17")) == []
    assert story.after(Died(102, "signal=SIGKILL"), 3.0) == [Fork(1, 2)]


def test_snapshots_can_be_restored() -> None:
    story = Story(SNAPSHOTS).serve()
    story.after(Asked(Meaning.RELOAD))
    story.bring_up(2)
    story.leave(1)
    story = carried(story)
    assert story.after(Asked(Meaning.RESTORE)) == [Fork(1, 1), Fork(1, 2)]


@pytest.mark.parametrize("change", [{"phase": "x"}, {"current": 9}, {"generations": [{}]}])
def test_data_of_another_version_is_refused(change: dict[str, object]) -> None:
    data = carry.dump(Story().serve().plan) | change
    with pytest.raises(ValueError, match="not the state of a master"):
        carry.load(data, {1: COMPATIBLE})


def test_who_waits_for_workers_is_answered_after_it() -> None:
    story = Story().serve()
    story.after(Asked(Meaning.SCALE, 7, 3))
    story = carried(story)
    story.after(Forked(1, 3, 103))
    assert story.after(Ready(1, 3, 103)) == [Answer(7, True, "workers=3")]
