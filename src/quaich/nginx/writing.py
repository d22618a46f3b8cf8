"""nginx's configuration as a tree of directives, and its text; pure.

A word is quoted where it must be, so no value can end its directive.  A plain string is meant
literally, and nginx knows no way to write a literal dollar sign: a string with one is refused here,
as are control characters.  ``Raw`` is for expressions with variables, and those are only ever
written in this package, never taken from an operator.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from quaich.values import dataclass

_BARE = re.compile(r"[^\s;{}\"'\\#]+")
_INDENT = "    "


class Raw(str):
    """An expression of nginx's, in which ``$name`` is a variable."""

    __slots__ = ()


@dataclass(frozen=True)
class Directive:
    """A directive with its words, and what it encloses, or None when it ends in a semicolon."""

    name: str
    args: tuple[str, ...] = ()
    block: "tuple[Directive, ...] | None" = None


def line(name: str, *args: str | int) -> Directive:
    """A directive without a block."""
    return Directive(name, tuple(_word(each) for each in args))


def block(name: str, args: Sequence[str], inside: Iterable[Directive]) -> Directive:
    """A directive with a block."""
    return Directive(name, tuple(args), tuple(inside))


def _word(value: str | int) -> str:
    return value if isinstance(value, str) else str(value)


def quoted(word: str) -> str:
    """A word as it stands in the file; ValueError for one that cannot stand there."""
    if not word.isprintable():
        raise ValueError(f"not printable: {word!r}")
    if "$" in word and not isinstance(word, Raw):
        raise ValueError(f"a literal dollar sign: {word!r}")
    if _BARE.fullmatch(word):
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def write(directives: Iterable[Directive]) -> str:
    """The text, a directive a line; blocks of the outermost level stand apart."""
    return "\n".join(_lines(directives, 0)) + "\n"


def _lines(directives: Iterable[Directive], depth: int) -> Iterator[str]:
    indent = _INDENT * depth
    for each in directives:
        words = " ".join(quoted(word) for word in (each.name, *each.args))
        if each.block is None:
            yield f"{indent}{words};"
            continue
        yield f"{indent}{words} {{"
        yield from _lines(each.block, depth + 1)
        yield f"{indent}}}"
