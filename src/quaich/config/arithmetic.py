"""What stands between the parentheses of ``%(...)``: a name, or a pipeline of names and numbers.

uWSGI knows no precedence and no parentheses: it works strictly from left to right, neighbours
without an operator join as text, a name that is not defined is empty, and dividing by zero is 0.
Parentheses, which it takes for a part of a name and so reads as nothing, group here.
"""

import re
from collections.abc import Mapping

_DIGITS = re.compile(r"[0-9]+")
_INTEGER = re.compile(r"[ \t]*([+-]?[0-9]{1,18})")
_TOKEN = re.compile(r"[()]|[^ ()]+")
_OPERATORS = ("+", "-", "*", "/")
_MAX_NESTING = 20


def names(body: str) -> list[str]:
    """What a pipeline may refer to."""
    if " " not in body and "(" not in body:
        return [body]
    return [body, *_TOKEN.findall(body)]


def is_pipeline(body: str) -> bool:
    """Whether there is something to compute: several words, and not only operators."""
    words = [word for word in _TOKEN.findall(body) if word not in "()"]
    several = " " in body.strip("()")
    return several and any(word not in (*_OPERATORS, "++", "--") for word in words)


def evaluate(body: str, values: Mapping[str, str]) -> tuple[str, bool]:
    """The value of a pipeline, and whether something was divided by zero."""
    tokens = _TOKEN.findall(body) if "(" in body else [word for word in body.split(" ") if word]
    machine = _Machine(tokens, values)
    return machine.group(0), machine.divided_by_zero


class _Machine:
    def __init__(self, tokens: list[str], values: Mapping[str, str]) -> None:
        self.tokens = iter(tokens)
        self.values = values
        self.divided_by_zero = False

    def group(self, depth: int) -> str:
        result = ""
        operator = ""
        begun = False
        for token in self.tokens:
            if token == ")":
                break
            if token == "(":
                value = self.group(depth + 1) if depth < _MAX_NESTING else ""
            elif token in _OPERATORS:
                operator = token
                continue
            elif token in ("++", "--"):
                # In front of everything there is nothing to step.
                if begun:
                    result = str(number(result) + (1 if token == "++" else -1))
                    operator = ""
                continue
            else:
                value = token if _DIGITS.fullmatch(token) else self.values.get(token, "")
            result = self.apply(operator, result, value)
            operator = ""
            begun = True
        return result

    def apply(self, operator: str, left: str, right: str) -> str:
        if not operator:
            return left + right
        a, b = number(left), number(right)
        if operator == "+":
            return str(a + b)
        if operator == "-":
            return str(a - b)
        if operator == "*":
            return str(a * b)
        self.divided_by_zero = self.divided_by_zero or b == 0
        # uWSGI divides as C does, towards zero, but by zero to 0.
        quotient = abs(a) // abs(b) if b else 0
        return str(quotient if (a < 0) == (b < 0) else -quotient)


def number(text: str) -> int:
    """The number a text begins with, as ``atoi`` reads it."""
    match = _INTEGER.match(text)
    return int(match.group(1)) if match else 0
