"""The application of ``quaich dev``: whom it shows a traceback, which files it serves."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from wsgiref.util import FileWrapper, setup_testing_defaults

import pytest

from quaich.wsgi.dev import Dev, create, is_local
from tests.support.server import environment

LOCAL = {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost:8000"}


def environ(path: str = "/", **more: Any) -> dict[str, Any]:
    found = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "wsgi.errors": io.StringIO()}
    return {**found, "wsgi.file_wrapper": FileWrapper, **LOCAL, **more}


def ask(app: Dev, given: dict[str, Any]) -> tuple[str, dict[str, str], bytes]:
    seen: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], info: Any = None) -> None:
        assert not seen or info
        seen[:] = [status, dict(headers)]

    result = app(given, start_response)
    try:
        body = b"".join(result)
    finally:
        getattr(result, "close", lambda: None)()
    return seen[0], seen[1], body


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Dev]:
    monkeypatch.chdir(tmp_path)

    def made(body: str) -> Dev:
        lines = "\n".join(f"    {line}" for line in body.splitlines())
        (tmp_path / "it.py").write_text(f"def application(environ, start):\n{lines}\n")
        (tmp_path / "files").mkdir()
        (tmp_path / "files" / "a.css").write_text("body {}")
        (tmp_path / "secret.txt").write_text("secret")
        os.symlink(tmp_path / "secret.txt", tmp_path / "files" / "link")
        os.mkfifo(tmp_path / "files" / "pipe")
        return Dev("it.py:application", [("/static", str(tmp_path / "files"))])

    return made


@pytest.mark.parametrize(
    ("change", "local"),
    [
        ({}, True),
        ({"REMOTE_ADDR": "::1", "HTTP_HOST": "[::1]:8000"}, True),
        ({"HTTP_HOST": "shop.localhost"}, True),
        ({"HTTP_HOST": "127.0.0.1"}, True),
        ({"REMOTE_ADDR": "10.0.0.1"}, False),
        ({"REMOTE_ADDR": ""}, False),
        ({"HTTP_HOST": "evil.example"}, False),
        ({"HTTP_HOST": ""}, False),
        ({"HTTP_X_FORWARDED_FOR": "8.8.8.8"}, False),
        ({"HTTP_VIA": "1.1 x"}, False),
    ],
)
def test_who_is_local(change: dict[str, str], local: bool) -> None:
    assert is_local({**LOCAL, **change}) is local


@pytest.mark.parametrize("body", ["raise ValueError('<b>')", "start('200 OK', []); yield 1 / 0"])
def test_a_traceback(load: Callable[[str], Dev], body: str) -> None:
    app = load(body)
    given = environ("/x")
    status, headers, page = ask(app, given)
    assert status.startswith("500")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert b"it.py" in page
    assert b"<b>" not in page
    assert "quaich/wsgi/dev.py" not in page.decode()
    assert "Traceback" in given["wsgi.errors"].getvalue()
    _, _, page = ask(app, environ("/x", HTTP_HOST="evil.example"))
    assert page == b"500 Internal Server Error: see the log\n"


def test_what_was_begun_is_not_replaced(load: Callable[[str], Dev]) -> None:
    app = load("start('200 OK', [])\nyield b'half'\nraise ValueError('late')")
    with pytest.raises(ValueError, match="late"):
        ask(app, environ())


def test_what_cannot_be_loaded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken.py").write_text("import sys\nsys.exit('tea')\n")
    app = Dev(f"{tmp_path}/broken.py:application", [])
    status, _, page = ask(app, environ())
    assert status.startswith("500")
    assert b"SystemExit: tea" in page
    assert "SystemExit: tea" in capsys.readouterr().err


def test_a_module_of_several_applications(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dev_several.py").write_text("applications = {'/shop': print, '/blog': print}\n")
    monkeypatch.syspath_prepend(tmp_path)
    try:
        app = Dev("dev_several", [])
    finally:
        sys.modules.pop("dev_several", None)
    status, _, page = ask(app, environ("/shop"))
    assert status.startswith("500")
    assert b"dev_several: it has no single application" in page
    assert capsys.readouterr().err == "error: dev_several: it has no single application\n"


def test_what_the_environment_names(
    load: Callable[[str], Dev], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load("start('200 OK', [])\nreturn [b'app']")
    monkeypatch.setenv("QUAICH_DEV_APP", f"{tmp_path}/it.py:application")
    monkeypatch.delenv("QUAICH_DEV_STATIC", raising=False)
    assert ask(create(), environ("/static/a.css"))[2] == b"app"
    monkeypatch.setenv("QUAICH_DEV_STATIC", json.dumps([["/static/", f"{tmp_path}/files"]]))
    app = create()
    assert ask(app, environ("/static/a.css"))[2] == b"body {}"
    assert ask(app, environ("/"))[2] == b"app"


def test_answers_pass(load: Callable[[str], Dev]) -> None:
    app = load("start('201 Created', [('A', 'b')])\nreturn [environ['PATH_INFO'].encode()]")
    assert ask(app, environ("/p")) == ("201 Created", {"A": "b"}, b"/p")


@pytest.mark.parametrize(
    ("path", "method", "found"),
    [
        ("/static/a.css", "GET", b"body {}"),
        ("/static/a.css", "HEAD", b""),
        ("/static//a.css", "GET", b"body {}"),
        ("/static/a.css", "POST", None),
        ("/static/", "GET", None),
        ("/static/../secret.txt", "GET", None),
        ("/static//etc/passwd", "GET", None),
        ("/static/link", "GET", None),
        ("/static/pipe", "GET", None),
        ("/static/a.css\0", "GET", None),
        ("/staticfiles", "GET", None),
    ],
)
def test_files(load: Callable[[str], Dev], path: str, method: str, found: bytes | None) -> None:
    app = load("start('404 Not Found', [])\nreturn [b'app']")
    status, headers, body = ask(app, environ(path, REQUEST_METHOD=method))
    if found is None:
        assert (status, body) == ("404 Not Found", b"app")
    else:
        assert (status, body) == ("200 OK", found)
        assert (headers["Content-Type"], headers["Content-Length"]) == ("text/css", "7")


def test_the_iterable_is_closed(load: Callable[[str], Dev]) -> None:
    app = load("start('200 OK', [])\ntry:\n    yield b'x'\nfinally:\n    environ['closed'] = 1")
    given = environ()
    result: Iterable[bytes] = app(given, lambda *a: None)
    assert next(iter(result)) == b"x"
    result.close()  # type: ignore[attr-defined]
    assert given["closed"] == 1


def test_an_iterable_that_has_no_end_to_be_told_of(load: Callable[[str], Dev]) -> None:
    app = load("start('200 OK', [])\nreturn map(bytes.upper, [b'x', b'y'])")
    assert ask(app, environ()) == ("200 OK", {}, b"XY")


FRAMEWORKS = {
    "flask": "import flask\napplication = flask.Flask('it')\n@application.get('/')\n",
    "bottle": "import bottle\napplication = bottle.Bottle()\n@application.get('/')\n",
}


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_frameworks_hand_exceptions_on(name: str, tmp_path: Path) -> None:
    pytest.importorskip(name)
    code = FRAMEWORKS[name] + "def index():\n    raise ValueError('out of tea')\n"
    (tmp_path / "it.py").write_text(code)
    given = environ()
    setup_testing_defaults(given)
    _, _, page = ask(Dev(f"{tmp_path}/it.py:application", []), given)
    assert b"ValueError: out of tea" in page


DJANGO = """
from django.conf import settings

