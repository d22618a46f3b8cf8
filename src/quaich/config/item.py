"""One setting as some source wrote it, before anything is made of it."""

from dataclasses import dataclass

FILE = "file"
COMMAND_LINE = "command line"
ENVIRONMENT = "environment"
SET = "set"
PLACEHOLDER = "placeholder"


@dataclass(frozen=True)
class Item:
    """A key with its raw value (None: no value was given), its place, and the source's sort.

    ``SET`` and ``PLACEHOLDER`` items were made by ``set`` and ``set-placeholder``.
    """

    key: str
    value: str | None
    place: str
    source: str
