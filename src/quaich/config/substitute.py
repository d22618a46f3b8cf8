"""The passes over text: magic variables, ``$(ENV)``, ``@(source)`` and ``%(placeholder)``.

Each pass is a function from text to text.  Magic variables are replaced while a file is read, the
others once everything is collected.  What is not defined stays as written, as in uWSGI, and is
reported.

The search for the next ``X(...)`` goes on where a replacement begins, so that what it brought in
is replaced too; a replacement at the very start of a value is passed over by one character, which
leaves a reference there as it is.  Both are uWSGI's.  Where it would never end, quaich stops.
"""

import re
from collections.abc import Callable, Mapping

from quaich.config import arithmetic

_MAGIC = re.compile(r"%(.?)", re.DOTALL)
# A value that grows beyond this, or is replaced in more often, feeds itself.
MAX_LENGTH = 256 * 1024
MAX_REPLACEMENTS = 1000

# Takes a code of the table of diagnostics and a text.
Report = Callable[[str, str], None]


class Endless(ValueError):
    """A value whose replacements bring in themselves; the text says which."""


def magic(text: str, variables: Mapping[str, str], report: Report) -> str:
    """Replace ``%d``, ``%n`` and their like; an unknown one disappears, and is reported."""
    if "%" not in text:
        return text

    def replace(match: re.Match[str]) -> str:
        letter = match.group(1)
        if letter == "(":
            return "%("
        if letter == "%":
            return "%"
        if not letter:
            # uWSGI takes the end of the line for the letter, and so joins the next line to this.
            report("QX112", "a % that ends a value must be doubled")
            return "%"
        if letter not in variables:
            unknown = f'"%{letter}" is no magic variable and disappears; to keep it, double the %'
            report("QX112", unknown)
        return variables.get(letter, "")

    return _MAGIC.sub(replace, text)


def environment(text: str, variables: Mapping[str, str], report: Report) -> str:
    """Replace ``$(NAME)`` by an environment variable."""

    def lookup(name: str) -> str | None:
        if name not in variables:
            report("QX110", f"$({name}) is not set and stays as it is written")
        return variables.get(name)

    return _replace("$(", text, lookup)


def sources(text: str, read: Callable[[str], str]) -> str:
    """Replace ``@(file)`` or ``@(scheme://...)`` by what it holds, less one newline at its end."""

    def lookup(name: str) -> str | None:
        return read(name).removesuffix("\n") if name else None

    return _replace("@(", text, lookup)


def placeholders(text: str, values: Mapping[str, str], report: Report) -> str:
    """Replace ``%(name)``, or ``%(a + 1)`` and longer pipelines, by their values."""

    def lookup(body: str) -> str | None:
        if body and body in values and " " not in body:
            return values[body]
        if not arithmetic.is_pipeline(body):
            report("QX111", f"%({body}) is not defined and stays as it is written")
            return None
        value, divided_by_zero = arithmetic.evaluate(body, values)
        if "(" in body:
            report("QX114", f"%({body}): uWSGI does not group by parentheses; it is {value} here")
        if divided_by_zero:
            report("QX118", f"%({body}): a division by zero, which is 0")
        return value

    return _replace("%(", text, lookup)


def references(text: str) -> set[str]:
    """The names that the placeholders of a text refer to."""
    names: set[str] = set()

    def lookup(body: str) -> None:
        names.update(arithmetic.names(body))

    _replace("%(", text, lookup)
    return names


def _replace(opening: str, text: str, lookup: Callable[[str], str | None]) -> str:
    """Replace each ``X(...)`` that ``lookup`` knows."""
    at = 0
    replaced = 0
    while True:
        found = _next(opening, text, at)
        if found is None:
            return text
        start, end = found
        body = text[start + 2 : end - 1]
        value = lookup(body)
        if value is None:
            at = end
            continue
        text = text[:start] + value + text[end:]
        at = max(start, 1)
        replaced += 1
        if len(text) > MAX_LENGTH or replaced > MAX_REPLACEMENTS:
            raise Endless(f"{opening}{body}) brings in itself without end")


def _next(opening: str, text: str, at: int) -> tuple[int, int] | None:
    """The next ``X(...)`` with balanced parentheses: where it begins and ends."""
    start = text.find(opening, at)
    if start < 0 or text.find(")", start) < 0:
        return None
    depth = 1
    at = start + 2
    while at < len(text):
        char = text[at]
        if char == opening[0] and text.startswith(opening, at):
            # A further opening begins anew: what stood before it stays.
            start, depth = at, 1
            at += 2
            continue
        depth += (char == "(") - (char == ")")
        at += 1
        if not depth:
            return start, at
    return None
