"""Every way to name an application, with real processes: what is loaded, where, and by what Python.

The table of mount points was recorded from uWSGI 2.0.31.
"""

import json
import os
import re
import shutil
import signal
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.support import http, uwsgi
from tests.support.net import Address
from tests.support.ports import free_port
from tests.support.processes import wait_until
from tests.support.server import READY, Server, command, run

SHOW = """
    import json, os, sys

    def show(name):
        def application(environ, start_response):
            start_response("200 OK", [("Content-Type", "application/json")])
            known = {
                "app": name, "script": environ.get("SCRIPT_NAME"), "path": environ["PATH_INFO"],
                "cwd": os.getcwd(), "argv": sys.argv, "version": list(sys.version_info[:2]),
                "prefix": sys.prefix, "modules": sorted(sys.modules), "environ": dict(os.environ),
                "uwsgi": {k: v for k, v in environ.items() if k.startswith("UWSGI_")},
            }
            return [json.dumps(known).encode()]
        return application

    application = show(__name__)
    def make():
        return show("made")
"""

Serve = Callable[..., "Site"]


class Site:
    """A server of one's own, and its two addresses."""

    def __init__(self, server: Server, first: Address, second: Address) -> None:
        self.server = server
        self.http = first
        self.uwsgi = second

    def get(self, target: str = "/") -> dict[str, object]:
        return self._read(http.get(self.http, target))

    def ask(self, target: str = "/", **variables: str) -> dict[str, object]:
        return self._read(uwsgi.get(self.uwsgi, target, **variables))

    def _read(self, reply: http.Response) -> dict[str, object]:
        assert reply.status == 200, (reply.status, reply.body, self.server.log)
        found = json.loads(reply.body)
        assert isinstance(found, dict)
        return found


def write(directory: Path, **files: str) -> None:
    for name, text in files.items():
        path = directory / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))


@pytest.fixture
def serve(start: StartServer, tmp_path: Path) -> Serve:
    """Start a server in the test's directory, ready unless told that it will not be."""

    def _serve(*args: str, cwd: Path = tmp_path) -> Site:
        first, second = ("127.0.0.1", free_port()), ("127.0.0.1", free_port())
        sockets = ("--http-socket", f"127.0.0.1:{first[1]}", "--socket", f"127.0.0.1:{second[1]}")
        server = start(*sockets, *args, cwd=cwd)
        server.wait_ready()
        return Site(server, first, second)

    return _serve


MOUNTS = [
    # path; then app, SCRIPT_NAME and PATH_INFO with manage-script-name.
    ("/", "root", "", "/"),
    ("/foo", "foo", "/foo", ""),
    ("/foo/", "foo", "/foo", "/"),
    ("/foo/x", "foo", "/foo", "/x"),
    ("/foo//x", "foo", "/foo", "//x"),
    ("/fooanything", "root", "", "/fooanything"),
    ("/foo/bar", "made", "/foo/bar", ""),
    ("/foo/bar/", "made", "/foo/bar", "/"),
    ("/foo/bar/z", "made", "/foo/bar", "/z"),
    ("/foo/barz", "foo", "/foo", "/barz"),
    ("/other", "root", "", "/other"),
]


def test_mounts(serve: Serve, tmp_path: Path) -> None:
    write(tmp_path, root=SHOW, foo=SHOW, other=SHOW)
    mounts = ("--mount", "/foo=foo", "--mount", "/foo/bar=other:make()", "-w", "root")
    managed = serve(*mounts, "--manage-script-name")
    for path, app, script, rest in MOUNTS:
        over_packets = managed.ask(path)
        assert (over_packets["app"], over_packets["script"], over_packets["path"]) == (
            app,
            script,
            rest,
        ), path
        over_http = managed.get(path)
        assert (over_http["app"], over_http["script"], over_http["path"]) == (
            app,
            script,
            rest,
        ), path
    plain = serve(*mounts)
    assert plain.get("/foo/x")["app"] == "root"
    named = plain.ask("/foo/x", SCRIPT_NAME="/foo")
    assert (named["app"], named["script"], named["path"]) == ("foo", "/foo", "/foo/x")
    assert plain.ask("/", UWSGI_APPID="/foo/bar", SCRIPT_NAME="/foo")["app"] == "made"
    assert plain.ask("/", SCRIPT_NAME="/nowhere")["app"] == "root"


def test_no_default_application(serve: Serve, tmp_path: Path) -> None:
    write(tmp_path, foo=SHOW)
    site = serve("--mount", "/foo=foo.py", "--manage-script-name", "--no-default-app")
    assert site.get("/foo/x")["script"] == "/foo"
    assert http.get(site.http, "/x").status == 500


