"""The benchmark's tables: every scenario and every server can be measured as it says."""

import hashlib
from pathlib import Path

import pytest
from bench import answers, peers
from bench.apps import pages, scenes
from bench.peers import PEERS, QUAICH, Ask
from bench.scenarios import (
    DJANGO,
    FLASK,
    FLOOR,
    GATHERING,
    PLAIN,
    QUICK,
    QUICK_PEERS,
    SCENARIOS,
    Setup,
    body,
    chosen,
)

EVERYBODY = (QUAICH, *PEERS, *peers.floors(Path("made")))
NAMES = {each.name for each in EVERYBODY}


def test_names_are_unique_and_known() -> None:
    assert len(NAMES) == len(EVERYBODY)
    assert len({each.name for each in SCENARIOS}) == len(SCENARIOS)
    assert set(QUICK_PEERS) <= NAMES
    assert {name for each in SCENARIOS for name in each.setup.peers} <= NAMES
    assert {name for each in EVERYBODY for name in each.only} <= {s.name for s in SCENARIOS}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_quaich_takes_part_in_every_scenario(scenario) -> None:
    assert QUAICH.serves(scenario.setup, scenario.name, scenario.kind)


def test_who_serves_what() -> None:
    by_name = {each.name: each for each in EVERYBODY}
    threads, logged = Setup("threads", threads=8), Setup("logged", log=True)
    assert not by_name["bjoern"].serves(threads, "sleep", "full")
    assert not by_name["bjoern"].serves(logged, "logged", "full")
    assert not by_name["granian"].serves(Setup("x", protocol="uwsgi"), "x", "full")
    # One connection occupies it, or none is kept: idle and paced clients are not for these.
    assert by_name["uwsgi"].serves(PLAIN, "hello", "full")
    assert not by_name["uwsgi"].serves(PLAIN, "idle", "idle")
    assert not by_name["cheroot"].serves(PLAIN, "paced", "paced")
    assert by_name[FLOOR].serves(PLAIN, "paced", "paced")
    assert not by_name["gunicorn-sync"].serves(PLAIN, "paced", "paced")
    assert by_name[FLOOR].serves(PLAIN, "close", "full")
    assert not by_name[FLOOR].serves(PLAIN, "json", "full")
    assert by_name[FLOOR].serves(FLASK, "flask", "full")
    assert by_name[GATHERING].serves(PLAIN, "post10m", "full")
    assert not by_name[GATHERING].serves(PLAIN, "hello", "full")


@pytest.mark.parametrize("peer", EVERYBODY, ids=lambda each: each.name)
def test_commands_name_where_to_listen(peer, tmp_path) -> None:
    for scenario in SCENARIOS:
        if peer.serves(scenario.setup, scenario.name, scenario.kind):
            words = peer.argv(Ask(scenario.setup, 12345, tmp_path))
            where = str(tmp_path / "socket") if scenario.setup.unix else "12345"
            assert any(where in word for word in words)


def test_the_floor_calls_an_application_only_where_there_is_one(tmp_path) -> None:
    floor, gathering = peers.floors(tmp_path)
    assert floor.argv(Ask(PLAIN, 12345, tmp_path)) == [str(tmp_path / "floor"), "12345"]
    assert gathering.argv(Ask(PLAIN, 12345, tmp_path))[1:] == ["gather", "12345"]
    python, _, code, port = floor.argv(Ask(DJANGO, 12345, tmp_path))
    assert (Path(python).name, port) == ("python", "12345")
    assert f"sys.path[:0] = ['{tmp_path}', " in code
    assert "floor_wsgi.serve(django_page.application, alone.environ(), " in code


def test_chosen() -> None:
    assert [each.name for each in chosen([], False)] == [each.name for each in SCENARIOS]
    assert [each.name for each in chosen([], True)] == list(QUICK)
    assert [each.name for each in chosen(["10k", "hello"], True)] == ["hello", "10k"]
    with pytest.raises(ValueError, match="--only helo: no such scenario; there are hello, json"):
        chosen(["helo"], False)


def test_bodies() -> None:
    sent = body(65536)
    assert len(sent) == 65536
    assert len({sent[at : at + 4096] for at in range(0, 65536, 4096)}) == 16


def call(path: str, environ: dict[str, object]) -> bytes:
    found: list[str] = []
    result = scenes.application(
        {"PATH_INFO": path, **environ}, lambda status, fields: found.append(status)
    )
    reply = b"".join(result)
    assert found == ["200 OK"]
    return reply


@pytest.mark.parametrize(
    "scenario",
    [each for each in SCENARIOS if each.setup.module == "scenes" and each.name != "sleep"],
    ids=lambda each: each.name,
)
def test_the_application_answers_what_is_expected(scenario) -> None:
    if scenario.post:
        return
    reply = call(scenario.path, {})
    assert answers.judge(scenario, 200, reply) == ""


def test_a_post_is_hashed_only_when_asked() -> None:
    import io

    sent = body(204_800)
    environ = {"CONTENT_LENGTH": "204800", "wsgi.input": io.BytesIO(sent)}
    assert call("/post", environ) == b"204800"
    environ |= {"wsgi.input": io.BytesIO(sent), "QUERY_STRING": "hash"}
    assert call("/post", environ) == hashlib.sha256(sent).hexdigest().encode()
    # A body that ends early is told as it is.
    environ |= {"wsgi.input": io.BytesIO(b"x"), "QUERY_STRING": ""}
    assert call("/post", environ) == b"1"


def test_judge() -> None:
    scenario = SCENARIOS[0]
    assert answers.judge(scenario, 200, scenes.HELLO) == ""
    assert answers.judge(scenario, 500, b"oh") == "answers 500 b'oh'"
    assert answers.judge(scenario, 200, b"x") == "answers 1 octets where 11 were expected"
    assert "other octets" in answers.judge(scenario, 200, b"hello world")


def test_the_pages_have_what_a_template_must_escape() -> None:
    assert b"&amp;" in pages.PAGE
    assert pages.PAGE.count(b"<tr>") == len(pages.ROWS)
