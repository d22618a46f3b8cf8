"""Each example, copied, moved to a free port, and run as its README says."""

import gzip
import json
import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.support import http, uwsgi
from tests.support.nginx import Nginx
from tests.support.ports import free_port
from tests.support.processes import wait_until
from tests.support.server import Server


@pytest.fixture
def example(root: Path, tmp_path: Path) -> Callable[[str], Path]:
    """A copy of an example, so that nothing is written beside the original."""

    def _copy(name: str) -> Path:
        copy = tmp_path / name
        shutil.copytree(
            root / "examples" / name, copy, ignore=shutil.ignore_patterns("__pycache__")
        )
        return copy

    return _copy


def move(file: Path, old: str, new: str) -> None:
    """Replace an address in a configuration; it must be there."""
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


class TestHello:
    def test_ini(self, example: Callable[[str], Path], start: StartServer) -> None:
        home, port = example("hello"), free_port()
        move(home / "example_config.ini", "127.0.0.1:8080", f"127.0.0.1:{port}")
        server = start("--ini", "example_config.ini", cwd=home)
        assert len(set(server.wait_ready(5))) == 5
        reply = uwsgi.get(("127.0.0.1", port))
        assert (reply.status, reply.body) == (200, b"Hello!")
        assert server.stop(signal.SIGTERM) == 0, "die-on-term is set"

    def test_json(self, example: Callable[[str], Path], start: StartServer) -> None:
        home, port = example("hello"), free_port()
        with pytest.raises(json.JSONDecodeError):
            json.loads((home / "example_config.json").read_text())
        move(home / "example_config.json", "127.0.0.1:8080", f"127.0.0.1:{port}")
        server = start("--json", "example_config.json", cwd=home)
        server.wait_ready(5)
        assert uwsgi.get(("127.0.0.1", port)).body == b"Hello!"
        assert "example_config.json" in server.log
        assert "comma" in server.log

    def test_serve(self, example: Callable[[str], Path], start: StartServer) -> None:
        port = free_port()
        server = start(
            "serve", "wsgi:application", "--bind", f"127.0.0.1:{port}", cwd=example("hello")
        )
        server.wait_ready()
        reply = http.get(("127.0.0.1", port))
        assert (reply.status, reply.body) == (200, b"Hello!")
        assert reply.get("Content-Type") == "text/html"
        assert server.stop(signal.SIGTERM) == 0


def serve_and_ini(name: str, target: str) -> list[object]:
    return [
        pytest.param(name, ("serve", target, "--bind", "127.0.0.1:8000"), id="serve"),
        pytest.param(name, ("--ini", "quaich.ini"), id="ini"),
    ]


def start_framework(home: Path, args: tuple[str, ...], start: StartServer) -> tuple[str, int]:
    port = free_port()
    move(home / "quaich.ini", "127.0.0.1:8000", f"127.0.0.1:{port}")
    moved = (each.replace("127.0.0.1:8000", f"127.0.0.1:{port}") for each in args)
    start(*moved, cwd=home).wait_ready()
    return ("127.0.0.1", port)


@pytest.mark.parametrize(("name", "args"), serve_and_ini("flask", "app:app"))
def test_flask(
    name: str, args: tuple[str, ...], example: Callable[[str], Path], start: StartServer
) -> None:
    pytest.importorskip("flask")
    address = start_framework(example(name), args, start)
    with http.Client(address) as client:
        page = client.request("/")
        assert page.status == 200
        assert b"<form" in page.body
        form = (("Host", "localhost"), ("Content-Type", "application/x-www-form-urlencoded"))
        greeting = client.request("/greet", "POST", form, b"name=Zo%C3%AB")
        assert json.loads(greeting.body) == {"greeting": "Hello, Zoë!"}
        assert client.request("/nowhere").status == 404
        assert client.request("/", "HEAD").status == 200
        environ = json.loads(client.request("/environ?a=b%20c").body)
        assert environ["QUERY_STRING"] == "a=b%20c"
        assert environ["REQUEST_URI"] == "/environ?a=b%20c"


@pytest.mark.parametrize(("name", "args"), serve_and_ini("django", "mysite.wsgi:application"))
def test_django(
    name: str, args: tuple[str, ...], example: Callable[[str], Path], start: StartServer
) -> None:
    pytest.importorskip("django")
    address = start_framework(example(name), args, start)
    with http.Client(address) as client:
        page = client.request("/greet/Zo%C3%AB/")
        assert page.status == 200
        assert "<h1>Hello, Zoë!</h1>".encode() in page.body
        assert page.get("Content-Length") == str(len(page.body))
        redirect = client.request("/greet/x")
        assert (redirect.status, redirect.get("Location")) == (301, "/greet/x/")
    assert http.get(address, headers=(("Host", "elsewhere.example"),)).status == 400