def test_several_applications_in_one_module(serve: Serve, tmp_path: Path) -> None:
    write(tmp_path, shop=SHOW + '\n    applications = {b"/a": b"make", "/b": application}\n')
    text = (tmp_path / "shop.py").read_text().replace('b"make"', "make()")
    (tmp_path / "shop.py").write_text(text)
    site = serve("-w", "shop", "--manage-script-name")
    assert site.get("/a/x")["app"] == "made"
    assert site.get("/b")["app"] == "shop"


def test_frameworks(serve: Serve, tmp_path: Path) -> None:
    pytest.importorskip("flask")
    pytest.importorskip("django")
    pytest.importorskip("bottle")
    write(
        tmp_path,
        site__flask_site="""
            from flask import Flask, request

            def create_app():
                app = Flask(__name__)

                @app.get("/where")
                def where():
                    return f"flask {request.script_root} {request.path}"

                return app
            """,
        site__django_site="""
            from django.conf import settings
            from django.core.wsgi import get_wsgi_application
            from django.http import HttpResponse
            from django.urls import path

            settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="x")

            def where(request):
                return HttpResponse(f"django {request.META['SCRIPT_NAME']} {request.path_info}")

            urlpatterns = [path("where", where)]
            application = get_wsgi_application()
            """,
        lib_one__helper="name = 'bottle'",
        site__bottle_site="""
            import bottle, helper

            application = bottle.Bottle()

            @application.get("/where")
            def where():
                return f"{helper.name} {bottle.request.script_name} {bottle.request.path}"
            """,
    )
    site = serve(
        *("--chdir", "site", "--pp", "../lib_*", "--manage-script-name", "--need-app"),
        *("--mount", "/flask=flask_site:create_app()", "--mount", "/django=django_site.py"),
        *("--wsgi-file", "bottle_site.py"),
    )
    assert http.get(site.http, "/flask/where").body == b"flask /flask /where"
    assert http.get(site.http, "/django/where").body == b"django /django /where"
    assert http.get(site.http, "/where").body == b"bottle / /where"


PASTE = """\
    [app:main]
    use = call:shop:make
    greeting = hello

    [filter:loud]
    use = call:shop:make_filter

    [pipeline:both]
    pipeline = loud main

    [uwsgi]
    socket-timeout = 9

    [loggers]
    keys = root

    [handlers]
    keys = console

    [formatters]
    keys = generic

    [logger_root]
    level = INFO
    handlers = console

    [handler_console]
    class = StreamHandler
    args = (sys.stderr,)
    formatter = generic

    [formatter_generic]
    format = LOGGED %(name)s %(message)s
"""

PASTE_SHOP = """
    import logging

    def make(world, greeting):
        logging.getLogger("shop").info("made in %s", world["here"])

        def application(environ, start_response):
            start_response("200 OK", [])
            return [greeting.encode()]
        return application

    def make_filter(world):
        def loud(application):
            return lambda environ, start: [b.upper() for b in application(environ, start)]
        return loud
"""


def test_paste(serve: Serve, tmp_path: Path) -> None:
    pytest.importorskip("paste.deploy")
    write(tmp_path, shop=PASTE_SHOP)
    ini = tmp_path / "production.ini"
    ini.write_text(textwrap.dedent(PASTE))
    (tmp_path / "elsewhere").mkdir()
    site = serve("--ini-paste-logged", "production.ini", "--chdir", "elsewhere", "--pp", "..")
    assert http.get(site.http).body == b"hello"
    assert f"LOGGED shop made in {tmp_path}" in site.server.log
    both = serve("--paste", f"config:{ini}#both", "--mount", "/one=production.ini", "--need-app")
    assert http.get(both.http).body == b"HELLO"
    assert uwsgi.get(both.uwsgi, SCRIPT_NAME="/one").body == b"hello"


def test_the_handler_of_web2py(serve: Serve, tmp_path: Path) -> None:
    write(
        tmp_path / "web2py",
        wsgihandler="""
            import os, sys

            path = os.path.dirname(os.path.abspath(__file__))
            os.chdir(path)
            if not os.path.isdir("applications"):
                raise RuntimeError("Running from the wrong folder")
            sys.path = [path] + [p for p in sys.path if not p == path]
            import gluon.main

            application = gluon.main.wsgibase
            """,
        gluon__main="""
            import os

            def wsgibase(environ, start_response):
                start_response("200 OK", [])
                return [os.getcwd().encode()]
            """,
        gluon____init__="",
        applications__welcome="",
    )
    site = serve("--pythonpath", str(tmp_path / "web2py"), "--module", "wsgihandler")
    assert http.get(site.http).body.decode() == str(tmp_path / "web2py")


