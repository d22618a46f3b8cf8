"""Sees which source files below some directories change: by watchfiles if it is installed, else by
looking every half second.

Environments, caches and hidden directories are not looked into, nor are files that an application
may write while it serves.
"""

import importlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from quaich.master.watch import changed, stamp

SUFFIXES = (".py", ".html", ".jinja", ".jinja2", ".j2", ".toml", ".ini", ".yaml", ".yml", ".env")
_SKIPPED = frozenset(("node_modules", "__pycache__", "venv", "build", "dist", "site-packages"))
# Of a directory that holds more than an application, such as a home, only a part is looked at.
_MOST_FILES = 20000
_MOST_DIRECTORIES = 2000
_PAUSE = 0.5

Tell = Callable[[list[str]], None]


def is_source(path: str) -> bool:
    """Whether a change of this file may be one of the application."""
    parts = path.split("/")
    if any(each in _SKIPPED or (each.startswith(".") and len(each) > 2) for each in parts[:-1]):
        return False
    name = parts[-1]
    # Editors write beside the file first: .#name, name~, 4913.
    is_hidden = name.startswith(".") and name != ".env"
    return name.endswith(SUFFIXES) and not is_hidden


def differences(before: Mapping[str, int | None], after: Mapping[str, int | None]) -> list[str]:
    """The paths that were written, created or removed in between."""
    return sorted(
        path
        for path in before.keys() | after.keys()
        if changed(before.get(path), after.get(path)) or after.get(path) != before.get(path)
    )


def snapshot(roots: Sequence[str]) -> dict[str, int | None]:
    """Every source file below the roots, with the time it was written."""
    return {path: stamp(path) for path in _files(roots)}


def _files(roots: Sequence[str]) -> Iterator[str]:
    directories = count = 0
    for root in roots:
        for directory, inside, names in os.walk(root):
            directories += 1
            if directories > _MOST_DIRECTORIES:
                return
            inside[:] = sorted(
                each
                for each in inside
                if is_source(f"{each}/x.py")
                and not os.path.exists(os.path.join(directory, each, "pyvenv.cfg"))
            )
            for name in names:
                if is_source(name):
                    count += 1
                    if count > _MOST_FILES:
                        return
                    yield os.path.join(directory, name)


class Watcher:
    """Tells of changes from a thread of its own, until it is stopped."""

    def __init__(self, roots: Sequence[str], tell: Tell) -> None:
        self._roots = list(roots)
        self._tell = tell
        self._stopped = threading.Event()
        self._library = _watchfiles()
        self._before = {} if self._library else snapshot(self._roots)
        self._thread = threading.Thread(target=self._run, name="quaich-watch", daemon=True)

    @property
    def how(self) -> str:
        """How it looks, for people."""
        return "watchfiles" if self._library else "polling; pip install quaich[dev] is faster"

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        self._thread.join(5)

    def _run(self) -> None:
        if self._library is not None:
            self._by_library(self._library)
        else:
            self._by_looking()

    def _by_looking(self) -> None:
        while not self._stopped.wait(_PAUSE):
            after = snapshot(self._roots)
            found = differences(self._before, after)
            self._before = after
            if found:
                self._tell(found)

    def _by_library(self, library: Any) -> None:
        found = library.watch(
            *self._roots,
            watch_filter=lambda _, path: self._is_ours(path),
            stop_event=self._stopped,
            raise_interrupt=False,
        )
        for changes in found:
            self._tell(sorted({path for _, path in changes}))

    def _is_ours(self, path: str) -> bool:
        return any(
            is_source(os.path.relpath(path, root))
            for root in self._roots
            if path.startswith(root.rstrip("/") + "/")
        )


def _watchfiles() -> Any:
    try:
        return importlib.import_module("watchfiles")
    except ImportError:
        return None
