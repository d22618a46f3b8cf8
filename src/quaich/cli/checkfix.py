"""Mechanical corrections of a configuration file: the findings whose remedy is certain.

A misspelt name, a comment behind a value, what stands behind a number, a trailing comma.  Every
other byte of the file stays: comments, order, spacing, line ends.
"""

import re
from collections.abc import Sequence

from quaich.config.base import Diagnostic
from quaich.config.options import BY_LONG_NAME
from quaich.config.suggest import candidates, distance

FIXABLE = ("QX101", "QX120", "QX122", "QX123", "QX128")
_INI_LINE = re.compile(r"(?P<key>[^=]*?)(?P<equals>[ \t]*=[ \t]*)(?P<value>.*?)(?P<end>\s*)")
_COMMENT = re.compile(r"[ \t]+(?=[;#])")
_MOST_SLIPS = 2
_DIGITS = re.compile(r"[+-]?[0-9]+")


def fix(text: str, findings: Sequence[Diagnostic], is_ini: bool) -> str:
    """The text with every fixable finding of its file corrected."""
    lines = text.split("\n")
    # From the end, so that a line that is added moves none that is still to come.
    ordered = sorted(findings, key=lambda each: (each.line, each.column), reverse=True)
    for found in ordered:
        if found.code not in FIXABLE or not 0 < found.line <= len(lines):
            continue
        index = found.line - 1
        if found.code == "QX128":
            lines[index] = _without_comma(lines[index], found)
        elif found.code == "QX101":
            lines[index] = _respelt(lines[index], found.key, is_ini)
        elif is_ini:
            lines[index : index + 1] = _mended(lines[index], found)
    return "\n".join(lines)


def _without_comma(line: str, found: Diagnostic) -> str:
    at = found.column - 1
    return line[:at] + line[at + 1 :] if line[at : at + 1] == "," else line


def _respelt(line: str, key: str, is_ini: bool) -> str:
    name = _certain(key)
    if not name:
        return line
    if not is_ini:
        return line.replace(f'"{key}"', f'"{name}"', 1)
    indent = line[: len(line) - len(line.lstrip())]
    rest = line[len(indent) :]
    return indent + name + rest[len(key) :] if rest.startswith(key) else line


def _certain(key: str) -> str:
    """The one name that was meant, if no other is as near."""
    found = candidates(key, BY_LONG_NAME)
    # Aliases of one option are the same answer.
    if len({BY_LONG_NAME[name].name for name in found}) != 1:
        return ""
    written = key.lower().replace("_", "-").lstrip("-")
    return found[0] if distance(written, found[0], _MOST_SLIPS) <= _MOST_SLIPS else ""


def _mended(line: str, found: Diagnostic) -> list[str]:
    match = _INI_LINE.fullmatch(line)
    if match is None:
        return [line]
    key, equals, value, end = match.group("key", "equals", "value", "end")
    if found.code == "QX120":
        comment = _COMMENT.search(value)
        if comment is None:
            return [line]
        indent = key[: len(key) - len(key.lstrip())]
        return [
            indent + value[comment.end() :] + end,
            key + equals + value[: comment.start()] + end,
        ]
    option = BY_LONG_NAME.get(key.strip())
    digits = _DIGITS.match(value)
    if option is None or digits is None:
        return [line]
    number = digits.group()
    if found.code == "QX123":
        number = option.kind.write(option.kind.read(value).value)
    return [key + equals + number + end]
