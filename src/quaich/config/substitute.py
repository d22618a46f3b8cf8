"""The passes over collected text: magic variables, ``$(ENV)`` and ``%(placeholder)``.

Each pass is a function from text to text.  Magic variables are replaced while a file is read, the
other two once everything is collected.  What is not defined stays as written, as in uWSGI, and is
reported.
"""

import re
from collections.abc import Callable, Mapping

_MAGIC = re.compile(r"%(.?)", re.DOTALL)
_ENVIRONMENT = re.compile(r"\$\(([^()]*)\)")
_DIGITS = re.compile(r"[0-9]+")
_INTEGER = re.compile(r"[ \t]*([+-]?[0-9]{1,18})")

Report = Callable[[str], None]


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
            report("a % that ends a value must be doubled")
            return "%"
        if letter not in variables:
            report(f'"%{letter}" is no magic variable and disappears; to keep it, double the %')
        return variables.get(letter, "")

    return _MAGIC.sub(replace, text)


def environment(text: str, variables: Mapping[str, str], report: Report) -> str:
    """Replace ``$(NAME)`` by an environment variable."""
    if "$(" not in text:
        return text

    def replace(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in variables:
            report(f"$({name}) is not set and stays as it is written")
        return variables.get(name, match.group())

    return _ENVIRONMENT.sub(replace, text)


def references(text: str) -> set[str]:
    """The names that the placeholders of a text refer to."""
    names: set[str] = set()
    for _, body, _ in _placeholders(text):
        names.update(body.split())
    return names


def placeholders(text: str, values: Mapping[str, str], report: Report) -> str:
    """Replace ``%(name)``, or ``%(a + 1)`` and longer pipelines, by their values."""
    parts: list[str] = []
    done = 0
    for start, body, end in _placeholders(text):
        tokens = body.split(" ")
        if len(tokens) == 1 and (not body or body not in values):
            report(f"%({body}) is not defined and stays as it is written")
            continue
        if "(" in body:
            report(f"%({body}): parentheses do not group; it is worked out from left to right")
        parts += text[done:start], _pipeline(tokens, values)
        done = end
    return "".join(parts) + text[done:]


def _placeholders(text: str) -> list[tuple[int, str, int]]:
    """Each ``%(...)`` with balanced parentheses: (start, body, end)."""
    found = []
    at = text.find("%(")
    while at >= 0:
        depth = 1
        end = at + 2
        while end < len(text) and depth:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        if depth:
            break
        found.append((at, text[at + 2 : end - 1], end))
        at = text.find("%(", end)
    return found


def _number(text: str) -> int:
    match = _INTEGER.match(text)
    return int(match.group(1)) if match else 0


def _pipeline(tokens: list[str], values: Mapping[str, str]) -> str:
    """uWSGI's arithmetic: strictly from left to right; neighbours without an operator join."""
    result = ""
    operator = ""
    for token in tokens:
        if token in ("+", "-", "*", "/"):
            operator = token
        elif token in ("++", "--"):
            result = str(_number(result) + (1 if token == "++" else -1))
        elif token:
            value = token if _DIGITS.fullmatch(token) else values.get(token, "")
            result = _apply(operator, result, value)
            operator = ""
    return result


def _apply(operator: str, left: str, right: str) -> str:
    if not operator:
        return left + right
    a, b = _number(left), _number(right)
    if operator == "+":
        return str(a + b)
    if operator == "-":
        return str(a - b)
    if operator == "*":
        return str(a * b)
    # uWSGI divides as C does, towards zero, but by zero to 0.
    quotient = abs(a) // abs(b) if b else 0
    return str(quotient if (a < 0) == (b < 0) else -quotient)
