"""The form of the server's own lines: plain, with a date before them, or as JSON.

Control characters are shown escaped, so that no text can forge a second line; only a block, such
as a traceback, has several, and as JSON it is one object.
"""

import json
import os
import time

from quaich.config.effective import Config
from quaich.values import dataclass

INFO = "info"
WARNING = "warning"
ERROR = "error"

_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
_ESCAPES[ord("\n")] = "\\n"
_ESCAPES[ord("\t")] = "\t"
_BLOCK_ESCAPES = {**_ESCAPES, ord("\n"): "\n"}
_COLOURS = {WARNING: "\x1b[33m", ERROR: "\x1b[31m"}
_PREFIXES = {INFO: "", WARNING: "warning: ", ERROR: "error: "}


def rfc3339(when: float) -> str:
    """A time with microseconds, in UTC."""
    second, fraction = divmod(round(when * 1000000), 1000000)
    return f"{date(second)}.{fraction:06d}Z"


def date(second: int) -> str:
    """The same without its fraction and end."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


@dataclass(frozen=True)
class Style:
    """How lines look; ``date`` is a strftime form, ``worker`` whose they are, 0 for the others."""

    as_json: bool = False
    date: str = ""
    colour: bool = False
    worker: int = 0

    def line(self, level: str, text: str) -> bytes:
        """A fact as one line."""
        if self.as_json:
            return self._object(level, text)
        shown = f"{_PREFIXES[level]}{text.translate(_ESCAPES)}"
        if self.colour and level in _COLOURS:
            shown = f"{_COLOURS[level]}{shown}\x1b[0m"
        return self._dated(shown)

    def block(self, text: str) -> bytes:
        """Several lines that belong together."""
        text = text.rstrip("\n")
        if self.as_json:
            return self._object(ERROR, text)
        return self._dated(text.translate(_BLOCK_ESCAPES))

    def _dated(self, text: str) -> bytes:
        date = f"{time.strftime(self.date)} - " if self.date else ""
        return f"{date}{text}\n".encode("utf-8", "backslashreplace")

    def _object(self, level: str, text: str) -> bytes:
        found: dict[str, object] = {
            "time": rfc3339(time.time()),
            "type": "server",
            "level": level,
            "message": text,
            "pid": os.getpid(),
        }
        if self.worker:
            found["worker"] = self.worker
        return json.dumps(found, separators=(",", ":")).encode("ascii") + b"\n"


PLAIN = Style()


def style_of(config: Config, terminal: bool, worker: int = 0) -> Style:
    """The style that a configuration asks for; ``terminal`` is whether people look at it."""
    colour = terminal and not os.environ.get("NO_COLOR")
    return Style(config.log_json, config.log_date or "", colour, worker)
