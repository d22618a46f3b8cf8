"""The application that ``quaich dev`` serves: the developer's, with tracebacks and static files.

What to serve comes in variables that ``quaich dev`` sets: ``QUAICH_DEV_APP``, the module or file
with its callable, and ``QUAICH_DEV_STATIC``, a JSON list of pairs (prefix, directory).  Code that
cannot be loaded is answered with its traceback, so that the next reload mends it.  A traceback is
only shown to a browser on this machine that came directly: not through a proxy, and by a local
name, so that no page elsewhere can have it read.
"""

import html
import json
import mimetypes
import os
import stat
import sys
import traceback
from collections.abc import Iterable, Iterator
from email.utils import formatdate
from typing import Any, BinaryIO, cast

from quaich.errors import LoadError
from quaich.wsgi import blame
from quaich.wsgi.target import App, Target, is_file

Environ = dict[str, Any]

_FORWARDED = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP", "HTTP_VIA")
_LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")
_BLOCK = 1 << 16

_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>%(title)s</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; color: #b00020; overflow-wrap: anywhere; }
pre { background: #f4f4f4; color: #222; padding: 1rem; overflow-x: auto; font-size: 14px; }
p { color: #666; }
</style>
<h1>%(title)s</h1>
<p>%(where)s</p>
<pre>%(trace)s</pre>
<p>quaich dev shows this on this machine only. Save the file that is to blame, and reload.</p>
</html>
"""


class Dev:
    """One application for a developer; loads it at once and keeps why it cannot be loaded."""

    def __init__(self, target: str, statics: Iterable[tuple[str, str]]) -> None:
        self._statics = [(prefix.rstrip("/") + "/", os.path.realpath(d)) for prefix, d in statics]
        self._app: App | None = None
        self._failure = ("", "")
        try:
            option = "wsgi-file" if is_file(target.partition(":")[0]) else "module"
            found = Target(option, target)
            self._app = dict(found.load_file() if option == "wsgi-file" else found.load_module())[
                ""
            ]
            _speak_out(self._app)
            self._app = _with_static_files(self._app)
        except LoadError as error:
            self._failure = (str(error), error.detail)
        except KeyError:
            self._failure = (f"{target}: it has no single application", "")
        if self._failure[0]:
            sys.stderr.write(f"{self._failure[1]}error: {self._failure[0]}\n")

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answer one request."""
        found = self._static(environ, start_response)
        if found is not None:
            return found
        if self._app is None:
            title, trace = self._failure
            return _page(environ, start_response, "The application cannot be loaded", title, trace)
        try:
            result = self._app(environ, start_response)
        except Exception as error:
            return _raised(environ, start_response, error)
        # What is no iterable is for the server to complain about.
        if isinstance(result, list | tuple) or not hasattr(result, "__iter__"):
            return cast("Iterable[bytes]", result)
        return _Watched(result, environ, start_response)

    def _static(self, environ: Environ, start_response: Any) -> Iterable[bytes] | None:
        """A file below one of the directories; None for what the application is asked for."""
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return None
        path = environ.get("PATH_INFO", "").encode("latin-1", "replace").decode("utf-8", "replace")
        for prefix, directory in self._statics:
            if not path.startswith(prefix) or "\0" in path:
                continue
            file = _file_below(directory, path[len(prefix) :].lstrip("/"))
            if file is not None:
                return _send(file, environ, start_response)
        return None


def _file_below(directory: str, path: str) -> BinaryIO | None:
    """A regular file, opened; None for anything else and for what is outside."""
    whole = os.path.realpath(os.path.join(directory, path))
    if not whole.startswith(directory.rstrip("/") + "/"):
        return None
    try:
        # A pipe or a device would block, or never end.
        fd = os.open(whole, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return open(fd, "rb")
    os.close(fd)
    return None


def _send(file: BinaryIO, environ: Environ, start_response: Any) -> Iterable[bytes]:
    state = os.fstat(file.fileno())
    kind, encoding = mimetypes.guess_type(environ["PATH_INFO"])
    headers = [
        ("Content-Type", kind if kind and not encoding else "application/octet-stream"),
        ("Content-Length", str(state.st_size)),
        ("Last-Modified", formatdate(state.st_mtime, usegmt=True)),
        ("Cache-Control", "no-store"),
    ]
    start_response("200 OK", headers)
    if environ["REQUEST_METHOD"] == "HEAD":
        file.close()
        return []
    found: Iterable[bytes] = environ["wsgi.file_wrapper"](file, _BLOCK)
    return found


class _Watched:
    """An iterable that may still fail; before its first block, by a page."""

    def __init__(self, result: Iterable[bytes], environ: Environ, start_response: Any) -> None:
        self._result = result
        self._environ = environ
        self._start_response = start_response
        self._iterator: Iterator[bytes] | None = None
        self._begun = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            if self._iterator is None:
                self._iterator = iter(self._result)
            block = next(self._iterator)
        except StopIteration:
            raise
        except Exception as error:
            if self._begun:
                raise
            self._iterator = iter(_raised(self._environ, self._start_response, error))
            block = next(self._iterator)
        self._begun = True
        return block

    def close(self) -> None:
        """Hand on that nobody wants more."""
        close = getattr(self._result, "close", None)
        if close is not None:
            close()


def _raised(environ: Environ, start_response: Any, error: Exception) -> list[bytes]:
    """Log what the application raised, and show it."""
    trace = blame.trim(error.__traceback__) or error.__traceback__
    text = "".join(traceback.format_exception(type(error), error, trace))
    environ["wsgi.errors"].write(text)
    title = " ".join("".join(traceback.format_exception_only(type(error), error)).split())
    where = f"{environ['REQUEST_METHOD']} {environ.get('PATH_INFO', '')}"
    return _page(environ, start_response, where, title, text, sys.exc_info())


def _page(
    environ: Environ, start_response: Any, where: str, title: str, trace: str, info: Any = None
) -> list[bytes]:
    headers = [("Cache-Control", "no-store")]
    if is_local(environ):
        kind = "text/html; charset=utf-8"
        values = {"where": where, "title": title, "trace": trace or title}
        text = _PAGE % {name: html.escape(value) for name, value in values.items()}
        headers.append(("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"))
    else:
        kind, text = "text/plain; charset=utf-8", "500 Internal Server Error: see the log\n"
    body = text.encode("utf-8", "backslashreplace")
    headers += [("Content-Type", kind), ("Content-Length", str(len(body)))]
    start_response("500 Internal Server Error", headers, info)
    return [body]


def is_local(environ: Environ) -> bool:
    """Whether the client is a browser on this machine that came directly and by a local name."""
    address = environ.get("REMOTE_ADDR", "")
    if not (address.startswith("127.") or address in ("::1", "::ffff:127.0.0.1")):
        return False
    if any(name in environ for name in _FORWARDED):
        return False
    host = environ.get("HTTP_HOST", "")
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    return name.lower() in _LOCAL_NAMES or name.lower().endswith(".localhost")


def _speak_out(app: Any) -> None:
    """Have frameworks hand on exceptions that they would answer with an empty page of their own."""
    flask, bottle = sys.modules.get("flask"), sys.modules.get("bottle")
    if flask is not None and isinstance(app, flask.Flask):
        app.config["PROPAGATE_EXCEPTIONS"] = True
    elif bottle is not None and isinstance(app, bottle.Bottle):
        app.catchall = False


def _with_static_files(app: App) -> App:
    """Django's static files, which it only serves by its own server for development."""
    if "django.conf" not in sys.modules:
        return app
    try:
        settings = sys.modules["django.conf"].settings
        if settings.DEBUG and "django.contrib.staticfiles" in settings.INSTALLED_APPS:
            from importlib import import_module

            handlers = import_module("django.contrib.staticfiles.handlers")
            found: App = handlers.StaticFilesHandler(app)
            return found
    except Exception as error:
        sys.stderr.write(f"warning: Django's static files are not served: {error}\n")
    return app


def create() -> Dev:
    """The application that the environment names."""
    statics = json.loads(os.environ.get("QUAICH_DEV_STATIC", "[]"))
    return Dev(os.environ["QUAICH_DEV_APP"], [(prefix, path) for prefix, path in statics])
