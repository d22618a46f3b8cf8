"""Which files of a source are no part of a release; pure.

Always left out: version control, virtual environments, caches, ``.env`` files.  Beyond that
``.quaichignore`` at the top says it, or ``.gitignore`` where there is none, in git's patterns:
the last that matches decides, ``!`` takes back, a slash at the end means a directory, a slash
elsewhere ties it to the top, ``**`` crosses directories.  Ignore files further down are not read.
"""

import re
from collections.abc import Sequence

from quaich.values import dataclass

FILES = (".quaichignore", ".gitignore")

_ALWAYS_DIRECTORIES = frozenset(
    (".git", ".hg", ".svn", ".bzr", "__pycache__", ".venv", ".tox", ".nox", "node_modules")
) | frozenset((".mypy_cache", ".pytest_cache", ".ruff_cache"))
_ALWAYS_FILES = re.compile(r"\.env(?:\.(?!example$|sample$|template$).*)?|.*\.py[co]|\.DS_Store")


@dataclass(frozen=True)
class Rule:
    """A pattern as an expression over the path from the top."""

    pattern: "re.Pattern[str]"
    takes_back: bool
    only_directories: bool


def rules(text: str) -> tuple[Rule, ...]:
    """The rules of an ignore file."""
    found = []
    for line in text.splitlines():
        line = line.rstrip()
        if not line or line.startswith("#"):
            continue
        takes_back = line.startswith("!")
        line = line.removeprefix("!").removeprefix("\\")
        only_directories = line.endswith("/")
        line = line.rstrip("/")
        if line:
            try:
                pattern = re.compile(_expression(line))
            except re.error:
                continue  # as git does with what is no pattern
            found.append(Rule(pattern, takes_back, only_directories))
    return tuple(found)


def is_left_out(path: str, is_directory: bool, chosen: Sequence[Rule]) -> bool:
    """Whether the file or directory at ``path``, from the top, is no part of a release."""
    name = path.rpartition("/")[2]
    if is_directory and name in _ALWAYS_DIRECTORIES:
        return True
    if not is_directory and _ALWAYS_FILES.fullmatch(name):
        return True
    left_out = False
    for rule in chosen:
        if (is_directory or not rule.only_directories) and rule.pattern.fullmatch(path):
            left_out = not rule.takes_back
    return left_out


def _expression(pattern: str) -> str:
    tied = "/" in pattern
    pattern = pattern.removeprefix("/")
    result = "" if tied else "(?:.*/)?"
    index = 0
    while index < len(pattern):
        rest = pattern[index:]
        if rest.startswith("**/"):
            result, index = result + "(?:.*/)?", index + 3
        elif rest.startswith("**"):
            result, index = result + ".*", index + 2
        elif rest[0] == "*":
            result, index = result + "[^/]*", index + 1
        elif rest[0] == "?":
            result, index = result + "[^/]", index + 1
        elif rest[0] == "[" and "]" in rest[2:]:
            end = rest.index("]", 2)
            inside = rest[1:end].replace("\\", "\\\\")
            inside = f"^{inside[1:]}" if inside[0] in "!^" else inside
            result, index = f"{result}[{inside}]", index + end + 1
        elif rest[0] == "\\" and len(rest) > 1:
            result, index = result + re.escape(rest[1]), index + 2
        else:
            result, index = result + re.escape(rest[0]), index + 1
    return result
