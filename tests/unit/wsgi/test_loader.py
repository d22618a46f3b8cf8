import json
import logging
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from quaich.config.effective import Config
from quaich.errors import LoadError
from quaich.wsgi.loader import load
from tests.support.server import environment

APPLICATION = "def application(environ, start_response): return []\n"


class Site:
    """A directory of modules that is the current one."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def write(self, name: str, text: str = APPLICATION) -> str:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return name

    def fails(self, **options: object) -> LoadError:
        options.setdefault(
            "places", tuple((name.replace("_", "-"), "site.ini:4") for name in options)
        )
        with pytest.raises(LoadError) as caught:
            load(Config(**options))  # type: ignore[arg-type]
        assert caught.value.status == 22
        assert "\n" not in str(caught.value)
        return caught.value


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [".", *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield Site(tmp_path)
    for name in set(sys.modules) - before:
        del sys.modules[name]
    sys.path_importer_cache.clear()


def test_the_default_callable_of_a_module(site: Site) -> None:
    site.write("shop.py")
    apps = load(Config(module="shop"))
    assert apps.default is sys.modules["shop"].application
    assert apps.mounts == ()


@pytest.mark.parametrize(
    ("module", "callable_name"),
    [
        ("shop", "app"),
        ("shop:app", None),
        ("shop:app", "other"),
        ("shop:holder.inner.app", None),
        ("shop:create()", None),
        ("shop:holder.create()", None),
        ("pkg.shop:app", None),
    ],
)
def test_a_named_callable(site: Site, module: str, callable_name: str | None) -> None:
    text = """
        def app(environ, start_response): return []
        def create(): return app
        class holder:
            class inner: pass
            @staticmethod
            def create(): return app
        holder.inner.app = app
    """
    site.write("shop.py", text)
    site.write("pkg/__init__.py", "")
    site.write("pkg/shop.py", text)
    apps = load(Config(module=module, callable=callable_name))
    assert apps.default is sys.modules[module.partition(":")[0]].app


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("w.py", "uwsgi_file_w"),
        ("app/w.py", "uwsgi_file_app_w"),
        ("./a.b/z.py", "uwsgi_file___a_b_z"),
        ("a.b/x.y.wsgi", "uwsgi_file_a_b_x_y_wsgi"),
        ("noext", "uwsgi_file_noext"),
    ],
)
def test_a_file_is_a_module_with_the_name_that_uwsgi_gives_it(
    site: Site, path: str, name: str
) -> None:
    site.write(path)
    apps = load(Config(wsgi_file=path))
    assert apps.default is sys.modules[name].application
    assert sys.modules[name].__file__ == os.path.abspath(path)


def test_mounts_are_longest_first_and_the_first_is_the_default(site: Site) -> None:
    site.write("a.py")
    site.write("b.py")
    site.write("c.wsgi")
    apps = load(Config(mount=("/b=b:application", "/b/long/=a.py", "/c=c.wsgi")))
    assert [point for point, _ in apps.mounts] == ["/b/long", "/b", "/c"]
    assert apps.default is sys.modules["b"].application
    assert apps.root is None


def test_the_root_mount_is_the_default(site: Site) -> None:
    site.write("a.py")
    site.write("b.py")
    apps = load(Config(mount=("/b=b", "/=a.py")))
    assert apps.default is sys.modules["uwsgi_file_a"].application
    assert [point for point, _ in apps.mounts] == ["/b"]


def test_a_module_wins_over_a_file_as_the_default(site: Site) -> None:
    site.write("a.py")
    site.write("b.py")
    apps = load(Config(module="a", wsgi_file="b.py"))
    assert apps.default is sys.modules["a"].application


def test_a_dictionary_of_applications(site: Site) -> None:
    site.write(
        "several.py",
        """
        def one(environ, start_response): return []
        def two(environ, start_response): return []
        applications = {b"/": one, b"/two": b"two"}
        """,
    )
    apps = load(Config(module="several"))
    module = sys.modules["several"]
    assert apps.default is module.one
    assert apps.mounts == (("/two", module.two),)


def test_a_dictionary_of_something_else_is_none_of_applications(site: Site) -> None:
    site.write("shop.py", APPLICATION + "applications = {1: 'INSTALLED'}\n")
    assert load(Config(module="shop")).mounts == ()


def test_nothing_to_load(site: Site) -> None:
    assert "no application given" in str(site.fails())


def test_a_module_that_does_not_exist(site: Site) -> None:
    site.write("shop.py")
    error = site.fails(module="shpo")
    assert str(error) == (
        f"site.ini:4: module = shpo: no module named 'shpo' (looked in {site.directory} "
        "and the packages of Python); did you mean shop?"
    )
    assert error.detail == ""
    assert "no module named 'nosuch.deep'" not in str(site.fails(module="nosuch.deep"))


def test_a_submodule_that_does_not_exist(site: Site) -> None:
    site.write("pkg/__init__.py", "")
    assert "no module named 'pkg.nosuch'" in str(site.fails(module="pkg.nosuch"))


def test_a_module_that_imports_what_does_not_exist(site: Site) -> None:
    site.write("shop.py", "import flaskk\n")
    error = site.fails(module="shop")
    assert "shop: ModuleNotFoundError: No module named 'flaskk'" in str(error)
    assert str(error).endswith("shop.py:1)")
    assert "import flaskk" in error.detail


def test_a_module_that_imports_itself_in_vain_is_not_called_missing(site: Site) -> None:
    site.write("shop.py", "import shop.part\n")
    assert "not a package" in str(site.fails(module="shop"))


def test_a_module_that_raises(site: Site) -> None:
    site.write("shop.py", "import helper\n")
    site.write("helper.py", "def f():\n    return 1 / 0\nf()\n")
    error = site.fails(module="shop")
    assert str(error).startswith("site.ini:4: module = shop: ZeroDivisionError: division by zero (")
    assert str(error).endswith("helper.py:2)")
    lines = error.detail.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert "shop.py" in lines[1]
    assert "importlib" not in error.detail
    assert "loader.py" not in error.detail


def test_a_file_that_raises_leaves_no_module(site: Site) -> None:
    site.write("w.py", "1 / 0\n")
    error = site.fails(wsgi_file="w.py")
    assert "wsgi-file = w.py: ZeroDivisionError" in str(error)
    assert "uwsgi_file_w" not in sys.modules


def test_a_syntax_error(site: Site) -> None:
    site.write("shop.py", "def application(:\n")
    error = site.fails(module="shop")
    assert "SyntaxError" in str(error)
    assert str(error).endswith("shop.py:1)")


def test_a_module_that_exits(site: Site) -> None:
    site.write("shop.py", "import sys\nsys.exit(3)\n")
    assert "module = shop: SystemExit: 3" in str(site.fails(module="shop"))


@pytest.mark.parametrize("name", ["KeyboardInterrupt", "GeneratorExit", "BaseException"])
def test_what_is_no_ordinary_error_is_one_of_the_application(site: Site, name: str) -> None:
    site.write("shop.py", f"raise {name}")
    assert f"module = shop: {name}" in str(site.fails(module="shop"))


def test_what_ends_the_start_is_not_the_applications(site: Site) -> None:
    site.write("shop.py", "from quaich.master.run import _Interrupted\nraise _Interrupted")
    with pytest.raises(BaseException, match=r"^$") as caught:
        load(Config(module="shop"))
    assert type(caught.value).__name__ == "_Interrupted"


def test_a_callable_that_is_missing(site: Site) -> None:
    site.write(
        "shop.py",
        """
        from collections import OrderedDict
        from os.path import join
        class Site:
            def __call__(self, environ, start_response): return []
        def make_app(): pass
        app = Site()
        _hidden = app
        name = 'shop'
        """,
    )
    text = str(site.fails(module="shop"))
    assert "there is no 'application' in " in text
    assert text.endswith("; it has app, Site, make_app") or "it has app, make_app, Site" in text
    site.write("empty.py", "")
    assert str(site.fails(wsgi_file="empty.py")).endswith("; it defines no callable")


def test_what_is_not_callable(site: Site) -> None:
    site.write("shop.py", "application = 'shop'\ndef make(): return 1\n")
    text = str(site.fails(module="shop"))
    assert "'application' is of type str; expected a callable; it has make" in text
    assert "make() returned a int" in str(site.fails(module="shop:make()"))


def test_a_factory_that_raises(site: Site) -> None:
    site.write("shop.py", "def make(): raise KeyError('DATABASE')\n")
    error = site.fails(module="shop:make()")
    assert "KeyError: 'DATABASE'" in str(error)
    assert "in make" in error.detail


@pytest.mark.parametrize("name", ["make(1)", "a-b", "a..b", "__import__('os').system('true')"])
def test_a_callable_is_a_name_and_not_an_expression(site: Site, name: str) -> None:
    site.write("shop.py")
    assert "is not a callable's name" in str(site.fails(module=f"shop:{name}"))


def test_a_file_given_as_a_module(site: Site) -> None:
    site.write("shop.py")
    assert "for a file use wsgi-file" in str(site.fails(module="./shop.py"))


def test_a_file_that_does_not_exist(site: Site) -> None:
    site.write("shop.py")
    text = str(site.fails(wsgi_file="shp.py"))
    assert text == (
        f"site.ini:4: wsgi-file = shp.py: there is no such file (in {site.directory}); "
        "did you mean shop.py?"
    )
    assert "not a file" in str(site.fails(wsgi_file="."))


@pytest.mark.parametrize("mount", ["/x", "/x=", "x=x", "=x"])
def test_a_mount_that_is_none(site: Site, mount: str) -> None:
    site.write("x.py")
    if mount == "=x":
        assert load(Config(mount=(mount,))).default
    else:
        assert "expected /path=application" in str(site.fails(mount=(mount,)))


def test_one_application_of_two_may_fail_only_in_the_compatible_door(site: Site) -> None:
    site.write("shop.py")
    apps = load(Config(module="shop", mount=("/x=nosuch",)))
    assert apps.mounts == ()
    assert "mount = /x = nosuch" in str(apps.failed[0])
    with pytest.raises(LoadError, match="nosuch"):
        load(Config(module="shop", mount=("/x=nosuch",), door="modern"))


def test_without_a_default_application(site: Site) -> None:
    site.write("a.py")
    site.write("b.py")
    apps = load(Config(module="a", mount=("/b=b",), no_default_app=True))
    assert apps.default is None
    assert apps.root is sys.modules["a"].application
    assert load(Config(mount=("/b=b",), no_default_app=True)).default is None


def test_a_file_of_any_extension_and_a_callable_behind_it(site: Site) -> None:
    site.write("app.txt", "def serve(environ, start_response): return []\n")
    site.write("app.py")
    assert load(Config(wsgi_file="app.txt", callable="serve")).default
    assert load(Config(wsgi_file="app.txt:serve")).default
    assert not (site.directory / "__pycache__").exists()


def test_code_in_the_configuration(site: Site) -> None:
    apps = load(Config(eval="def application(environ, start_response): return [b'x']"))
    assert apps.default is sys.modules["uwsgi_eval_config"].application
    error = site.fails(eval="import nosuch")
    assert "ModuleNotFoundError: No module named 'nosuch' (uwsgi_eval_config:1)" in str(error)
    assert "quaich" not in error.detail


def test_imports_come_before_the_application(site: Site) -> None:
    site.write("first.py", "import sys; sys.seen = ['first']")
    site.write("sub/second.py", "import sys; sys.seen.append('second')")
    site.write("shop.py", "import sys; assert len(sys.seen) == 2\n" + APPLICATION)
    apps = load(Config(module="shop", imports=("first", "sub/second.py")))
    assert apps.default
    assert apps.failed == ()


def test_an_import_that_fails_is_fatal_only_in_the_modern_door(site: Site) -> None:
    site.write("shop.py")
    apps = load(Config(module="shop", imports=("nosuch",)))
    assert "import = nosuch: no module named 'nosuch'" in str(apps.failed[0])
    with pytest.raises(LoadError, match="nosuch"):
        load(Config(module="shop", imports=("nosuch",), door="modern"))


def test_a_module_under_another_name(site: Site) -> None:
    site.write("real.py", "x = 1\n")
    site.write("shop.py", "import first, second\nassert first.x and second.x\n" + APPLICATION)
    assert load(Config(module="shop", pymodule_alias=("first=real", "second=./real.py"))).default


def test_keys_in_bytes_go_before_a_callable_and_must_make_sense(site: Site) -> None:
    site.write("shop.py", "def one(e, s): return []\napplications = {b'/a': b'one', b'': one}\n")
    apps = load(Config(module="shop:nosuch"))
    assert [point for point, _ in apps.mounts] == ["/a"]
    site.write("shop2.py", APPLICATION + "applications = {b'/a': 3}\n")
    assert "applications['/a'] is of type int" in str(site.fails(module="shop2"))
    site.write("shop3.py", APPLICATION + "applications = {'/a': application}\n")
    assert load(Config(module="shop3:application")).mounts == ()


def test_what_paste_needs(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "paste.deploy", None)
    site.write("site.ini", "[app:main]\nuse = call:shop:make\n")
    text = str(site.fails(paste="site.ini"))
    assert "PasteDeploy is not installed for " in text
    assert text.endswith('pip install "quaich[paste]"')


def test_a_paste_file(site: Site) -> None:
    pytest.importorskip("paste.deploy")
    site.write("shop.py", "def make(world, **own):\n    return lambda e, s: [own['name']]\n")
    site.write(
        "site.ini",
        """
        [app:main]
        use = call:shop:make
        name = main

        [app:other]
        use = call:shop:make
        name = other
        """.replace("        ", ""),
    )
    full = f"config:{site.directory}/site.ini"
    for options in ({"paste": "site.ini"}, {"paste": full}, {"ini_paste": "site.ini"}):
        apps = load(Config(**options))  # type: ignore[arg-type]
        assert apps.default
        assert apps.default({}, None) == ["main"]
    apps = load(Config(mount=("/other=site.ini#other", "/main=site.ini")))
    assert [app({}, None) for _, app in apps.mounts] == [["other"], ["main"]]
    assert "there is no such file" in str(site.fails(paste="sit.ini"))
    assert "LookupError" in str(site.fails(paste="site.ini#nosuch"))


PREPARE = """
import json, os, sys
from quaich.config.effective import Config
from quaich.wsgi.loader import prepare
prepare(Config.from_json(sys.argv[1]))
print("to the log", file=sys.stdout)
answer = {
    "path": sys.path, "argv": sys.argv, "cwd": os.getcwd(), "prefix": sys.prefix,
    "executable": sys.executable, "environ": dict(os.environ), "modules": sorted(sys.modules),
}
os.write(1, json.dumps(answer).encode())
"""


def prepared(directory: Path, **options: object) -> dict[str, object]:
    config = Config(**options)  # type: ignore[arg-type]
    done = subprocess.run(
        [sys.executable, "-c", PREPARE, config.to_json()],
        cwd=directory,
        env=environment({"REMOVED": "1"}),
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr.endswith(b"to the log\n")
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


def test_prepare(tmp_path: Path) -> None:
    for name in ("site", "lib-a", "lib-b", "other"):
        (tmp_path / name).mkdir()
    found = prepared(
        tmp_path,
        chdir=str(tmp_path / "site"),
        pythonpath=("../lib-*", "../other", "/no/such/directory"),
        env=("KEY=a=b", "EMPTY=", "REMOVED"),
        pyargv="--settings  'a b'",
        py_executable="/opt/python",
    )
    assert found["cwd"] == str(tmp_path / "site")
    assert found["argv"] == ["uwsgi", "--settings", "'a", "b'"]
    assert found["executable"] == "/opt/python"
    path = found["path"]
    assert isinstance(path, list)
    assert path[:5] == ["/no/such/directory", "../other", "../lib-a", "../lib-b", "."]
    environ = found["environ"]
    assert isinstance(environ, dict)
    assert (environ["KEY"], environ["EMPTY"]) == ("a=b", "")
    assert "REMOVED" not in environ


def test_a_directory_that_does_not_exist(site: Site) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PREPARE, Config(chdir="/no/such").to_json()],
        env=environment(),
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert b"LoadError: chdir = /no/such: no such file or directory" in done.stderr


class Deployed:
    """Stands for PasteDeploy and Pecan, which need not be installed."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def loadapp(self, uri: str, relative_to: str) -> object:
        self.asked.append(uri)
        return lambda environ, start_response: []

    def deploy(self, path: str) -> object:
        self.asked.append(path)
        return lambda environ, start_response: []


