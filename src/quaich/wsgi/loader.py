"""From the names in a configuration to callables: imports the application, and says why it cannot.

``prepare`` makes the process the one the application expects (directory, environment, module
path, virtual environment); ``load`` imports.  Both run application code, so both come after
privileges are dropped.  What can go wrong ends in a ``LoadError``: one line that names the option,
its value and the reason, and in ``detail`` the traceback without quaich's own frames.

As under uWSGI the first application at a mount point stays, and what is not mounted at all is
answered by the one at the root or else by the first that was loaded.
"""

import glob
import importlib
import io
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial

from quaich.config.effective import Config
from quaich.errors import LoadError
from quaich.values import dataclass, replace
from quaich.wsgi import virtualenv
from quaich.wsgi.target import App, Found, Target


@dataclass(frozen=True)
class Apps:
    """What a worker serves: mount points longest first, and what answers everything else.

    ``root`` is the application that is mounted nowhere, ``failed`` are the targets that could not
    be loaded while others could.
    """

    default: App | None
    mounts: tuple[tuple[str, App], ...] = ()
    root: App | None = None
    failed: tuple[LoadError, ...] = ()


def prepare(config: Config, to_log: bool = True) -> Config:
    """Set up directory, environment, standard streams and module path, in this order.

    The configuration returned no longer depends on the directory that the process was in.  With
    ``to_log`` standard output goes to the log too.
    """
    if config.ini_paste is not None:
        # The only path that was already followed from the directory of the start.
        config = replace(config, ini_paste=os.path.abspath(config.ini_paste))
    if config.ini_paste_logged is not None:
        config = replace(config, ini_paste_logged=os.path.abspath(config.ini_paste_logged))
    if config.chdir is not None:
        change_directory(config, "chdir", config.chdir)
    for pair in config.env:
        name, equals, value = pair.partition("=")
        if equals:
            os.environ[name] = value
        else:
            os.environ.pop(name, None)
    sys.argv = ["uwsgi", *(config.pyargv or "").split()]
    if to_log:
        _open_streams()
    if config.virtualenv is not None:
        virtualenv.activate(config.virtualenv, config.place_of("virtualenv"))
    if config.py_executable is not None:
        sys.executable = config.py_executable
    _extend_path(config)
    return config


def change_directory(config: Config, option: str, path: str) -> None:
    """Change to the directory of an option; raises LoadError."""
    try:
        os.chdir(path)
    except OSError as error:
        place = config.place_of(option)
        raise LoadError(
            f"{place}{': ' if place else ''}{option} = {path}: {(error.strerror or '').lower()}"
        ) from None


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
    found: Found = []
    failed: list[LoadError] = []
    for attempt in _attempts(config):
        try:
            found += [each for each in attempt() if each[0] not in dict(found)]
        except LoadError as error:
            failed.append(error)
    if failed and (config.door == "modern" or not (found or config.dynamic_apps)):
        raise failed[0]
    if not found and not config.dynamic_apps:
        raise LoadError("no application given; name one with module, wsgi-file or mount")
    root = dict(found).get("")
    default = None if config.no_default_app or not found else root or found[0][1]
    mounts = sorted((each for each in found if each[0]), key=lambda each: -len(each[0]))
    return Apps(default, tuple(mounts), root, tuple(failed))


def _attempts(config: Config) -> Iterator[Callable[[], Found]]:
    """In uWSGI's order; an import gives no application."""

    def target(option: str, value: str) -> Target:
        return Target(option, value, config.place_of(option), config.callable)

    for pair in config.pymodule_alias:
        yield partial(_alias, target("pymodule-alias", pair))
    for name in config.imports:
        yield partial(_import, target("import", name))
    if config.module is not None:
        yield target("module", config.module).load_module
    if config.wsgi_file is not None:
        yield target("wsgi-file", config.wsgi_file).load_file
    for option, path, logging in (
        ("paste", config.paste, config.paste_logger),
        ("ini-paste", config.ini_paste, config.paste_logger),
        ("ini-paste-logged", config.ini_paste_logged, True),
    ):
        if path is not None:
            yield partial(target(option, path).load_paste, logging)
    if config.pecan is not None:
        yield target("pecan", config.pecan).load_pecan
    if config.eval is not None:
        yield target("eval", config.eval).load_code
    for entry in config.mount:
        yield partial(_mounted, target("mount", entry))


def _mounted(target: Target) -> Found:
    point, equals, value = target.value.partition("=")
    if not equals or not value or (point and not point.startswith("/")):
        raise LoadError(f"{target.where}: expected /path=application")
    app = replace(target, option=f"mount = {point}", value=value).load()
    return [(point.rstrip("/"), app)]


def _import(target: Target) -> Found:
    target.import_any()
    return []


def _alias(target: Target) -> Found:
    name, _, value = target.value.partition("=")
    wanted = replace(target, value=value)
    if value.endswith(".py") or "/" in value:
        wanted.import_file(value, name)
    else:
        sys.modules[name] = wanted.import_module(value)
    return []
