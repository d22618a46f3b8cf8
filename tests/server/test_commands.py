"""The commands that tutorials show, started as typed and asked in the protocol they promise.

They name port 8080, or none and get it, so these tests take turns: a lock keeps other runs of the
suite on the same machine away, and a stranger on the port skips them.
"""

import fcntl
import os
import shlex
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.support import http, uwsgi
from tests.support.net import accepts
from tests.support.processes import wait_until
from tests.support.server import Server, install_commands

pytestmark = pytest.mark.xdist_group("port-8080")

ADDRESS = ("127.0.0.1", 8080)

APPLICATION = """
def {name}(env, start_response):
    start_response('200 OK', [('Content-Type', 'text/html')])
    return [b"Hello!"]
"""

INI = """\
[uwsgi]
# -------------
# Settings:
# key = value
# Comments >> #
# -------------

# socket = [addr:port]
socket = 127.0.0.1:8080

# Base application directory
# chdir = /full/path
chdir  = {home}

# WSGI module and callable
# module = [wsgi_module_name]:[application_callable_name]
module = app:application

# master = [master process (true of false)]
master = true

# processes = [number of processes]
processes = 5
"""

JSON = """\
{
    "uwsgi": {
        "socket": ["127.0.0.1:8080"],
        "module": "my_app:app",
        "master": true,
        "processes": 5,
    }
}
"""

NAMES = ("quaich", "uwsgi")


@pytest.fixture(autouse=True)
def port_8080() -> Iterator[None]:
    with open(os.path.join(tempfile.gettempdir(), "quaich-tests-port-8080"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            wait_until(lambda: not accepts(ADDRESS), 5, "port 8080 is free")
        except AssertionError:
            pytest.skip("port 8080 is taken by another program")
        yield


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A directory with the applications that the commands name."""
    home = tmp_path / "home"
    home.mkdir()
    for module, name in (
        ("wsgi", "application"),
        ("app", "application"),
        ("my_app", "app"),
        ("wsgihandler", "application"),
        ("wsgi_module_name", "application_callable_name"),
    ):
        (home / f"{module}.py").write_text(APPLICATION.format(name=name))
    (home / "example_config.ini").write_text(INI.format(home=home))
    (home / "example_config.json").write_text(JSON)
    return home


class Type:
    """Types a command at a shell in a directory."""

    def __init__(self, start: StartServer, binaries: Path, home: Path) -> None:
        self.start, self.binaries, self.home = start, binaries, home

    def __call__(self, line: str, cwd: Path | None = None, workers: int = 1) -> Server:
        name, *arguments = shlex.split(line)
        server = self.start(
            *arguments, argv=[str(self.binaries / name)], cwd=self.home if cwd is None else cwd
        )
        server.wait_ready(workers)
        return server


@pytest.fixture
def typed(start: StartServer, tmp_path: Path, home: Path) -> Type:
    install_commands(tmp_path / "bin", *NAMES)
    return Type(start, tmp_path / "bin", home)


def answers_http() -> None:
    with http.Client(ADDRESS) as client:
        for _ in range(2):
            reply = client.request()
            assert (reply.status, reply.body) == (200, b"Hello!")


def answers_uwsgi() -> None:
    reply = uwsgi.get(ADDRESS)
    assert (reply.status, reply.body) == (200, b"Hello!")


@pytest.mark.parametrize("name", NAMES)
class TestAsTyped:
    def test_http(self, typed: Type, name: str) -> None:
        typed(f"{name} --socket 127.0.0.1:8080 --protocol=http -w wsgi")
        answers_http()

    def test_uwsgi(self, typed: Type, name: str) -> None:
        typed(f"{name} --socket 127.0.0.1:8080 -w wsgi")
        answers_uwsgi()

    def test_module_and_callable(self, typed: Type, name: str) -> None:
        server = typed(f"{name} --module wsgi_module_name --callable application_callable_name")
        assert "127.0.0.1:8080" in server.log, "it says where it listens"
        answers_http()
        answers_uwsgi()

    def test_module_with_callable(self, typed: Type, name: str) -> None:
        typed(f"{name} -w wsgi_module_name:application_callable_name")
        answers_http()
        answers_uwsgi()

    def test_ini(self, typed: Type, name: str, tmp_path: Path) -> None:
        server = typed(f"{name} --ini {typed.home}/example_config.ini", cwd=tmp_path, workers=5)
        answers_uwsgi()
        assert len(server.children()) >= 5

    def test_ini_as_printed(self, typed: Type, name: str) -> None:
        """The tutorial's listing ends in a line of two dots, meaning "and so on"."""
        with (typed.home / "example_config.ini").open("a") as file:
            file.write("\n..\n")
        typed(f"{name} --ini example_config.ini", workers=5)
        answers_uwsgi()

    def test_json(self, typed: Type, name: str) -> None:
        server = typed(f"{name} --json example_config.json", workers=5)
        answers_uwsgi()
        assert "example_config.json:6" in server.log, "the comma is warned of with its line"

    def test_positional(self, typed: Type, name: str) -> None:
        typed(f"{name} example_config.ini", workers=5)
        answers_uwsgi()

    def test_web2py(self, typed: Type, name: str, tmp_path: Path) -> None:
        typed(f"{name} --pythonpath {typed.home} --module wsgihandler", cwd=tmp_path)
        answers_http()


def test_ctrl_c_stops(typed: Type) -> None:
    server = typed("quaich --socket 127.0.0.1:8080 --protocol=http -w wsgi")
    answers_http()
    server.stop(signal.SIGINT)
    assert not accepts(ADDRESS)