@pytest.mark.nginx
class TestNginxSite:
    """examples/hello/nginx.conf as it is, apart from the paths and ports it is told to change."""

    @pytest.fixture
    def site(
        self,
        example: Callable[[str], Path],
        start: StartServer,
        nginx: Callable[[str], Nginx],
        tmp_path: Path,
    ) -> tuple[Nginx, list[Server]]:
        home = example("hello")
        path = tmp_path / "hello.sock"
        first, second = free_port(), free_port()
        common = ("--master", "--processes", "2", "-w", "wsgi")
        move(home / "example_config.ini", "127.0.0.1:8080", f"127.0.0.1:{first}")
        servers = [
            start("--ini", "example_config.ini", cwd=home),
            start("--socket", f"127.0.0.1:{second}", *common, cwd=home),
            start("--socket", str(path), "--chmod-socket=660", *common, cwd=home),
        ]
        servers[0].wait_ready(5)
        for server in servers[1:]:
            server.wait_ready(2)
        conf = home / "nginx.conf"
        move(conf, "listen 80;", "listen 127.0.0.1:PORT;")
        move(conf, "/srv/hello/", f"{home}/")
        move(conf, "127.0.0.1:8080", f"127.0.0.1:{first}")
        move(conf, "127.0.0.1:8081", f"127.0.0.1:{second}")
        move(conf, "/run/quaich/hello.sock", str(path))
        return nginx(conf.read_text()), servers

    def test_answers_through_every_server(self, site: tuple[Nginx, list[Server]]) -> None:
        front, servers = site
        for _ in range(9):
            reply = http.get(front.address)
            assert (reply.status, reply.body) == (200, b"Hello!")
        for server in servers:
            assert "GET /" in server.log, "nginx takes them in turn"

    def test_static_files(self, site: tuple[Nginx, list[Server]], root: Path) -> None:
        front, _ = site
        static = root / "examples" / "hello" / "static"
        style = http.get(front.address, "/static/hello.css")
        assert (style.status, style.get("Content-Type")) == (200, "text/css")
        assert style.body == (static / "hello.css").read_bytes()
        icon = http.get(front.address, "/favicon.ico")
        assert icon.status == 200
        assert icon.body == (static / "favicon.ico").read_bytes()
        for outside in ("/static../wsgi.py", "/static/../wsgi.py", "/static/%2e%2e/wsgi.py"):
            assert b"def application" not in http.get(front.address, outside).body

    def test_goes_on_while_one_is_killed(self, site: tuple[Nginx, list[Server]]) -> None:
        front, servers = site
        stop, answers, failures = threading.Event(), [0], []

        def ask() -> None:
            while not stop.is_set():
                try:
                    reply = http.get(front.address)
                except (AssertionError, OSError) as error:
                    failures.append(repr(error))
                    continue
                answers[0] += 1
                if (reply.status, reply.body) != (200, b"Hello!"):
                    failures.append(f"{reply.status} {reply.body!r}")

        client = threading.Thread(target=ask)
        client.start()
        try:
            before = self._more(answers, 20)
            servers[1].kill()
            self._more(answers, before + 50)
        finally:
            stop.set()
            client.join(20)
        # A request that a killed process had taken may be lost; one client has one at a time.
        assert len(failures) <= 1, failures

    def _more(self, answers: list[int], wanted: int) -> int:
        wait_until(lambda: answers[0] >= wanted, 20, f"{wanted} answers; {answers[0]} so far")
        return answers[0]


@pytest.mark.nginx
def test_nginx_site_compresses(
    root: Path, start: StartServer, nginx: Callable[[str], Nginx], tmp_path: Path
) -> None:
    """JSON is in the list of types, small answers are left alone, and 1.0 clients are served."""
    (tmp_path / "app.py").write_text(
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Type', environ['QUERY_STRING'])])\n"
        "    return [b'x' * int(environ['PATH_INFO'].strip('/'))]\n"
    )
    port = free_port()
    server = start("--socket", f"127.0.0.1:{port}", "--master", "-w", "app", cwd=tmp_path)
    server.wait_ready()
    conf = tmp_path / "site.conf"
    shutil.copy(root / "examples" / "hello" / "nginx.conf", conf)
    move(conf, "listen 80;", "listen 127.0.0.1:PORT;")
    move(conf, "127.0.0.1:8080", f"127.0.0.1:{port}")
    move(conf, "server 127.0.0.1:8081 max_fails=1 fail_timeout=5s;", "")
    move(conf, "server unix:/run/quaich/hello.sock max_fails=1 fail_timeout=5s;", "")
    front = nginx(conf.read_text())
    headers = (("Host", "hello.example.com"), ("Accept-Encoding", "gzip"))
    for kind in ("application/json", "image/svg+xml", "application/javascript", "text/html"):
        reply = http.get(front.address, f"/5000?{kind}", headers=headers)
        assert reply.get("Content-Encoding") == "gzip", kind
        assert gzip.decompress(reply.body) == b"x" * 5000
        assert reply.get("Vary") == "Accept-Encoding"
    assert (
        http.get(front.address, "/5000?image/png", headers=headers).get("Content-Encoding") is None
    )