def test_what_surrounds_the_application(serve: Serve, tmp_path: Path) -> None:
    write(tmp_path, shop=SHOW, first="import sys\nprint('first', sys.argv)")
    site = serve(
        *("-w", "shop", "--pyargv", "--settings x", "--chdir2", "/usr", "--import", "first"),
        *("--pymodule-alias", "second=first", "--master", "--auto-procname"),
    )
    found = site.get()
    assert found["cwd"] == "/usr"
    assert found["argv"] == ["uwsgi", "--settings", "x"]
    modules = found["modules"]
    assert isinstance(modules, list)
    assert {"first", "second"} <= set(modules)
    assert site.server.log.count("first ['uwsgi', '--settings', 'x']") == 1
    names = sorted(
        Path(f"/proc/{each.pid}/cmdline").read_text().rstrip("\0")
        for each in site.server.processes()
    )
    assert names == ["uWSGI master", "uWSGI worker 1", "uWSGI zygote"]


def pythons() -> list[tuple[str, str]]:
    """Other versions of Python that this machine has: (3.12, path)."""
    found = []
    for minor in range(10, 20):
        name = f"python3.{minor}"
        beside = sorted(Path(sys.base_prefix).parent.glob(f"3.{minor}*/bin/{name}"))
        path = str(beside[0]) if beside else shutil.which(name)
        if path and minor != sys.version_info[1]:
            found.append((f"3.{minor}", path))
    return found


OTHERS = pythons()


def make_environment(directory: Path, python: str) -> Path:
    home = directory / "env"
    done = run([python, "-m", "venv", "--without-pip", str(home)], cwd=directory, timeout=60)
    if done.returncode:
        pytest.skip(f"{python} makes no environments: {done.stderr.strip()}")
    return home


@pytest.mark.parametrize(("version", "python"), OTHERS, ids=[each for each, _ in OTHERS])
def test_an_environment_of_another_python(
    serve: Serve, tmp_path: Path, version: str, python: str
) -> None:
    home = make_environment(tmp_path, python)
    packages = home / "lib" / f"python{version}" / "site-packages"
    (packages / "only_there.py").write_text("")
    write(tmp_path, shop="import only_there\n" + textwrap.dedent(SHOW))
    site = serve("-w", "shop", "--home", "env", "--need-app", "--threads", "2")
    found = site.get()
    assert found["version"] == [3, int(version.partition(".")[2])]
    assert found["prefix"] == str(home)
    modules = found["modules"]
    assert isinstance(modules, list)
    assert "only_there" in modules
    assert site.ask("/x")["path"] == "/x"
    site.server.send(signal.SIGHUP)
    site.server.wait_line(READY, count=2)
    assert site.get()["prefix"] == str(home)
    assert site.server.stop(signal.SIGTERM) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_the_python_of_an_environment_never_runs_as_root(serve: Serve, tmp_path: Path) -> None:
    if not OTHERS:
        pytest.skip("no other Python is installed")
    version, python = OTHERS[0]
    home = make_environment(tmp_path, python)
    seen = tmp_path / "seen"
    seen.mkdir()
    seen.chmod(0o777)
    packages = home / "lib" / f"python{version}" / "site-packages"
    (packages / "spy.pth").write_text(
        f"import os; open({str(seen)!r} + '/' + str(os.geteuid()), 'w').close()\n"
    )
    write(tmp_path, shop=SHOW)
    for each in [tmp_path, *tmp_path.parents]:
        if each.stat().st_uid == 0 and not each.stat().st_mode & 0o001:
            each.chmod(each.stat().st_mode | 0o011)
    executable = Path(python).resolve()
    if any(not each.stat().st_mode & 0o001 for each in executable.parents):
        pytest.skip("the other Python is closed to other users")
    site = serve("-w", "shop", "--home", str(home), "--uid", "65534", "--gid", "65534")
    site.get()
    assert [each.name for each in seen.iterdir()] == ["65534"]


def test_a_python_that_is_too_old(tmp_path: Path) -> None:
    (tmp_path / "old" / "lib" / "python3.6" / "site-packages").mkdir(parents=True)
    write(tmp_path, shop=SHOW)
    for more in ((), ("--master",)):
        address = f"127.0.0.1:{free_port()}"
        done = run(
            [*command(), "--http-socket", address, "-w", "shop", "-H", "old", "--need-app", *more],
            cwd=tmp_path,
        )
        assert done.returncode == 22
        assert "virtualenv = old: the environment is for Python 3.6; quaich needs 3.10" in (
            done.stderr
        )
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("more", [(), ("--master",)], ids=["alone", "master"])
def test_a_failure_is_one_clear_line_and_leaves_nothing(
    tmp_path: Path, more: tuple[str, ...]
) -> None:
    write(tmp_path, shop="import nosuchthing\n", deep="def f():\n    1 / 0\nf()\n")
    for target, expected in (
        ("shop", "module = shop: ModuleNotFoundError: No module named 'nosuchthing' ("),
        ("deep", "module = deep: ZeroDivisionError: division by zero ("),
        ("shp", "module = shp: no module named 'shp' (looked in"),
    ):
        socket = tmp_path / f"{target}.sock"
        pid = tmp_path / f"{target}.pid"
        done = run(
            [
                *(*command(), "--socket", str(socket), "--pidfile", str(pid)),
                *("-w", target, "--need-app", *more),
            ],
            cwd=tmp_path,
        )
        assert done.returncode == 22, done.stderr
        lines = [line for line in done.stderr.splitlines() if expected in line]
        assert len(lines) == 1, done.stderr
        assert not re.search(r'File ".*/quaich/', done.stderr)
        assert not socket.exists()
        assert not pid.exists()


