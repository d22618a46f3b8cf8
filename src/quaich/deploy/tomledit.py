"""Setting keys in a ``site.toml`` that a person may have written, comments and order kept; pure.

Only what can be done line by line is done; the result is read again, and refused unless it says
exactly what was wanted.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from quaich.config import tomltext
from quaich.config.document import Malformed
from quaich.errors import QuaichError

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def put(text: str, wanted: Mapping[str, Mapping[str, Any]], place: str) -> str:
    """The text with these keys set in these tables; raises QuaichError where it cannot be done."""
    expected: dict[str, Any] = tomltext.parse(text)
    for table, values in wanted.items():
        expected[table] = {**expected.get(table, {}), **values}
    try:
        for table, values in wanted.items():
            for key, value in values.items():
                if tomltext.parse(text).get(table, {}).get(key) != value:
                    text = _put(text, table, key, value)
        if tomltext.parse(text) == expected:
            return text
    except Malformed:
        pass
    shown = ", ".join(f"[{table}] {key}" for table, keys in wanted.items() for key in keys)
    raise QuaichError(f"{place}: {shown} cannot be set there line by line; edit the file")


def toml(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_key(key)} = {toml(each)}" for key, each in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(toml, value))}]"
    # JSON's strings and numbers are TOML's, but for a character that no setting may hold.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else json.dumps(key, ensure_ascii=False)


def _put(text: str, table: str, key: str, value: Any) -> str:
    line = f"{_key(key)} = {toml(value)}\n"
    start = tomltext.header(text, table)
    if not start:
        gap = "" if not text or text.endswith("\n\n") else "\n" if text.endswith("\n") else "\n\n"
        return f"{text}{gap}[{table}]\n{line}"
    following = re.compile(r"^[ \t]*\[", re.MULTILINE).search(text, start)
    end = following.start() if following else len(text)
    body = text[start:end]
    assignment = re.compile(rf"^[ \t]*[\"']?{re.escape(key)}[\"']?[ \t]*=.*\n?", re.MULTILINE)
    if assignment.search(body):
        return text[:start] + assignment.sub(lambda _: line, body, count=1) + text[end:]
    kept = body.rstrip("\n")
    rest = body[len(kept) :][1:]
    return f"{text[:start]}{kept}\n{line}{rest}{text[end:]}"
