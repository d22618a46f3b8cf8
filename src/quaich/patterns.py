"""Regular expressions that are compiled when they are first used.

Compiling one takes longer than reading the module that it stands in, and a start that needs none of
them should not wait for all.  A mistake in one shows at its first use, so each has a test that uses
it.

For a type checker these are the library's own.
"""

import re
from typing import TYPE_CHECKING, Any

__all__ = ["pattern"]

if TYPE_CHECKING:

    def pattern(text: str, flags: int = 0) -> re.Pattern[str]:
        """What ``re.compile`` would give."""

else:

    class pattern:
        """What ``re.compile`` would give; only its methods and attributes, not its type."""

        def __init__(self, text: str, flags: int = 0) -> None:
            self._made = (text, flags)

        def __getattr__(self, name: str) -> Any:
            # Kept on the instance, so that the next use finds it there.
            value = getattr(re.compile(*self._made), name)
            setattr(self, name, value)
            return value
