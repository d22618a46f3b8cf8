"""Values taken from a TOML-like table, each with its kind; pure.

A mistake raises QuaichError: place, key, what was expected and what is there.  A key that nobody
took is a mistake as well, with the nearest that exists.
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import NoReturn, TypeVar

from quaich.config.base import printable
from quaich.config.suggest import hint
from quaich.errors import QuaichError

T = TypeVar("T")

_SHOWN = 80
_SIZE = re.compile(r"([0-9]{1,12})([kmg]?)", re.IGNORECASE)
_DURATION = re.compile(r"([0-9]{1,9})([smhd]?)")
_FACTORS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


class Wrong(Exception):
    """A value is not what a check expects; the text says what that is."""


class Fields:
    """One table while it is read; ``prefix`` stands before its keys in messages."""

    def __init__(self, table: Mapping[str, object], place: str, prefix: str = "") -> None:
        self._table = table
        self._place = place
        self._prefix = prefix
        self._known: list[str] = []

    def fail(self, key: str, expected: str, value: object) -> NoReturn:
        """Raise the mistake of ``key``."""
        shown = value if isinstance(value, str) else repr(value)
        shown = f"{shown[:_SHOWN]}..." if len(shown) > _SHOWN else shown
        self.refuse(key, f'expected {expected}, got "{shown}"')

    def refuse(self, key: str, text: str) -> NoReturn:
        """Raise a mistake of ``key`` that is not one of its value alone."""
        raise QuaichError(printable(f"{self._place}: {self._prefix}{key}: {text}"))

    def has(self, key: str) -> bool:
        """Whether the key was written; it is known from then on."""
        self._known.append(key)
        return key in self._table

    def value(self, key: str, check: Callable[[object], T], default: T) -> T:
        """The checked value of a key, or the default when it was not written."""
        if not self.has(key):
            return default
        found = self._table[key]
        try:
            return check(found)
        except Wrong as error:
            self.fail(key, str(error), found)

    def needed(self, key: str, check: Callable[[object], T]) -> T:
        """The checked value of a key that must be there."""
        if not self.has(key):
            self.missing(key, "a value")
        found = self._table[key]
        try:
            return check(found)
        except Wrong as error:
            self.fail(key, str(error), found)

    def missing(self, key: str, expected: str) -> NoReturn:
        """Raise that a key is not there, or the one that was written in its place."""
        for each in self._table:
            if hint(str(each), [key]):
                self.refuse(str(each), f"there is no such key; did you mean {key}?")
        self.refuse(key, f"is missing: expected {expected}")

    def values(self, key: str, check: Callable[[object], T]) -> tuple[T, ...]:
        """The checked values of an array; a single value is an array of one."""
        if not self.has(key):
            return ()
        found = self._table[key]
        made = []
        for each in found if isinstance(found, (list, tuple)) else [found]:
            try:
                made.append(check(each))
            except Wrong as error:
                self.fail(key, str(error), each)
        return tuple(made)

    def tables(self, key: str) -> tuple["Fields", ...]:
        """The tables of an array of tables, ``[[nginx.KEY]]``."""
        if not self.has(key):
            return ()
        found = self._table[key]
        if isinstance(found, Mapping):
            found = [found]
        if not isinstance(found, (list, tuple)):
            self.fail(key, "an array of tables", found)
        made = []
        for number, each in enumerate(found, 1):
            if not isinstance(each, Mapping):
                self.fail(key, "a table", each)
            made.append(Fields(each, self._place, f"{self._prefix}{key}[{number}]."))
        return tuple(made)

    def table(self, key: str) -> "Fields | None":
        """The table ``[nginx.KEY]``, if there is one."""
        if not self.has(key):
            return None
        found = self._table[key]
        if not isinstance(found, Mapping):
            self.fail(key, "a table", found)
        return Fields(found, self._place, f"{self._prefix}{key}.")

    def pairs(self, key: str) -> Mapping[str, object]:
        """A table whose keys are the operator's."""
        if not self.has(key):
            return {}
        found = self._table[key]
        if not isinstance(found, Mapping):
            self.fail(key, "a table", found)
        return found

    def done(self) -> None:
        """Raise for a key that was not asked for."""
        for key in self._table:
            if key not in self._known:
                suggestion = hint(str(key), self._known)
                self.refuse(str(key), f"there is no such key{suggestion}")


def flag(value: object) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise Wrong("true or false")
    return value


def text(value: object) -> str:
    """A string of printable characters, in one line."""
    if not isinstance(value, str) or not value.isprintable():
        raise Wrong("a text of one line")
    return value


def number(low: int, high: int) -> Callable[[object], int]:
    """A whole number within bounds."""

    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise Wrong(f"a number from {low} to {high}")
        return value

    return check


def choice(known: Collection[str]) -> Callable[[object], str]:
    """One of several words."""

    def check(value: object) -> str:
        if not isinstance(value, str) or value not in known:
            suggestion = hint(value, known) if isinstance(value, str) else ""
            raise Wrong(f"one of {', '.join(known)}{suggestion}")
        return value

    return check


def size(value: object) -> int:
    """Octets, as a number or like ``8m``."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise Wrong("a size like 8m or 512k")
    return int(found[1]) * _FACTORS[found[2].lower()]


def seconds(value: object) -> int:
    """Seconds, as a number or like ``10s``, ``5m``, ``1h``, ``1d``."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9:
        return value
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise Wrong("a time like 10s, 5m, 1h or 1d")
    return int(found[1]) * _SECONDS[found[2]]
