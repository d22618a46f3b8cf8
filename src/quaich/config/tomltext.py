"""TOML as configuration: the table ``[uwsgi]`` or ``[quaich]``; an array repeats its key.

The standard library reads TOML from Python 3.11 on; before that the file is refused with a word.
It gives no lines, so a key's line is looked up in the text.
"""

import re
from importlib import import_module
from typing import Any

from quaich.config.document import MAX_DEPTH, Document, Malformed, Setting

MAX_BYTES = 1024 * 1024
_PLACE = re.compile(r"at line (\d+), column (\d+)")
_BY_DEFAULT = ("quaich", "uwsgi")


def read(text: str, section: str, named: bool) -> Document:
    """The settings of a table; ``named`` is whether it was asked for by name."""
    tables = parse(text)
    document = Document()
    for name in (section,) if named else _BY_DEFAULT:
        table = tables.get(name)
        if table is None:
            continue
        document.found = True
        if not isinstance(table, dict):
            raise Malformed(f"expected a table [{name}]", line_of(text, name, 0))
        start = header(text, name)
        for key, value in table.items():
            line = line_of(text, key, start)
            document.settings += [Setting(line, key, word) for word in _words(key, value, line, 1)]
    return document


def parse(text: str) -> dict[str, Any]:
    """The tables of a text; raises Malformed with the line where it is none."""
    try:
        tomllib: Any = import_module("tomllib")
    except ImportError:
        raise Malformed("TOML needs Python 3.11 or later; use ini or JSON", 1, 0, "QX144") from None
    if len(text) > MAX_BYTES:
        raise Malformed(f"larger than {MAX_BYTES >> 20} MiB", 1, 0, "QX141")
    try:
        tables: dict[str, Any] = tomllib.loads(text)
    except RecursionError:
        raise Malformed("nested too deeply", 1, 0, "QX141") from None
    except ValueError as error:
        place = _PLACE.search(str(error))
        line, column = (int(place[1]), int(place[2])) if place else (1, 0)
        message = _PLACE.sub("", str(error)).removesuffix(" ()")
        raise Malformed(f"malformed TOML: {message}", line, column) from None
    return tables


def _words(key: str, value: Any, line: int, depth: int) -> list[str]:
    if depth > MAX_DEPTH:
        raise Malformed("nested too deeply", line, 0, "QX141")
    if isinstance(value, list):
        return [word for element in value for word in _words(key, element, line, depth + 1)]
    if isinstance(value, dict):
        raise Malformed(f"{key}: expected a value or an array of values, got a table", line)
    if isinstance(value, bool):
        return ["true" if value else "false"]
    return [str(value)]


def header(text: str, name: str) -> int:
    """Where the header of a table ends, or 0."""
    found = re.search(rf"^[ \t]*\[[ \t\"']*{re.escape(name)}[ \t\"']*\]", text, re.MULTILINE)
    return found.end() if found else 0


def line_of(text: str, key: str, start: int) -> int:
    """The line of the first assignment to a key from ``start`` on, 1 where there is none."""
    pattern = rf"^[ \t]*[\"']?{re.escape(key)}[\"']?[ \t]*="
    found = re.compile(pattern, re.MULTILINE).search(text, start)
    return text.count("\n", 0, found.start()) + 1 if found else 1
