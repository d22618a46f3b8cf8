"""The version line, and how little it takes to print it."""

import re
import subprocess
import sys
from importlib.machinery import ModuleSpec

import pytest

from quaich.cli import version


def test_the_line() -> None:
    assert re.fullmatch(
        r"quaich \d+\.\d+\.\d+ \((un)?compiled\) Python 3\.\d+\.\d+ \w+", version.describe()
    )


@pytest.mark.parametrize(
    ("origin", "compiled"),
    [
        ("/x/http1.cpython-311-x86_64-linux-gnu.so", True),
        ("/x/http1.py", False),
        (None, False),
    ],
)
def test_compiled_or_not(
    monkeypatch: pytest.MonkeyPatch, origin: str | None, compiled: bool
) -> None:
    spec = ModuleSpec("quaich.wire.http1", None, origin=origin)
    monkeypatch.setattr(version, "find_spec", lambda name: spec)
    assert version.is_compiled() is compiled


def test_a_missing_request_path_is_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version, "find_spec", lambda name: None)
    assert version.is_compiled() is False


def test_nothing_is_imported_that_is_not_needed() -> None:
    script = (
        "import sys\n"
        "from quaich.cli.main import main\n"
        "main(['quaich', '--version'])\n"
        "print(*sorted(sys.modules), file=sys.stderr)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    loaded = set(run.stderr.split())
    assert run.stdout.startswith("quaich ")
    assert not loaded & {
        "dataclasses",
        "inspect",
        "json",
        "socket",
        "argparse",
        "quaich.config.kinds",
    }
    assert not {name for name in loaded if name.startswith("quaich.config.options")}
