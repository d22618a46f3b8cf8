"""The variables of the uwsgi protocol by which a front can have uWSGI load code or change itself.

Whoever reaches a uwsgi socket could run any program by them, so they do nothing, and each is named
in the log the first time.  With ``dynamic-apps`` the three that name an application load it, from
the directories listed and from nowhere else: what a name leads to is followed through links first,
and a module that would be taken from another place is refused.  The rest stays ignored: no request
changes the directory, the environment or the interpreter of a worker.
"""

import importlib.util
import os
import sys
import threading
from collections.abc import Callable, Collection, Sequence
from typing import Any

from quaich.errors import LoadError
from quaich.patterns import pattern
from quaich.wsgi.target import App, Target, is_file

LOADING = ("UWSGI_FILE", "UWSGI_SCRIPT", "UWSGI_MODULE")
CHANGING = (
    "UWSGI_CALLABLE",
    "UWSGI_PYHOME",
    "UWSGI_CHDIR",
    "UWSGI_SETENV",
    "UWSGI_POSTFILE",
    "UWSGI_TOUCH_RELOAD",
)

_NAME = pattern(r"[^\W\d]\w*(\(\))?")

Report = Callable[[LoadError], None]


class Notices:
    """Says once of each variable that it was ignored.

    ``known`` are the mount points that UWSGI_APPID may name.
    """

    def __init__(self, warn: Callable[[str], None], known: Collection[str], dynamic: bool) -> None:
        self._warn = warn
        self._known = known
        self._silent = {*LOADING, "UWSGI_CALLABLE"} if dynamic else set()

    def note(self, environ: dict[str, Any]) -> None:
        """Look at a request that has one of the variables."""
        for name in (*LOADING, *CHANGING):
            if name in environ and name not in self._silent:
                self._silent.add(name)
                allowed = "; dynamic-apps = DIRECTORY would allow it" if name in LOADING else ""
                self._warn(
                    f"{name} in a request is ignored: a front may not load code into this server "
                    f"or change it{allowed}"
                )
        name = "UWSGI_APPID"
        if name not in self._silent and environ.get(name, "") not in self._known:
            self._silent.add(name)
            self._warn(f"{name} in a request names no mount point; the default application answers")


class Dynamic:
    """Loads the applications that requests name, up to ``limit``, and keeps them."""

    def __init__(
        self, directories: Sequence[str], limit: int, callable_name: str | None, report: Report
    ) -> None:
        self._directories = tuple(os.path.realpath(each) for each in directories)
        self._limit = limit
        self._callable = callable_name
        self._report = report
        self._apps: dict[tuple[str, str, str], App | None] = {}
        self._full = False
        # The import system has locks of its own; this one keeps a target from being loaded twice.
        self._lock = threading.Lock()

    def find(self, environ: dict[str, Any]) -> App | None:
        """The application that an environ names, loaded now or before; None when there is none."""
        for variable in LOADING:
            value = environ.get(variable)
            if value:
                key = (variable, value, environ.get("UWSGI_CALLABLE", ""))
                break
        else:
            return None
        try:
            return self._apps[key]
        except KeyError:
            with self._lock:
                return self._apps[key] if key in self._apps else self._add(key)

    def _add(self, key: tuple[str, str, str]) -> App | None:
        if len(self._apps) >= self._limit:
            if not self._full:
                self._full = True
                self._report(
                    LoadError(f"max-apps = {self._limit}: no more are loaded for requests")
                )
            return None
        self._apps[key] = None
        try:
            self._apps[key] = self._load(*key)
        except LoadError as error:
            self._report(error)
        return self._apps[key]

    def _load(self, variable: str, value: str, name: str) -> App:
        target = Target(variable, value, callable_name=self._callable)
        if not value.isprintable():
            raise LoadError(f"{variable}: {value!r} is neither a path nor the name of a module")
        if name and not _NAME.fullmatch(name):
            raise LoadError(f"UWSGI_CALLABLE: {name!r} is not a name; expected name or factory()")
        if variable != "UWSGI_MODULE" and is_file(value):
            path = self._inside(target, value)
            module = target.import_file(path)
        else:
            dotted, _, own = value.partition(":")
            if not _NAME.fullmatch(own or "application"):
                raise LoadError(f"{target.where}: expected module or module:callable")
            name = name or own
            self._check_module(target, dotted)
            module = target.import_module(dotted)
        name = name or self._callable or "application"
        made = getattr(module, name.removesuffix("()"), None)
        # A function that the module only imported is not its author's factory.
        if name.endswith("()") and getattr(made, "__module__", "") != module.__name__:
            raise LoadError(f"{target.where}: {name} is not defined in the module")
        return target.find(module, name)

    def _inside(self, target: Target, value: str) -> str:
        for directory in self._directories:
            path = os.path.realpath(os.path.join(directory, value))
            if self._holds(path) and os.path.isfile(path):
                return path
        raise LoadError(f"{target.where}: there is no such file in the directories of dynamic-apps")

    def _holds(self, path: str) -> bool:
        return any(path.startswith(each.rstrip("/") + "/") for each in self._directories)

    def _check_module(self, target: Target, dotted: str) -> None:
        """Refuse a module that is not, from its first package on, below the directories."""
        first, *rest = dotted.split(".")
        for directory in self._directories:
            if directory not in sys.path:
                # At the end, so that nothing in it takes the place of what the server uses.
                sys.path.append(directory)
        try:
            spec = importlib.util.find_spec(first) if first.isidentifier() else None
        except (ImportError, ValueError):
            spec = None
        origin = os.path.realpath(spec.origin) if spec and spec.origin else ""
        base = os.path.join(os.path.dirname(origin), *rest)
        candidates = (origin,) if not rest else (f"{base}.py", os.path.join(base, "__init__.py"))
        found = [each for each in map(os.path.realpath, candidates) if os.path.isfile(each)]
        if not self._holds(origin) or not any(map(self._holds, found)):
            raise LoadError(
                f"{target.where}: there is no such module in the directories of dynamic-apps"
            )
