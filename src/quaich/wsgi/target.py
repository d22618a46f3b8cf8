"""One target of a configuration (a module, a file, a piece of code, a paste ini) and its callable.

A callable is a name, an attribute path (``site.app``) or a call without arguments
(``create_app()``).  Whatever application code raises while it is loaded becomes a ``LoadError``;
a module that failed is not left among the imported ones.
"""

import importlib
import importlib.machinery
import importlib.util
import os
import re
import sys
from collections.abc import Callable
from types import CodeType, ModuleType
from typing import Any

from quaich.errors import LoadError
from quaich.patterns import pattern
from quaich.values import dataclass
from quaich.wsgi import blame

App = Callable[..., Any]
Found = list[tuple[str, App]]

DEFAULT_CALLABLE = "application"
EVAL_NAME = "uwsgi_eval_config"
FILES = (".py", ".wsgi")

_MODULE = pattern(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_CALLABLE = pattern(r"[^\W\d]\w*(\.[^\W\d]\w*)*(\(\))?")


class _Source(importlib.machinery.SourceFileLoader):
    """Loads a file of any extension, without a cache that ``app.wsgi`` and ``app.py`` share."""

    def get_code(self, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


def is_file(value: str) -> bool:
    """Whether a target of ``mount`` or ``import`` is a file and not a module."""
    return value.endswith(FILES) or "/" in value


@dataclass(frozen=True)
class Target:
    """A value, the option it was given to, and where that was written."""

    option: str
    value: str
    place: str = ""
    callable_name: str | None = None

    @property
    def where(self) -> str:
        """How an error names it."""
        prefix = f"{self.place}: " if self.place else ""
        return f"{prefix}{self.option} = {self.value}"

    def load(self) -> App:
        """The one application of a target that may be any of these (``mount``)."""
        value = self.value.partition("#")[0]
        if value.endswith(".ini") or value.startswith("config:"):
            return self.load_paste(False)[0][1]
        found = self.load_file() if is_file(value.partition(":")[0]) else self.load_module()
        return dict(found).get("", found[0][1])

    def load_module(self) -> Found:
        """``package.module[:callable]``; several when the module has uWSGI's dictionary."""
        name, _, wanted = self.value.partition(":")
        wanted = wanted or self.callable_name or ""
        module = self.import_module(name)
        several = self._applications(module, bool(wanted))
        return several or [("", self.find(module, wanted or DEFAULT_CALLABLE))]

    def load_file(self) -> Found:
        """A path, also ``path:callable``."""
        path, colon, wanted = self.value.rpartition(":")
        if not colon or os.path.exists(self.value) or not _CALLABLE.fullmatch(wanted):
            path, wanted = self.value, ""
        module = self.import_file(path)
        return [("", self.find(module, wanted or self.callable_name or DEFAULT_CALLABLE))]

    def load_code(self) -> Found:
        """Python code, as the module that uWSGI calls ``uwsgi_eval_config``."""
        module = ModuleType(EVAL_NAME)

        def execute() -> None:
            exec(compile(self.value, EVAL_NAME, "exec"), vars(module))

        self._place(EVAL_NAME, module, execute)
        return [("", self.find(module, self.callable_name or DEFAULT_CALLABLE))]

    def load_paste(self, logging: bool) -> Found:
        """The application of a PasteDeploy file: ``config:/path#name``, or only a path."""
        uri = self.value if re.match(r"(config|egg|call):", self.value) else f"config:{self.value}"
        deploy = self._extra("paste.deploy", "PasteDeploy", "quaich[paste]")
        path = uri.removeprefix("config:").partition("#")[0]
        if uri.startswith("config:") and not os.path.isfile(path):
            raise blame.no_file(self.where, path)

        def deployed() -> Any:
            if logging:
                _set_up_logging(os.path.abspath(path))
            return deploy.loadapp(uri, relative_to=os.getcwd())

        return [("", self._made(deployed, uri))]

    def load_pecan(self) -> Found:
        """The application of a Pecan configuration file."""
        if not os.path.isfile(self.value):
            raise blame.no_file(self.where, self.value)
        deploy = self._extra("pecan.deploy", "Pecan", "pecan")
        return [("", self._made(lambda: deploy.deploy(self.value), "pecan.deploy"))]

    def import_any(self) -> ModuleType:
        """Import a module or a file, whichever it is."""
        if is_file(self.value):
            return self.import_file(self.value)
        return self.import_module(self.value)

    def import_module(self, name: str) -> ModuleType:
        """Import a module by its name."""
        if not _MODULE.fullmatch(name):
            hint = "; for a file use wsgi-file" if is_file(name) else ""
            raise LoadError(
                f"{self.where}: {name!r} is not the name of a module; expected "
                f"package.module or package.module:callable{hint}"
            )
        module: ModuleType = self._run(lambda: importlib.import_module(name), name)
        return module

    def import_file(self, path: str, name: str = "") -> ModuleType:
        """Run a file as a module, by the name that uWSGI gives it unless another is wanted."""
        if not os.path.isfile(path):
            raise blame.no_file(self.where, path)
        name = name or "uwsgi_file_" + re.sub(r"[./]", "_", path.removesuffix(".py"))
        loader = _Source(name, os.path.abspath(path))
        spec = importlib.util.spec_from_file_location(name, loader=loader)
        assert spec is not None
        module = importlib.util.module_from_spec(spec)
        self._place(name, module, lambda: loader.exec_module(module))
        return module

    def _place(self, name: str, module: ModuleType, execute: Callable[[], None]) -> None:
        def placed() -> None:
            sys.modules[name] = module
            try:
                execute()
            except BaseException:
                sys.modules.pop(name, None)
                raise

        self._run(placed, name)

    def _run(self, execute: Callable[[], Any], name: str) -> Any:
        """Run application code; whatever it raises becomes a ``LoadError``."""
        try:
            return execute()
        except ModuleNotFoundError as error:
            absent = error.name or ""
            if blame.trim(error.__traceback__) is None and (
                name == absent or name.startswith(f"{absent}.")
            ):
                raise blame.missing(self.where, absent) from None
            raise blame.raised(self.where, error) from None
        except BaseException as error:
            # What a signal handler of ours raises says that nothing is to be loaded any more.
            if not isinstance(error, Exception) and type(error).__module__.startswith("quaich."):
                raise
            raise blame.raised(self.where, error) from None

    def _extra(self, name: str, package: str, requirement: str) -> Any:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if not name.startswith(error.name or "?"):
                raise blame.raised(self.where, error) from None
            raise LoadError(
                f"{self.where}: {package} is not installed for {sys.executable}; "
                f'install it there: pip install "{requirement}"'
            ) from None
        except Exception as error:
            raise blame.raised(self.where, error) from None

    def find(self, module: ModuleType, wanted: str) -> App:
        """The callable that ``wanted`` names in the module."""
        if not _CALLABLE.fullmatch(wanted):
            raise LoadError(
                f"{self.where}: {wanted!r} is not a callable's name; "
                "expected name, object.name or factory()"
            )
        path = wanted.removesuffix("()")
        found: Any = module
        for name in path.split("."):
            try:
                found = getattr(found, name)
            except AttributeError:
                raise LoadError(
                    f"{self.where}: there is no {wanted!r} in {blame.describe(module)}"
                    + blame.callables(module, path)
                ) from None
        if not callable(found):
            raise LoadError(
                f"{self.where}: {path!r} is of type {type(found).__name__}; expected a callable"
                + blame.callables(module, path)
            )
        return self._made(found, wanted) if wanted.endswith("()") else found

    def _made(self, factory: Callable[[], Any], name: str) -> App:
        made = self._run(factory, "")
        if not callable(made):
            raise LoadError(
                f"{self.where}: {name} returned a {type(made).__name__}; expected a callable"
            )
        app: App = made
        return app

    def _applications(self, module: ModuleType, named: bool) -> Found:
        """uWSGI's dictionary of several applications in one module.

        Keys in bytes are uWSGI's and go before a callable that was named; with other keys the
        dictionary counts only when nothing was named and all of it makes sense.
        """
        table = getattr(module, "applications", None)
        if not isinstance(table, dict) or not table:
            return []
        sure = all(isinstance(point, bytes) for point in table)
        if named and not sure:
            return []
        found = []
        for point, app in table.items():
            point = point.decode("latin-1") if isinstance(point, bytes) else point
            app = app.decode("latin-1") if isinstance(app, bytes) else app
            if isinstance(point, str) and isinstance(app, str):
                app = self.find(module, app)
            if not isinstance(point, str) or not callable(app):
                if sure:
                    raise LoadError(
                        f"{self.where}: applications[{point!r}] is of type {type(app).__name__}; "
                        "expected a callable or the name of one"
                    )
                return []
            found.append(("" if point == "/" else point, app))
        return found


def _set_up_logging(path: str) -> None:
    import logging.config

    defaults = {"__file__": path, "here": os.path.dirname(path)}
    logging.config.fileConfig(path, defaults, disable_existing_loggers=False)
