"""One setting as some source wrote it, before anything is made of it."""

from quaich.values import dataclass

FILE = "file"
COMMAND_LINE = "command line"
ENVIRONMENT = "environment"
OVERRIDE = "override"
SET = "set"
PLACEHOLDER = "placeholder"


@dataclass(frozen=True)
class Item:
    """A key with its raw value (None: no value was given), its place, and the source's sort.

    ``OVERRIDE`` items come from the variables that outrank everything, ``SET`` and
    ``PLACEHOLDER`` ones were made by ``set`` and ``set-placeholder``.
    """

    key: str
    value: str | None
    place: str
    source: str
