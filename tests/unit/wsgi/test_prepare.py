"""What is set up before an application is imported: in this process, which is put back after."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from quaich.config.effective import Config
from quaich.errors import LoadError
from quaich.wsgi import virtualenv
from quaich.wsgi.loader import prepare
from tests.unit.wsgi.test_virtualenv import make


@pytest.fixture(autouse=True)
def put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "argv", [*sys.argv])
    for name in ("stdout", "stderr", "__stdout__", "__stderr__"):
        monkeypatch.setattr(sys, name, getattr(sys, name))
    for name in ("prefix", "exec_prefix", "executable"):
        monkeypatch.setattr(sys, name, getattr(sys, name))
    before = dict(os.environ)
    modules = set(sys.modules)
    yield
    os.environ.clear()
    os.environ.update(before)
    for name in set(sys.modules) - modules:
        del sys.modules[name]
    sys.path_importer_cache.clear()


def test_everything_in_its_order(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    os.environ["UNWANTED"] = "1"
    config = prepare(
        Config(
            chdir="site",
            env=("WANTED=a=b", "UNWANTED"),
            pyargv="one two",
            py_executable="/opt/python",
            pythonpath=("lib*", "/nowhere"),
            ini_paste="site.ini",
            ini_paste_logged="logged.ini",
        )
    )
    assert config.ini_paste == str(tmp_path / "site.ini")
    assert config.ini_paste_logged == str(tmp_path / "logged.ini")
    assert Path.cwd() == tmp_path / "site"
    assert os.environ["WANTED"] == "a=b"
    assert "UNWANTED" not in os.environ
    assert sys.argv == ["uwsgi", "one", "two"]
    assert sys.executable == "/opt/python"
    assert sys.path[:3] == ["/nowhere", "lib*", "."]
    assert sys.stdout.fileno() == sys.stderr.fileno() == 2


def test_nothing_that_was_not_asked_for() -> None:
    out = sys.stdout
    config = Config()
    assert prepare(config, to_log=False) == config
    assert sys.stdout is out
    assert sys.argv == ["uwsgi"]


@pytest.mark.parametrize(("places", "start"), [((("chdir", "a.ini:3"),), "a.ini:3: "), ((), "")])
def test_no_such_directory(places: tuple[tuple[str, str], ...], start: str) -> None:
    with pytest.raises(LoadError) as caught:
        prepare(Config(chdir="nowhere", places=places))
    assert str(caught.value) == f"{start}chdir = nowhere: no such file or directory"


@pytest.mark.parametrize("system", [False, True])
@pytest.mark.parametrize("user", [False, True])
def test_an_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: bool, user: bool
) -> None:
    home = make(tmp_path, system)
    if system:
        (home / "bin" / "python").unlink()
    monkeypatch.setattr("site.ENABLE_USER_SITE", user)
    monkeypatch.setattr("site.getusersitepackages", lambda: str(tmp_path / "none"))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:")
    executable = sys.executable
    prepare(Config(virtualenv=str(home)), to_log=False)
    packages = str(home / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}")
    assert f"{packages}/site-packages" in sys.path
    assert str(tmp_path / "linked") in sys.path
    assert str(tmp_path) in sys.path
    assert sys.executable == (executable if system else str(home / "bin" / "python"))
    if not system:
        assert sys.prefix == sys.exec_prefix == str(home)


def test_an_environment_that_is_this_one_already() -> None:
    if sys.prefix == sys.base_prefix:
        pytest.skip("not in an environment")
    before = [*sys.path]
    virtualenv.activate(sys.prefix)
    assert sys.path == before


@pytest.mark.parametrize("text", [None, "include-system-site-packages = TRUE\n", "home = /usr\n"])
def test_what_an_environment_says_of_the_system(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "pyvenv.cfg").write_text(text)
    assert virtualenv._sees_system(str(tmp_path)) is (text is not None and "TRUE" in text)


def test_what_cannot_be_activated(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"^a\.ini:1: virtualenv = .*there is no such directory"):
        virtualenv.activate(str(tmp_path / "none"), "a.ini:1")
    with pytest.raises(LoadError, match=r"^virtualenv = .*not a virtual environment"):
        virtualenv.activate(str(tmp_path))
    for version, complaint in (("2.7", "too old|newer Python"), ("3.99", "cannot be executed")):
        home = tmp_path / version
        (home / "lib" / f"python{version}" / "site-packages").mkdir(parents=True)
        with pytest.raises(LoadError, match=complaint):
            virtualenv.activate(str(home))
    (home / "bin").mkdir()
    (home / "bin" / "python3").write_text("")
    (home / "bin" / "python3").chmod(0o755)
    with pytest.raises(LoadError, match=r"the environment is run by .*/bin/python3, and this is"):
        virtualenv.activate(str(home))
