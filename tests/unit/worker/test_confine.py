"""Taking another root: what is imported before, and what is said where it is refused."""

import importlib
import importlib.util
import os
import sys
from pathlib import Path

import pytest

from quaich.errors import QuaichError
from quaich.worker import confine
from tests.support.logs import Lines

NEEDED = confine._NEEDED


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confine, "_NEEDED", ("colorsys", "no_such_module_of_ours"))
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)


@pytest.mark.parametrize("library", [True, False])
def test_what_is_needed_is_there_before(
    library: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[object] = []
    monkeypatch.setattr(os, "chroot", lambda path: done.append((path, "colorsys" in sys.modules)))
    monkeypatch.setattr(os, "chdir", done.append)
    monkeypatch.setattr(os.path, "isdir", lambda path: library)
    log = Lines()
    confine.enter("/jail", "site.ini:3", log)
    assert done == [("/jail", True), "/"]
    if library:
        assert not log.lines
    else:
        [line] = log.lines
        assert line.startswith("warning: site.ini:3: chroot = /jail: there is no ")


@pytest.mark.parametrize(
    ("error", "place", "said"),
    [
        (
            PermissionError(1, "Operation not permitted"),
            "a:3",
            "a:3: chroot = /jail: operation not permitted; only root can change the root directory",
        ),
        (
            FileNotFoundError(2, "No such file or directory"),
            "",
            "chroot = /jail: no such file or directory",
        ),
        (OSError("what"), "", "chroot = /jail: what"),
    ],
)
def test_what_is_refused(
    error: OSError, place: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str) -> None:
        raise error

    monkeypatch.setattr(os, "chroot", refuse)
    with pytest.raises(QuaichError) as caught:
        confine.enter("/jail", place, Lines())
    assert str(caught.value) == said


def test_the_names_are_those_of_modules() -> None:
    """One that is mistyped would be passed over in silence."""
    gone_since = {"cgitb"}
    missing = []
    for name in NEEDED:
        package, dot, _ = name.rpartition(".")
        if dot:
            importlib.import_module(package)
        if importlib.util.find_spec(name) is None:
            missing.append(name)
    assert set(missing) <= gone_since
