"""The files of a new application, by its kind; pure.

Whatever kind it is: ``wsgi.py`` holds the callable, ``app/`` the application, ``quaich.ini`` how
it is served here, ``site.toml`` how it is deployed, ``tests/`` a test that needs only Python.
"""

from string import Template

from quaich.machine.skeletondjango import DJANGO

WSGI = "wsgi"
FLASK = "flask"
DJANGO_KIND = "django"
KINDS = (WSGI, FLASK, DJANGO_KIND)

_INI = """\
; quaich --ini quaich.ini
[uwsgi]
http-socket = 127.0.0.1:8080
; %d is the directory of this file.
chdir = %d
${virtualenv}module = wsgi:application

master = true
processes = 2
threads = 4
; A request that takes longer is ended, with its stack in the log.
harakiri = 30

; What does not load is an error, and SIGTERM stops.
need-app = true
die-on-term = true
vacuum = true
"""

_SITE = """\
# How $name is deployed: quaich deploy . --site $site --host shop.example.com

[site]
app = "wsgi:application"
processes = 2
threads = 4
harakiri = 30
# A release that does not answer this well is not let in.
health = "/"
"""

_IGNORED = """\
/venv/
/.venv/
__pycache__/
*.py[cod]
*.sqlite3
.env
/static/
"""

_README = """\
# $name

    quaich dev                    # while you write: reloads, tracebacks in the browser
    quaich --ini quaich.ini       # as in production, on http://127.0.0.1:8080/
    python -m unittest            # the tests (venv/bin/python, if it has packages)
    quaich deploy . --site $site --host shop.example.com
"""

_TEST = '''\
"""The application answers as WSGI wants it."""

import unittest
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import wsgi


class Answers(unittest.TestCase):
    def get(self, path):
        environ = {"SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": ""}
        setup_testing_defaults(environ)
        seen = []

        def start_response(status, headers, exc_info=None):
            seen.append(status)
            return lambda data: None

        result = validator(wsgi.application)(environ, start_response)
        try:
            body = b"".join(result)
        finally:
            result.close()
        return seen[0], body

    def test_the_first_page(self):
        status, body = self.get("/")
        self.assertEqual(status, "200 OK")
        self.assertIn(b"$name", body)

    def test_no_such_page(self):
        status, _ = self.get("/no-such-page")
        self.assertTrue(status.startswith("404 "), status)


if __name__ == "__main__":
    unittest.main()
'''

_WSGI_PY = '''\
"""What the server loads: the callable ``application``."""

import app

application = app.application
'''

_WSGI_APP = '''\
"""The application."""

from html import escape

PAGE = """<!doctype html>
<html lang="en">
<title>$name</title>
<h1>$name</h1>
<p>It works. This page comes from app/__init__.py.</p>
</html>
"""


def application(environ, start_response):
    """Answer one request (PEP 3333): a status, headers, and the body as bytes."""
    path = environ.get("PATH_INFO") or "/"
    if path == "/":
        return answer(start_response, "200 OK", PAGE)
    return answer(start_response, "404 Not Found", f"<h1>No {escape(path)} here</h1>")


def answer(start_response, status, text):
    body = text.encode("utf-8", "replace")
    headers = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body)))]
    start_response(status, headers)
    return [body]
'''

_FLASK_PY = '''\
"""What the server loads: the callable ``application``."""

from app import create_app

application = create_app()
'''

_FLASK_APP = '''\
"""The application."""

import os

from flask import Flask, render_template


def create_app():
    """The application; what differs between places comes from the environment."""
    app = Flask(__name__)
    # Sign cookies with a key that outlives a restart: quaich env set SECRET_KEY, where it is
    # deployed.
    app.config["SECRET_KEY"] = os.environ.get("SECRET_KEY") or os.urandom(32)

    @app.get("/")
    def index():
        return render_template("index.html")

    return app
'''

_FLASK_PAGE = """\
<!doctype html>
<html lang="en">
<title>$name</title>
<h1>$name</h1>
<p>It works. This page comes from app/templates/index.html.</p>
</html>
"""

_COMMON = {
    "quaich.ini": _INI,
    "site.toml": _SITE,
    ".gitignore": _IGNORED,
    "README.md": _README,
    "tests/__init__.py": "",
    "tests/test_app.py": _TEST,
}

_KINDS = {
    WSGI: {
        "requirements.txt": "# What the application needs, one package a line.\n",
        "wsgi.py": _WSGI_PY,
        "app/__init__.py": _WSGI_APP,
    },
    FLASK: {
        "requirements.txt": "Flask>=3.0,<4\n",
        "wsgi.py": _FLASK_PY,
        "app/__init__.py": _FLASK_APP,
        "app/templates/index.html": _FLASK_PAGE,
    },
    DJANGO_KIND: DJANGO,
}


def files(name: str, site: str, kind: str, has_virtualenv: bool) -> dict[str, str]:
    """The text of each file by its path; ``site`` is what it is deployed as."""
    values = {
        "name": name,
        "site": site,
        "virtualenv": "virtualenv = %dvenv\n" if has_virtualenv else "",
    }
    return {
        path: Template(text).substitute(values)
        for path, text in sorted({**_COMMON, **_KINDS[kind]}.items())
    }
