"""A process that activates an environment looks like that environment's own python."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

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


def test_an_environment_of_another_python(tmp_path: Path) -> None:
    (tmp_path / "old" / "lib" / "python3.4" / "site-packages").mkdir(parents=True)
    assert complaint(tmp_path, "old") == (
        "site.ini:7: virtualenv = old: the environment is for python3.4, and quaich runs on "
        f"{VERSION}; make it again with {VERSION}, or install quaich for python3.4"
    )


def test_what_is_no_environment(tmp_path: Path) -> None:
    assert "there is no such directory" in complaint(tmp_path, "nowhere")
    (tmp_path / "empty").mkdir()
    assert "not a virtual environment" in complaint(tmp_path, "empty")
