"""From the names in a configuration to callables: imports the application, and says why it cannot.

``prepare`` makes the process the one the application expects (directory, environment, module
path, virtual environment); ``load`` imports.  Both run application code, so both come after
privileges are dropped.  What can go wrong ends in a ``LoadError``: one line that names the option,
its value and the reason, and in ``detail`` the traceback without quaich's own frames.

A target is ``package.module[:callable]`` or the path of a file; a callable is a name, an attribute
path (``site.app``) or a call without arguments (``create_app()``).
"""

import difflib
import glob
import importlib
import importlib.machinery
import importlib.util
import io
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType, TracebackType
from typing import Any

from quaich.config.effective import Config
from quaich.errors import LoadError
from quaich.wsgi import virtualenv

App = Callable[..., Any]

DEFAULT_CALLABLE = "application"

_CALLABLE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*(\(\))?")
_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


@dataclass(frozen=True)
class Apps:
    """What a worker serves: mount points longest first, and what answers everything else.

    ``failed`` are the targets that could not be loaded while others could.
    """

    default: App | None
    mounts: tuple[tuple[str, App], ...] = ()
    manage_script_name: bool = False
    failed: tuple[LoadError, ...] = ()


def prepare(config: Config) -> None:
    """Set up directory, environment, standard streams and module path, in this order."""
    if config.chdir is not None:
        try:
            os.chdir(config.chdir)
        except OSError as error:
            raise LoadError(
                f"{_place(config, 'chdir')}chdir = {config.chdir}: {(error.strerror or '').lower()}"
            ) from None
    for pair in config.env:
        name, equals, value = pair.partition("=")
        if equals:
            os.environ[name] = value
        else:
            os.environ.pop(name, None)
    sys.argv = ["uwsgi"]
    _open_streams()
    if config.virtualenv is not None:
        virtualenv.activate(config.virtualenv, config.place_of("virtualenv"))
    _extend_path(config)


