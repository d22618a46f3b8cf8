"""Whose fault a failed import is, and what was probably meant: the words of a ``LoadError``.

A traceback is shown from the application's first frame on, so that neither quaich's nor the
import system's frames stand between a user and their mistake.
"""

import difflib
import importlib
import os
import re
import sys
import traceback
from types import ModuleType, TracebackType

from quaich.errors import LoadError

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def trim(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame that is neither quaich's nor the import system's."""
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if not file.startswith((_OURS, "<frozen ")) and file != importlib.__file__:
            return trace
        trace = trace.tb_next
    return None


def raised(where: str, error: BaseException) -> LoadError:
    """What application code raised while it was loaded."""
    trace = trim(error.__traceback__)
    detail = "".join(traceback.format_exception(type(error), error, trace))
    lines = traceback.format_exception_only(type(error), error)
    last = " ".join(lines[-1].split())
    at = ""
    if isinstance(error, SyntaxError) and error.filename:
        at = f" ({error.filename}:{error.lineno})"
    elif trace is not None:
        frame = traceback.extract_tb(trace)[-1]
        at = f" ({frame.filename}:{frame.lineno})"
    return LoadError(f"{where}: {last}{at}", detail)


def missing(where: str, name: str) -> LoadError:
    """There is no module of this name."""
    close = near(name.rpartition(".")[2], _modules("."))
    return LoadError(f"{where}: no module named {name!r} (looked in {_looked_in()}){close}")


def no_file(where: str, path: str) -> LoadError:
    """There is no file at this path."""
    if os.path.exists(path):
        return LoadError(f"{where}: not a file (in {os.getcwd()})")
    hint = ""
    scheme = re.match(r"([a-z]+)://", path)
    if scheme:
        hint = f"; {scheme.group(1)}:// is not read, only a file of this machine is"
    else:
        hint = near(os.path.basename(path), _files(os.path.dirname(path) or "."))
    return LoadError(f"{where}: there is no such file (in {os.getcwd()}){hint}")


def describe(module: ModuleType) -> str:
    """The file of a module, or its name."""
    return getattr(module, "__file__", None) or module.__name__


def callables(module: ModuleType, wanted: str) -> str:
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


def near(name: str, known: list[str]) -> str:
    """``; did you mean shop.py?``, or nothing."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _is_instance(value: object) -> bool:
    # Imported classes and functions are rarely the application; instances (Flask()) often are.
    return not isinstance(value, type) and not hasattr(value, "__qualname__")


def _looked_in() -> str:
    known = sys.path[: sys.path.index(".") + 1] if "." in sys.path else sys.path[:1]
    return ", ".join(os.path.abspath(each) for each in known) + " and the packages of Python"


def _files(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []


def _modules(directory: str) -> list[str]:
    return [name.removesuffix(".py") for name in _files(directory) if name.endswith(".py")]