LOGGING = """
[loggers]
keys = root
[handlers]
keys =
[formatters]
keys =
[logger_root]
level = WARNING
handlers =
"""


@pytest.mark.parametrize("option", ["paste", "ini_paste_logged", "pecan"])
def test_frameworks_that_deploy_a_file(
    site: Site, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    deployed = Deployed()
    for name in ("paste", "paste.deploy", "pecan", "pecan.deploy"):
        monkeypatch.setitem(sys.modules, name, deployed)
    handlers = [*logging.root.handlers]
    site.write("site.ini", LOGGING)
    try:
        assert callable(load(Config(**{option: "site.ini"})).default)  # type: ignore[arg-type]
    finally:
        logging.root.handlers[:] = handlers
    assert deployed.asked[0].endswith("site.ini")
    assert "there is no such file" in str(site.fails(**{option: "nosuch.ini"}))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("import nothing_such\n", "ModuleNotFoundError: No module named 'nothing_such'"),
        ("1 / 0\n", "ZeroDivisionError"),
    ],
)
def test_a_framework_that_cannot_be_imported(
    site: Site, monkeypatch: pytest.MonkeyPatch, text: str, problem: str
) -> None:
    monkeypatch.delitem(sys.modules, "pecan", raising=False)
    monkeypatch.delitem(sys.modules, "pecan.deploy", raising=False)
    site.write("pecan/__init__.py", "")
    site.write("pecan/deploy.py", text)
    site.write("config.py", "")
    assert problem in str(site.fails(pecan="config.py"))