def _open_streams() -> None:
    # Both go to the log, as under uWSGI, and a line is there when it was printed.
    for name in ("stdout", "stderr"):
        raw = io.FileIO(2, "w", closefd=False)
        stream = io.TextIOWrapper(
            io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", line_buffering=True
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _extend_path(config: Config) -> None:
    # Python put the directory of the command, or of where it was started, in front.
    sys.path[:] = [each for each in sys.path if each and each != "."]
    sys.path.insert(0, ".")
    for pattern in config.pythonpath:
        # A pattern that matches nothing is kept: the directory may be made later.
        for path in sorted(glob.glob(pattern), reverse=True) or [pattern]:
            sys.path.insert(0, path)
    importlib.invalidate_caches()


def load(config: Config) -> Apps:
    """Import every application that the configuration names.

    Raises the first ``LoadError`` when none could be loaded, and in the modern door, where nothing
    may be missing, when one could not.
    """
    found: list[tuple[str, App]] = []
    failed: list[LoadError] = []
    for attempt in _attempts(config):
        try:
            found += [each for each in attempt() if each[0] not in dict(found)]
        except LoadError as error:
            failed.append(error)
    if failed and (not found or config.door == "modern"):
        raise failed[0]
    if not found:
        raise LoadError("no application given; name one with module, wsgi-file or mount")
    apps = dict(found)
    # Under uWSGI the application that was loaded first is the default.
    default = apps.get("", found[0][1])
    mounts = sorted((each for each in found if each[0]), key=lambda each: -len(each[0]))
    return Apps(default, tuple(mounts), config.manage_script_name, tuple(failed))


def _attempts(config: Config) -> Iterator[Callable[[], list[tuple[str, App]]]]:
    if config.module is not None:
        target = _Target("module", config.module, _place(config, "module"), config.callable)
        yield target.load_module
    if config.wsgi_file is not None:
        target = _Target(
            "wsgi-file", config.wsgi_file, _place(config, "wsgi_file"), config.callable
        )
        yield target.load_file
    for entry in config.mount:
        yield _Mount(entry, _place(config, "mount"), config.callable).load


def _place(config: Config, option: str) -> str:
    place = config.place_of(option)
    return f"{place}: " if place else ""


@dataclass(frozen=True)
class _Mount:
    entry: str
    place: str
    callable_name: str | None

    def load(self) -> list[tuple[str, App]]:
        point, equals, value = self.entry.partition("=")
        if not equals or not value:
            raise LoadError(f"{self.place}mount = {self.entry}: expected /path=application")
        target = _Target(f"mount = {point}", value, self.place, self.callable_name)
        is_file = value.endswith((".py", ".wsgi"))
        (_, app), *_ = target.load_file() if is_file else target.load_module()
        return [("" if point == "/" else point, app)]


@dataclass(frozen=True)
class _Target:
    option: str
    value: str
    place: str
    callable_name: str | None

    @property
    def _where(self) -> str:
        return f"{self.place}{self.option} = {self.value}"

    def load_module(self) -> list[tuple[str, App]]:
        name, _, wanted = self.value.partition(":")
        wanted = wanted or self.callable_name or ""
        if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", name):
            raise LoadError(
                f"{self._where}: {name!r} is not the name of a module; expected "
                f"package.module or package.module:callable{_file_hint(name)}"
            )
        module = self._run(lambda: importlib.import_module(name), name)
        if not wanted:
            several = self._applications(module)
            if several:
                return several
        return [("", self._find(module, wanted or DEFAULT_CALLABLE))]

    def load_file(self) -> list[tuple[str, App]]:
        path = self.value
        if not os.path.isfile(path):
            near = _near(os.path.basename(path), _files(os.path.dirname(path) or "."))
            kind = "not a file" if os.path.exists(path) else "there is no such file"
            raise LoadError(f"{self._where}: {kind} (in {os.getcwd()}){near}")
        name = "uwsgi_file_" + re.sub(r"[./]", "_", path.removesuffix(".py"))
        loader = importlib.machinery.SourceFileLoader(name, os.path.abspath(path))
        spec = importlib.util.spec_from_file_location(name, loader=loader)
        assert spec is not None
        module = importlib.util.module_from_spec(spec)

        def execute() -> ModuleType:
            sys.modules[name] = module
            try:
                loader.exec_module(module)
            except BaseException:
                sys.modules.pop(name, None)
                raise
            return module

        self._run(execute, name)
        return [("", self._find(module, self.callable_name or DEFAULT_CALLABLE))]

    def _run(self, execute: Callable[[], Any], name: str) -> Any:
        """Run application code; whatever it raises becomes a ``LoadError``."""
        try:
            return execute()
        except ModuleNotFoundError as error:
            trace = _trim(error.__traceback__)
            missing = error.name or ""
            if trace is None and (name == missing or name.startswith(f"{missing}.")):
                near = _near(missing.rpartition(".")[2], _modules("."))
                raise LoadError(
                    f"{self._where}: no module named {missing!r} (looked in {_looked_in()}){near}"
                ) from None
            raise self._raised(error) from None
        except (Exception, SystemExit) as error:
            raise self._raised(error) from None

    def _raised(self, error: BaseException) -> LoadError:
        trace = _trim(error.__traceback__)
        detail = "".join(traceback.format_exception(type(error), error, trace))
        last = traceback.format_exception_only(type(error), error)[-1].strip()
        where = ""
        if isinstance(error, SyntaxError) and error.filename:
            where = f" ({error.filename}:{error.lineno})"
        elif trace is not None:
            frame = traceback.extract_tb(trace)[-1]
            where = f" ({frame.filename}:{frame.lineno})"
        return LoadError(f"{self._where}: {last}{where}", detail)

    def _find(self, module: ModuleType, wanted: str) -> App:
        """The callable that ``wanted`` names in the module."""
        if not _CALLABLE.fullmatch(wanted):
            raise LoadError(
                f"{self._where}: {wanted!r} is not a callable's name; "
                "expected name, object.name or factory()"
            )
        path = wanted.removesuffix("()")
        found: Any = module
        for name in path.split("."):
            try:
                found = getattr(found, name)
            except AttributeError:
                raise LoadError(
                    f"{self._where}: there is no {wanted!r} in {_describe(module)}"
                    + _callables(module, path)
                ) from None
        if not callable(found):
            raise LoadError(
                f"{self._where}: {path!r} is of type {type(found).__name__}; expected a callable"
                + _callables(module, path)
            )
        if wanted.endswith("()"):
            made = self._run(found, "")
            if not callable(made):
                raise LoadError(
                    f"{self._where}: {wanted} returned a {type(made).__name__}; expected a callable"
                )
            found = made
        app: App = found
        return app

    def _applications(self, module: ModuleType) -> list[tuple[str, App]]:
        """uWSGI's dictionary of several applications in one module."""
        table = getattr(module, "applications", None)
        if not isinstance(table, dict):
            return []
        found = []
        for point, app in table.items():
            if isinstance(point, bytes):
                point = point.decode("latin-1")
            if isinstance(app, bytes):
                app = app.decode("latin-1")
            if not isinstance(point, str):
                return []
            if isinstance(app, str):
                app = self._find(module, app)
            if not callable(app):
                return []
            found.append(("" if point == "/" else point, app))
        return found


def _trim(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame that is neither quaich's nor the import system's."""
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if not file.startswith((_OURS, "<frozen importlib")) and file != importlib.__file__:
            return trace
        trace = trace.tb_next
    return None


def _describe(module: ModuleType) -> str:
    return getattr(module, "__file__", None) or module.__name__


def _callables(module: ModuleType, wanted: str) -> str:
    """``; it has app and create_app``: what the module defines that could be meant."""
    names = [
        name
        for name, value in vars(module).items()
        if (
            callable(value)
            and not name.startswith("_")
            and getattr(value, "__module__", None) in (None, module.__name__)
        )
        or (not name.startswith("_") and callable(value) and _is_instance(value))
    ]
    if not names:
        return "; it defines no callable"
    names.sort(key=lambda name: -difflib.SequenceMatcher(None, name, wanted).ratio())
    return f"; it has {', '.join(names[:5])}"


def _is_instance(value: object) -> bool:
    # Imported classes and functions are rarely the application; instances (Flask()) often are.
    return not isinstance(value, type) and not hasattr(value, "__qualname__")


def _looked_in() -> str:
    own = [os.path.abspath(each) for each in sys.path[: sys.path.index(".") + 1]]
    return ", ".join(own) + " and the packages of Python"


def _files(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []


def _modules(directory: str) -> list[str]:
    return [name.removesuffix(".py") for name in _files(directory) if name.endswith(".py")]


def _near(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _file_hint(name: str) -> str:
    return "; for a file use wsgi-file" if name.endswith(".py") or "/" in name else ""
