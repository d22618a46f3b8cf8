"""What every file format is read into: settings in order, each with its line, and remarks.

A format's reader is a function from the text and a section's name to a ``Document``.  It refuses
by raising ``Malformed``, whose line and column count from 1 (a column of 0 is not known), and it
bounds depth and number itself: nothing a file holds may exhaust memory or the stack.
"""

from typing import NamedTuple

from quaich.values import dataclass, field

MAX_DEPTH = 32
MAX_VALUES = 100_000


class Malformed(ValueError):
    """Text that is not of its format; ``code`` is its row in the table of diagnostics."""

    def __init__(self, message: str, line: int, column: int = 0, code: str = "QX129") -> None:
        super().__init__(message)
        self.line = line
        self.column = column
        self.code = code


class Setting(NamedTuple):
    """A key with its value as text; ``value`` is empty where the file gives none."""

    line: int
    key: str
    value: str


class Remark(NamedTuple):
    """Something worth a word about a place in the file."""

    code: str
    text: str
    line: int
    column: int = 0


@dataclass
class Document:
    """The settings of the section asked for; ``found`` is whether it is there at all."""

    settings: list[Setting] = field(default_factory=list)
    found: bool = False
    remarks: list[Remark] = field(default_factory=list)
