"""uWSGI's ini dialect, which is not configparser's.

Only whole lines are comments (``;`` or ``#`` first).  A line is split at its first ``=`` and both
halves are trimmed of spaces, tabs and CR; a line without ``=`` is a key without a value.  Quotes
are data, lines do not continue, repeated keys and sections add up, and a section header loses its
last character whatever that is.  Nothing is refused here: what a key means is decided later.
"""

from typing import NamedTuple

BLANK = " \t\r"


class Line(NamedTuple):
    """A setting of the chosen section and the number of the line that holds it."""

    number: int
    key: str
    value: str


def parse(text: str, section: str) -> tuple[list[Line], bool]:
    """The settings of a section, and whether the section exists at all."""
    lines: list[Line] = []
    current = None
    found = False
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip(BLANK)
        if not line or line[0] in ";#":
            continue
        if line[0] == "[":
            current = line[1:-1]
            found = found or current == section
        elif current == section:
            key, _, value = line.partition("=")
            lines.append(Line(number, key.rstrip(BLANK), value.lstrip(BLANK)))
    return lines, found
