"""The environment of a site: a file of ``NAME=value`` lines, as systemd reads it; pure.

The server reads it by its option ``env-file``, so what is written here must come out there as it
was put in.  Refused: names that are no variables', and values with a NUL or a line break, which
such a file cannot hold.
"""

import re
from collections.abc import Iterable, Mapping

from quaich.errors import QuaichError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]*")
HEADER = "# Variables of the site; quaich env set and unset write this file.\n"


def check(name: str, value: str) -> None:
    """Raise QuaichError unless these can be a variable; the value is never shown."""
    if not _NAME.fullmatch(name):
        raise QuaichError(f'env: "{name}" is no name of a variable: expected letters, digits and _')
    if "\n" in value or "\r" in value or "\0" in value:
        raise QuaichError(
            f"env: the value of {name} has a line break or a NUL; put it in a file, and the path "
            "of that here"
        )


def assignments(words: Iterable[str]) -> dict[str, str]:
    """The variables that ``NAME=value`` words set."""
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise QuaichError(f"env: expected NAME=value, got {name[:40]}")
        check(name, value)
        found[name] = value
    return found


def lines(text: str) -> dict[str, str]:
    """The variables of lines from elsewhere: blank ones and comments are passed over."""
    kept = [line.strip("\r") for line in text.split("\n")]
    return assignments(line for line in kept if line.strip() and not line.lstrip().startswith("#"))


def render(variables: Mapping[str, str]) -> str:
    """The text of the file."""
    return HEADER + "".join(f"{name}={_quote(variables[name])}\n" for name in sorted(variables))


def _quote(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    if "'" not in value:
        quoted = f"'{value}'"
    else:
        quoted = '"' + re.sub(r'(["\\$`])', r"\\\1", value) + '"'
    return quoted
