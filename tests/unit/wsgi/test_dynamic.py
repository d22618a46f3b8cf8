"""What a front may and may not have a server load."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from quaich.wsgi.dynamic import CHANGING, LOADING, Dynamic, Notices

APP = "def application(e, s): return [__name__]\ndef make(): return application\n"


class Site:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.errors: list[str] = []
        self.dynamic = self.limited(10)

    def limited(self, limit: int) -> Dynamic:
        directories = [str(self.directory / "apps")]
        return Dynamic(directories, limit, None, lambda error: self.errors.append(str(error)))

    def find(self, **variables: str) -> object:
        app = self.dynamic.find(variables)
        return app({}, None)[0] if app else None


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    for name in ("apps/a.py", "apps/dynpkg/__init__.py", "apps/dynpkg/b.py", "outside.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(APP)
    (tmp_path / "apps" / "link.py").symlink_to(tmp_path / "outside.py")
    yield Site(tmp_path)
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_what_is_inside(site: Site) -> None:
    assert str(site.find(UWSGI_FILE="a.py")).endswith("_apps_a")
    assert site.find(UWSGI_FILE=str(site.directory / "apps" / "a.py"))
    assert site.find(UWSGI_SCRIPT="dynpkg/b.py", UWSGI_CALLABLE="make()")
    assert site.find(UWSGI_MODULE="dynpkg.b") == "dynpkg.b"
    assert site.find(UWSGI_SCRIPT="dynpkg:make()") == "dynpkg"
    assert site.find(SCRIPT_NAME="/a") is None
    assert site.errors == []


@pytest.mark.parametrize(
    "variables",
    [
        {"UWSGI_FILE": "../outside.py"},
        {"UWSGI_FILE": "link.py"},
        {"UWSGI_FILE": "nosuch.py"},
        {"UWSGI_FILE": "."},
        {"UWSGI_FILE": "exec://id"},
        {"UWSGI_FILE": "a.py\0"},
        {"UWSGI_SCRIPT": "../outside.py"},
        {"UWSGI_MODULE": "os"},
        {"UWSGI_MODULE": "antigravity"},
        {"UWSGI_MODULE": "xml.dom"},
        {"UWSGI_MODULE": "..outside"},
        {"UWSGI_MODULE": ""},
        {"UWSGI_MODULE": "dynpkg.nosuch"},
        {"UWSGI_MODULE": "dynpkg:__builtins__.exit"},
        {"UWSGI_FILE": "a.py", "UWSGI_CALLABLE": "__builtins__.exit()"},
        {"UWSGI_FILE": "a.py", "UWSGI_CALLABLE": "nosuch"},
    ],
    ids=str,
)
def test_what_is_not(site: Site, variables: dict[str, str]) -> None:
    known = set(sys.modules)
    assert site.find(**variables) is None
    assert not {"antigravity", "outside"} & (set(sys.modules) - known)
    assert len(site.errors) == (0 if "" in variables.values() else 1)


def test_a_factory_that_was_only_imported(site: Site) -> None:
    (site.directory / "apps" / "c.py").write_text("from os import getpid\n")
    assert site.find(UWSGI_FILE="c.py", UWSGI_CALLABLE="getpid()") is None
    assert "not defined in the module" in site.errors[0]


def test_each_is_loaded_once_and_no_more_than_allowed(site: Site) -> None:
    site.dynamic = site.limited(2)
    (site.directory / "apps" / "count.py").write_text(
        f"import os\nos.write(os.open({str(site.directory / 'n')!r}, 1089), b'x')\n" + APP
    )
    for _ in range(3):
        assert site.find(UWSGI_FILE="count.py")
        assert site.find(UWSGI_FILE="bad.py") is None
        assert site.find(UWSGI_FILE="a.py") is None
    assert (site.directory / "n").read_bytes() == b"x"
    assert len(site.errors) == 2
    assert site.errors[1] == "max-apps = 2: no more are loaded for requests"
    assert os.O_APPEND | os.O_CREAT | os.O_WRONLY == 1089


def test_each_variable_is_named_once() -> None:
    said: list[str] = []
    notices = Notices(said.append, {"", "/a"}, False)
    environ = dict.fromkeys((*LOADING, *CHANGING), "x") | {"UWSGI_APPID": "/a"}
    for _ in range(3):
        notices.note(environ)
    assert len(said) == len(environ) - 1
    assert "UWSGI_FILE in a request is ignored" in said[0]
    for _ in range(2):
        notices.note({"UWSGI_APPID": "/b"})
    assert said[-1].startswith("UWSGI_APPID in a request names no mount point")
    said.clear()
    Notices(said.append, {""}, True).note(environ)
    assert len(said) == len(CHANGING)


def test_a_module_without_an_origin(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "specless", ModuleType("specless"))
    assert site.find(UWSGI_MODULE="specless") is None
    assert "no such module in the directories" in str(site.errors[0])
