"""A process that activates an environment looks like that environment's own python."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from quaich.errors import LoadError
from quaich.wsgi import virtualenv
from tests.support.server import environment

VERSION = f"python{sys.version_info[0]}.{sys.version_info[1]}"

SHOW = """
import json, os, sys
def installed(name):
    try:
        __import__(name)
    except ImportError:
        return False
    return True
answer = {
    "path": [p for p in sys.path if p],
    "prefix": sys.prefix,
    "exec_prefix": sys.exec_prefix,
    "base_prefix": sys.base_prefix,
    "executable": sys.executable,
    "installed": [n for n in ("only_here", "from_pth", "ran_by_pth", "pytest") if installed(n)],
}
os.write(1, json.dumps(answer).encode())
"""

ACTIVATE = """
import sys
from quaich.wsgi.virtualenv import activate
activate(sys.argv[1], "site.ini:7")
import quaich.net.address
"""


def make(directory: Path, system: bool = False) -> Path:
    """A small environment, as ``python -m venv --without-pip`` makes it, with something in it."""
    home = directory / "env"
    packages = home / "lib" / VERSION / "site-packages"
    packages.mkdir(parents=True)
    (home / "bin").mkdir()
    base = Path(sys.base_prefix) / "bin" / VERSION
    (home / "bin" / "python").symlink_to(base)
    (home / "pyvenv.cfg").write_text(
        f"home = {base.parent}\ninclude-system-site-packages = {str(system).lower()}\n"
    )
    (packages / "only_here.py").write_text("")
    (directory / "linked").mkdir()
    (directory / "linked" / "from_pth.py").write_text("")
    (packages / "a.pth").write_text(
        f"{directory / 'linked'}\nimport sys; sys.modules['ran_by_pth'] = sys\n"
    )
    return home


def run(argv: list[str], directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv,
        cwd=directory,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


@pytest.mark.parametrize("system", [False, True])
def test_it_looks_like_the_environments_own_python(tmp_path: Path, system: bool) -> None:
    home = make(tmp_path, system)
    done = run([sys.executable, "-c", ACTIVATE + SHOW, str(home)], tmp_path)
    assert done.returncode == 0, done.stderr
    ours = json.loads(done.stdout)
    theirs = json.loads(run([str(home / "bin" / "python"), "-c", SHOW], tmp_path).stdout)
    assert ours == theirs
    assert ours["prefix"] == str(home)
    assert ours["installed"][:3] == ["only_here", "from_pth", "ran_by_pth"]


def test_a_relative_directory(tmp_path: Path) -> None:
    home = make(tmp_path)
    done = run([sys.executable, "-c", ACTIVATE + SHOW, "env"], tmp_path)
    assert json.loads(done.stdout)["prefix"] == str(home)


def test_an_old_environment_without_its_file(tmp_path: Path) -> None:
    home = make(tmp_path)
    (home / "pyvenv.cfg").unlink()
    done = run([sys.executable, "-c", ACTIVATE + SHOW, str(home)], tmp_path)
    assert json.loads(done.stdout)["prefix"] == str(home)


def complaint(directory: Path, name: str) -> str:
    done = run([sys.executable, "-c", ACTIVATE, name], directory)
    assert done.returncode == 1
    return done.stderr.splitlines()[-1].partition("LoadError: ")[2]


def other(directory: Path, version: str) -> str:
    name = f"env{version}"
    (directory / name / "lib" / f"python{version}" / "site-packages").mkdir(parents=True)
    (directory / name / "bin").mkdir()
    return name


def test_an_environment_of_a_python_that_is_too_old(tmp_path: Path) -> None:
    assert complaint(tmp_path, other(tmp_path, "3.4")) == (
        "site.ini:7: virtualenv = env3.4: the environment is for Python 3.4; quaich needs 3.10 or "
        "newer: make it again with a newer Python"
    )


def test_the_interpreter_of_an_environment_of_another_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = other(tmp_path, "3.99")
    with pytest.raises(LoadError, match=r"a: virtualenv = env3.99: its bin/python3.99 cannot be"):
        virtualenv.interpreter(name, "a")
    for python in ("python", "python3.99"):
        (tmp_path / name / "bin" / python).symlink_to("/bin/true")
        assert virtualenv.interpreter(name) == str(tmp_path / name / "bin" / python)
    assert complaint(tmp_path, name) == (
        f"site.ini:7: virtualenv = env3.99: the environment is run by "
        f"{tmp_path}/env3.99/bin/python3.99, and this is {VERSION}"
    )


def test_an_environment_of_this_python_needs_no_other_interpreter(tmp_path: Path) -> None:
    assert virtualenv.interpreter(str(make(tmp_path))) is None


def test_what_is_no_environment(tmp_path: Path) -> None:
    assert "there is no such directory" in complaint(tmp_path, "nowhere")
    (tmp_path / "empty").mkdir()
    assert "not a virtual environment" in complaint(tmp_path, "empty")
