"""The benchmark measures: one short round of it, which says nothing about speed."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.support.server import run

ROOT = Path(__file__).parents[2]


@pytest.mark.wrk
@pytest.mark.slow
@pytest.mark.usefixtures("wrk")
@pytest.mark.skipif(shutil.which("gcc") is None, reason="the floor is compiled")
def test_a_round_of_quaich_and_the_floor() -> None:
    done = run(
        [
            *(sys.executable, str(ROOT / "bench" / "run.py"), "--only", "hello,json"),
            *("--peers", "quaich,floor", "--rounds", "1", "--json", "--no-results"),
        ],
        cwd=ROOT,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    rows = {name: [row["name"] for row in each] for name, each in found["scenarios"].items()}
    # The floor answers the paths that it knows, and is not asked for others.
    assert sorted(rows["hello"]) == ["floor", "quaich"]
    assert rows["json"] == ["quaich"]
    for each in (*found["scenarios"]["hello"], *found["scenarios"]["json"]):
        assert "problem" not in each
        assert each["server_us"]["median"] > 0
        assert each["requests_per_second"]["median"] > 0
        assert each["pss_mib"] > 0


def test_an_unknown_name_is_told_before_anything_runs() -> None:
    argv = [sys.executable, str(ROOT / "bench" / "run.py"), "--no-results"]
    done = run([*argv, "--only", "helo"], cwd=ROOT, timeout=60)
    assert done.returncode == 2
    assert "--only helo: no such scenario; there are hello, json" in done.stderr
    done = run([*argv, "--peers", "uwsgy"], cwd=ROOT, timeout=60)
    assert done.returncode == 2
    assert "--peers uwsgy: no such server; there are quaich, uwsgi" in done.stderr


def test_the_corpus_over_real_connections() -> None:
    argv = [sys.executable, str(ROOT / "bench" / "conformance.py"), "--peers", "quaich"]
    done = run([*argv, "--show", "quaich"], cwd=ROOT, timeout=120)
    assert done.returncode == 0, done.stderr
    assert " | 0 | 0 | 0 | 0 | 0 |\n" in done.stdout