def test_a_script_in_place_of_the_server(tmp_path: Path) -> None:
    write(
        tmp_path,
        job="import sys, helper\nprint(sys.argv, __name__)\nsys.exit(len(sys.argv))\n",
        bad="raise ValueError('x')\n",
        lib__helper="",
    )
    options = ("--pp", "lib", "--pyargv", "a b")
    done = run([*command(), "--pyrun", "job.py", *options], cwd=tmp_path)
    assert (done.returncode, done.stdout) == (3, "['job.py', 'a', 'b'] __main__\n")
    done = run([*command(), "--pyrun", "bad.py"], cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.endswith("ValueError: x\n")
    assert "quaich" not in done.stderr
    done = run([*command(), "--pyrun", "nosuch.py"], cwd=tmp_path)
    assert done.returncode == 1
    assert "pyrun = nosuch.py: there is no such file" in done.stderr


def test_an_import_in_place_of_the_server(tmp_path: Path) -> None:
    write(tmp_path, shop=SHOW, bad="import nosuch\n")
    assert run([*command(), "--test", "shop"], cwd=tmp_path).returncode == 0
    done = run([*command(), "--test", "bad"], cwd=tmp_path)
    assert done.returncode == 1
    assert "test = bad: ModuleNotFoundError" in done.stderr


def test_a_shell_in_place_of_the_server(tmp_path: Path) -> None:
    write(tmp_path, shop=SHOW)
    done = run([*command(), "-w", "shop", "--pyshell=print(application.__name__)"], cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "application\n")


def test_what_a_front_may_not_do(serve: Serve, tmp_path: Path) -> None:
    write(tmp_path, shop=SHOW, evil="open('loaded', 'w').close()\n" + textwrap.dedent(SHOW))
    site = serve("-w", "shop")
    wishes = {
        "UWSGI_FILE": str(tmp_path / "evil.py"),
        "UWSGI_SCRIPT": "evil",
        "UWSGI_MODULE": "evil",
        "UWSGI_CALLABLE": "make()",
        "UWSGI_PYHOME": "/nowhere",
        "UWSGI_CHDIR": "/",
        "UWSGI_SETENV": "EVIL=1",
        "UWSGI_POSTFILE": str(tmp_path / "posted"),
        "UWSGI_TOUCH_RELOAD": str(tmp_path / "evil.py"),
        "UWSGI_APPID": "/nowhere",
        "SCRIPT_NAME": "/nowhere",
    }
    for _ in range(3):
        found = site.ask("/", **wishes)
        assert found["app"] == "shop"
        assert found["cwd"] == str(tmp_path)
        environ, passed = found["environ"], found["uwsgi"]
        assert isinstance(environ, dict)
        assert isinstance(passed, dict)
        assert "EVIL" not in environ
        # To the application they are variables like any other.
        assert passed["UWSGI_CHDIR"] == "/"
    assert not (tmp_path / "loaded").exists()
    for name in wishes:
        if name.startswith("UWSGI_"):
            assert site.server.log.count(f"{name} in a request") == 1, name


def test_what_a_front_may_do_where_it_is_allowed(serve: Serve, tmp_path: Path) -> None:
    write(tmp_path, apps__one=SHOW, apps__two=SHOW, outside=SHOW)
    site = serve("--dynamic-apps", "apps", "--max-apps", "2", "--threads", "2")
    assert str(site.ask("/", UWSGI_FILE="one.py")["app"]).endswith("_one")
    assert site.ask("/", UWSGI_MODULE="two", UWSGI_CALLABLE="make()")["app"] == "made"
    for variables in ({"UWSGI_FILE": "../outside.py"}, {"UWSGI_MODULE": "outside"}, {}):
        assert uwsgi.get(site.uwsgi, "/", **variables).status == 500
    assert str(site.ask("/", UWSGI_FILE="one.py", UWSGI_CHDIR="/")["cwd"]) == str(tmp_path)
    wait_until(lambda: "max-apps = 2" in site.server.log, 10, "the limit is named")
