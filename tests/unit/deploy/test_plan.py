"""Plans as they are printed, and what is done about one that was interrupted."""

import json

import pytest

from quaich.deploy import plan

FIRST = plan.deploy("shop", "20260102-1", plan.Facts("/srv/shop"))
LATER = plan.deploy(
    "shop", "20260102-1", plan.Facts("/srv/shop", "20260101-3", was_running=True, keep=3)
)

FIRST_TEXT = """\
deploy shop: 20260102-1
 1 build    copy /srv/shop to releases/20260102-1; make or reuse its virtual environment
            undo: remove releases/20260102-1
 2 check    import the application, check the configuration, run pre_deploy and migrate
            undo: nothing: what a migration changed in a database stays
 3 start    start 20260102-1 with one worker on a socket of its own and request its health
            undo: end it
 4 switch   current -> 20260102-1; start the server
            undo: stop the server; no release is current
 5 nginx    write the site, nginx -t, reload, and see that it answers
            undo: remove the site from nginx; reload it
 6 finish   wait for the old workers, run post_deploy, keep 5 releases
"""
ROLLBACK_TEXT = """\
rollback shop: 20260101-3 (now 20260102-1)
 1 start    start 20260101-3 with one worker on a socket of its own and request its health
            undo: end it
 2 switch   current -> 20260101-3; reload the server
            undo: current -> 20260102-1; reload the server, if it was reloaded
 3 finish   wait for the old workers, run post_deploy, keep 5 releases
"""


def test_the_first_deployment() -> None:
    assert plan.as_text(FIRST) == FIRST_TEXT


def test_a_later_one_goes_back_to_what_served() -> None:
    text = plan.as_text(LATER)
    assert text.startswith("deploy shop: 20260102-1 (now 20260101-3)\n")
    assert "undo: current -> 20260101-3; reload the server, if it was reloaded" in text
    assert "undo: put back the configuration of 20260101-3; reload nginx" in text
    assert text.endswith("keep 3 releases\n")


def test_a_rollback_builds_nothing() -> None:
    facts = plan.Facts(previous="20260102-1", has_nginx=False)
    assert plan.as_text(plan.rollback("shop", "20260101-3", facts)) == ROLLBACK_TEXT


def test_what_is_staged_changes_nothing_that_serves() -> None:
    made = plan.deploy("shop", "r", plan.Facts(stage=True))
    assert [each.name for each in made.steps] == ["build", "check", "start"]


@pytest.mark.parametrize("made", [FIRST, LATER, plan.destroy("shop", "r")])
def test_a_plan_survives_the_journal(made: plan.Plan) -> None:
    assert plan.from_data(json.loads(json.dumps(plan.to_data(made)))) == made


@pytest.mark.parametrize(
    ("begun", "undone"),
    [
        (["build"], [plan.FORGET]),
        (["build", "check"], [plan.END_TRIAL, plan.FORGET]),
        (["build", "check", "start"], [*[plan.END_TRIAL] * 2, plan.FORGET]),
        (["build", "check", "start", "switch"], [plan.RESTORE, *[plan.END_TRIAL] * 2, plan.FORGET]),
        (
            ["build", "check", "start", "switch", "nginx"],
            [plan.NGINX_BACK, plan.RESTORE, *[plan.END_TRIAL] * 2, plan.FORGET],
        ),
    ],
)
def test_what_was_begun_is_taken_back_the_last_first(begun: list[str], undone: list[str]) -> None:
    assert [each.undo for each in plan.undoing(LATER, begun)] == undone
    assert not plan.is_decided(LATER, begun)


def test_what_had_nothing_before_it_is_taken_away() -> None:
    begun = ["build", "check", "start", "switch", "nginx"]
    undone = [each.undo for each in plan.undoing(FIRST, begun)]
    assert undone == [plan.NGINX_AWAY, plan.HALT, *[plan.END_TRIAL] * 2, plan.FORGET]


def test_from_finish_on_it_is_completed() -> None:
    assert plan.is_decided(LATER, ["build", "check", "start", "switch", "nginx", "finish"])
    assert plan.is_decided(plan.destroy("shop", "r"), ["finish"])
