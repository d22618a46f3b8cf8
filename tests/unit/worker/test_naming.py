"""The names of processes, as uWSGI 2.0.31 composes them."""

import subprocess
import sys

import pytest

from quaich.config.effective import Config
from quaich.worker import naming
from quaich.worker.naming import MASTER, name_of, show, worker
from tests.support.server import environment


@pytest.mark.parametrize(
    ("options", "master", "first"),
    [
        ({}, None, None),
        ({"auto_procname": True}, "uWSGI master", "uWSGI worker 1"),
        (
            {"auto_procname": True, "procname_prefix": "pp"},
            "ppuWSGI master",
            "ppuWSGI worker 1",
        ),
        ({"procname_prefix_spaced": "pp"}, "pp uWSGI master", "pp uWSGI worker 1"),
        ({"procname_append": "tail"}, "uWSGI mastertail", "uWSGI worker 1tail"),
        ({"procname": "xx"}, "xx", "xx"),
        (
            {
                "procname": "xx",
                "procname_master": "mm",
                "procname_append": "tail",
                "procname_prefix": "pp-",
            },
            "pp-mmtail",
            "pp-xxtail",
        ),
    ],
)
def test_names(options: dict[str, object], master: str | None, first: str | None) -> None:
    config = Config(**options)  # type: ignore[arg-type]
    assert name_of(config, MASTER) == master
    assert name_of(config, worker(1)) == first


def test_only_a_name_that_was_asked_for_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(naming, "set_title", shown.append)
    show(Config(), worker(1))
    show(Config(auto_procname=True), worker(1))
    assert shown == ["uWSGI worker 1"]


SHOW = """
import os, sys
from quaich.sys.title import set_title
assert set_title(sys.argv[1])
line = open("/proc/self/cmdline", "rb").read().rstrip(b"\\0")
short = open("/proc/self/comm", "rb").read().strip()
os.write(1, b"|".join([line, short, os.environb[b"KEPT"]]))
"""


@pytest.mark.parametrize("title", ["a name", "ü" * 2000, "x"])
def test_a_title_is_shown_as_far_as_there_is_room(title: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SHOW, title],
        env=environment({"KEPT": "kept"}),
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    shown, short, kept = done.stdout.decode(errors="replace").split("|")
    assert title.startswith(shown.rstrip("\ufffd"))
    assert len(shown) > 0
    assert short.startswith(title[:5])
    assert kept == "kept"