SETTINGS = dict(
    DEBUG={debug}, SECRET_KEY="x", ROOT_URLCONF=__name__, STATIC_URL="/static/",
    ALLOWED_HOSTS=["*"], INSTALLED_APPS=["django.contrib.staticfiles", "shop"],
)
urlpatterns = []
{configure}
"""
# A process has one Django.
ASK = """
import sys, wsgiref.util
from quaich.wsgi.dev import create

app = create()
for path in sys.argv[1:]:
    environ = {"PATH_INFO": path}
    wsgiref.util.setup_testing_defaults(environ)
    result = app(environ, lambda status, headers, info=None: print(path, status[:3]))
    print(b"".join(result).decode())
"""
SERVED = """settings.configure(**SETTINGS)
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()"""
NOT_CONFIGURED = """def application(environ, start):
    start("200 OK", [])
    return [b"app"]"""


@pytest.mark.parametrize(
    ("debug", "configure", "answers", "said"),
    [
        (True, SERVED, "/static/shop.css 200\nbody {}\n", ""),
        (False, SERVED, "/static/shop.css 404\n", ""),
        (
            *(True, NOT_CONFIGURED, "/static/shop.css 200\napp\n"),
            "warning: Django's static files are not served: Requested setting DEBUG, ",
        ),
    ],
    ids=["debugged", "as in production", "not configured"],
)
def test_the_static_files_of_django(
    debug: bool, configure: str, answers: str, said: str, tmp_path: Path
) -> None:
    pytest.importorskip("django")
    (tmp_path / "it.py").write_text(DJANGO.format(debug=debug, configure=configure))
    (tmp_path / "shop" / "static").mkdir(parents=True)
    (tmp_path / "shop" / "__init__.py").touch()
    (tmp_path / "shop" / "static" / "shop.css").write_text("body {}")
    done = subprocess.run(
        [sys.executable, "-c", ASK, "/static/shop.css"],
        cwd=tmp_path,
        env=environment({"QUAICH_DEV_APP": "it.py:application"}),
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.startswith(answers)
    assert done.stderr.startswith(said)
    assert said or "warning" not in done.stderr
