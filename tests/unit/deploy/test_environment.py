"""What an environment is made of, and when it is another one."""

import os
import sys
from pathlib import Path

import pytest

from quaich.deploy import environment
from quaich.deploy.faults import ApplicationFault

needs_toml = pytest.mark.skipif(sys.version_info < (3, 11), reason="TOML needs Python 3.11")


def recipe(app: Path, wheel: str = "", house: str = "") -> environment.Recipe:
    return environment.recipe(str(app), wheel, "", house)


def test_nothing_is_needed(tmp_path: Path) -> None:
    found = recipe(tmp_path)
    assert (found.kind, found.items) == ("nothing", ())
    assert found.version == ".".join(map(str, sys.version_info[:3]))
    assert os.path.exists(found.python)


def test_every_file_of_requirements_counts(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("-r parts/more.txt\n--constraint=limits.txt\na\n")
    with pytest.raises(ApplicationFault, match=r"^requirements: parts/more\.txt: there is no such"):
        recipe(tmp_path)
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "more.txt").write_text("b\n-r ../requirements.txt\n")
    (tmp_path / "limits.txt").write_text("c<2\n")
    first = recipe(tmp_path)
    assert first == recipe(tmp_path)
    assert first.kind == "requirements"
    (tmp_path / "limits.txt").write_text("c<3\n")
    assert recipe(tmp_path).hash != first.hash
    (tmp_path / "other.py").write_text("x")
    assert recipe(tmp_path).hash == recipe(tmp_path).hash


def test_the_wheelhouse_counts(tmp_path: Path) -> None:
    house = tmp_path / "house"
    with pytest.raises(ApplicationFault, match="there is no such directory"):
        recipe(tmp_path, house=str(house))
    house.mkdir()
    (house / "a.whl").write_text("1")
    first = recipe(tmp_path, house=str(house)).hash
    (house / "a.whl").write_text("22")
    assert recipe(tmp_path, house=str(house)).hash != first


def test_a_wheel_counts_by_its_contents(tmp_path: Path) -> None:
    wheel = tmp_path / "a.whl"
    wheel.write_bytes(b"1")
    first = recipe(tmp_path, str(wheel))
    assert (first.kind, first.items) == ("wheel", (str(wheel),))
    wheel.write_bytes(b"2")
    assert recipe(tmp_path, str(wheel)).hash != first.hash


@needs_toml
def test_a_project_needs_what_it_says(tmp_path: Path) -> None:
    project = tmp_path / "pyproject.toml"
    project.write_text('[project]\nname = "x"\ndependencies = ["a<2", "b"]\n')
    found = recipe(tmp_path)
    assert (found.kind, found.items) == ("packages", ("a<2", "b"))
    project.write_text('[project]\nname = "y"\ndependencies = ["a<2", "b"]\n')
    assert recipe(tmp_path).hash == found.hash
    project.write_text('[project]\nname = "x"\n')
    assert recipe(tmp_path).kind == "nothing"
    project.write_text('[project]\ndynamic = ["dependencies"]\n')
    with pytest.raises(ApplicationFault, match="its dependencies are dynamic"):
        recipe(tmp_path)
    project.write_text("[project\n")
    with pytest.raises(ApplicationFault, match=r"^pyproject\.toml:1: malformed"):
        recipe(tmp_path)


def test_a_lock_needs_uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "uv.lock").write_text("version = 1\n")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ApplicationFault, match=r"^uv\.lock: uv is not on the PATH"):
        recipe(tmp_path)


def test_a_python_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ApplicationFault, match="python: pythonx: there is no such program"):
        environment.recipe(str(tmp_path), "", "pythonx", "")
    with pytest.raises(ApplicationFault, match="is no Python"):
        environment.recipe(str(tmp_path), "", "false", "")
