"""The files that an application was loaded from, as the master watches them (py-auto-reload).

They are those of all imported modules, and those that the traceback of a failed load names: mending
one of these must be noticed too, although nothing that it defines was imported.
"""

import os
import re
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from quaich.patterns import pattern

_FRAME = pattern(r'^ *File "(.+)", line [0-9]+', re.MULTILINE)
_COMPILED = (".pyc", ".pyo")


def of_modules(modules: Mapping[str, Any], ignore: Collection[str]) -> set[str]:
    """The files of modules, by their whole path."""
    found = set()
    # Another thread may be importing.
    for name, module in list(modules.items()):
        path = getattr(module, "__file__", None)
        if name in ignore or not isinstance(path, str) or not path:
            continue
        found.add(os.path.abspath(path[:-1] if path.endswith(_COMPILED) else path))
    return found


def in_traceback(text: str) -> set[str]:
    """The files that a formatted traceback goes through, and the one of a syntax error."""
    return {os.path.abspath(path) for path in _FRAME.findall(text) if not path.startswith("<")}


class Reporter:
    """Tells of each file once; ``ignore`` are names of modules."""

    def __init__(self, ignore: Collection[str], tell: Callable[[Iterable[str]], None]) -> None:
        self._ignore = frozenset(ignore)
        self._tell = tell
        self._told: set[str] = set()

    def report(self, tracebacks: Iterable[str] = ()) -> None:
        """Tell of what was imported since the last time, and of what failed."""
        found = of_modules(sys.modules, self._ignore)
        for text in tracebacks:
            found |= in_traceback(text)
        fresh = found - self._told
        if fresh:
            self._told |= fresh
            self._tell(sorted(fresh))

    def keep_reporting(self, interval: float) -> None:
        """Do so from a thread of its own, for what is imported by requests."""

        def run() -> None:
            while True:
                time.sleep(interval)
                self.report()

        threading.Thread(target=run, name="quaich-sources", daemon=True).start()
