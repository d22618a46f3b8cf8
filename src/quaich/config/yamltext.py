"""YAML as configuration: what most files hold is read here, all else by PyYAML.

uWSGI is usually built with a reader of its own that knows lines ``key: value`` below ``uwsgi:``,
takes every ``#`` for a comment and stops at the first line that is anything else.  Such files,
and what they may hold that YAML itself refuses (a value that begins with ``%`` or ``@``), are
read the same way without any library.  A file with lists, quotes, several levels or anything else
that uWSGI would cut off or misread is real YAML: it needs PyYAML (the extra ``yaml``), and is
read as it was meant, with a remark.
"""

import re
from importlib import import_module
from typing import Any

from quaich.config.document import (
    MAX_DEPTH,
    MAX_VALUES,
    Document,
    Malformed,
    Remark,
    Setting,
)

# PyYAML takes seconds for a megabyte, and a configuration is never near this.
MAX_BYTES = 256 * 1024
# The search for what to quote is quadratic in a line's length.
_MAX_BARE = 2000
_HEAD = re.compile(r"([^\s#:][^#:]*):[ \t]*(?:#.*)?")
_PAIR = re.compile(r"([ \t]+)([^\s#:\"'-][^#:]*): (.*)")
_OUTSIDE = re.compile(r"[A-Za-z_][^#:]*: [^\[{\"'|>&*!].*")
_SPECIAL = re.compile(r"[\[\]{}\"'|>&*!?`-]|.*: ")
_SKIPPED = re.compile(r"[ \t]*(?:#.*)?|---.*|%.*")
_BARE = re.compile(r"^(\s*(?:- +)*(?:[^\s#:\"'\[{][^#:]*: +)?)([%@][^#\n]*?)([ \t]*(?: #.*)?)$")


def read(text: str, section: str) -> Document:
    """The settings of the mapping under a name."""
    return _plain(text, section) or _full(text, section)


def _plain(text: str, section: str) -> Document | None:
    """What uWSGI's own reader finds, if it would find everything."""
    document = Document()
    current = None
    indent: str | None = None
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.rstrip(" \t\r")
        if _SKIPPED.fullmatch(line):
            continue
        head = _HEAD.fullmatch(line)
        if head:
            current, indent = head[1].rstrip(), None
            if current == section and document.found:
                return None
            document.found = document.found or current == section
            continue
        if _OUTSIDE.fullmatch(line):
            current = None
            continue
        pair = _PAIR.fullmatch(line)
        if pair is None or current is None:
            return None
        if current != section:
            continue
        value = pair[3].strip(" \t")
        if (indent is not None and indent != pair[1]) or _SPECIAL.match(value):
            return None
        indent = pair[1]
        value, hash_, _ = value.partition("#")
        if hash_ and value and value[-1] not in " \t":
            return None
        document.settings.append(Setting(number, pair[2].rstrip(), value.rstrip(" \t")))
    return document


def _full(text: str, section: str) -> Document:
    try:
        yaml: Any = import_module("yaml")
    except ImportError:
        line = _first_special(text)
        raise Malformed(
            "lists, quotes and nesting need PyYAML; install quaich[yaml], or write one key: value "
            "per line",
            line,
            0,
            "QX144",
        ) from None
    if len(text) > MAX_BYTES:
        raise Malformed(f"larger than {MAX_BYTES >> 10} KiB", 1, 0, "QX141")
    quoted = "\n".join(_quote(line) for line in text.split("\n"))
    try:
        root = yaml.compose(quoted, Loader=yaml.SafeLoader)
    except RecursionError:
        raise Malformed("nested too deeply", 1, 0, "QX141") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error).split("\n")[0]
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 0)
        raise Malformed(f"malformed YAML: {problem}", line, column) from None
    except ValueError as error:
        raise Malformed(f"malformed YAML: {error}", 1) from None
    document = Document()
    if root is None:
        return document
    if root.id != "mapping":
        raise Malformed("expected a mapping", root.start_mark.line + 1)
    for name, node in root.value:
        if name.id == "scalar" and name.value == section:
            document.found = True
            _add_mapping(document, node, section)
    return document


def _quote(line: str) -> str:
    """A value that YAML would refuse for its first character, in quotes."""
    match = _BARE.match(line) if len(line) < _MAX_BARE else None
    if match is None or line.startswith("%"):
        return line
    value = match[2].replace("'", "''")
    return f"{match[1]}'{value}'{match[3]}"


def _first_special(text: str) -> int:
    for number, line in enumerate(text.split("\n"), 1):
        if not _SKIPPED.fullmatch(line) and not _HEAD.fullmatch(line.rstrip()):
            pair = _PAIR.fullmatch(line.rstrip())
            if pair is None or _SPECIAL.match(pair[3].strip()):
                return number
    return 1


def _add_mapping(document: Document, node: Any, section: str) -> None:
    if node.id == "scalar" and not node.value:
        return
    if node.id != "mapping":
        raise Malformed(f'expected a mapping as "{section}"', node.start_mark.line + 1)
    for key, value in node.value:
        line, column = key.start_mark.line + 1, key.start_mark.column + 1
        if key.id != "scalar":
            raise Malformed("expected a key", line, column)
        if value.id == "sequence":
            text = f"{key.value}: a list; uWSGI's own YAML reader ends the section here"
            document.remarks.append(Remark("QX127", text, line, column))
        elif value.id == "scalar" and not value.value and not value.style:
            text = f"{key.value}: no value; uWSGI's own YAML reader ends the section here"
            document.remarks.append(Remark("QX127", text, line, column))
        elif value.id == "scalar" and value.style in ('"', "'") and value.value[:1] not in "%@":
            text = f"{key.value}: uWSGI's own YAML reader takes the quotes for part of the value"
            document.remarks.append(Remark("QX121", text, line, column))
        _add_value(document, key.value, value, line, 1)


def _add_value(document: Document, key: str, node: Any, line: int, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise Malformed("nested too deeply", line, 0, "QX141")
    if node.id == "mapping":
        raise Malformed(f"{key}: expected a value or a list of values, got a mapping", line)
    if node.id == "sequence":
        for element in node.value:
            # An alias leads to a node of an earlier line; the place of the list is clearer.
            _add_value(document, key, element, max(line, element.start_mark.line + 1), depth + 1)
        return
    value = node.value if node.tag != "tag:yaml.org,2002:null" or node.style else ""
    document.settings.append(Setting(line, key, value))
    if len(document.settings) > MAX_VALUES:
        raise Malformed("too many values", line, 0, "QX141")
