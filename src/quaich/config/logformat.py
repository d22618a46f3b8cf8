"""What a request-log format says: text → its parts.  Pure.

``%(name)`` stands for a variable; everything else is itself, ``%`` without ``(`` and a ``%(`` that
nothing closes included, as in uWSGI.  A name that is none of the known ones is the application's,
which may set it, and until then it is empty.
"""

import re
from collections.abc import Iterator

from quaich.config.base import Diagnostic
from quaich.config.codes import diagnose
from quaich.config.suggest import nearest
from quaich.patterns import pattern
from quaich.values import dataclass

NAMES = (
    *("uri", "method", "user", "addr", "host", "proto", "uagent", "referer", "status"),
    *("rsize", "hsize", "size", "cl", "micros", "msecs", "secs", "tmsecs", "tmicros", "time"),
    *("ltime", "ftime", "ctime", "epoch", "pid", "wid", "switches", "vars", "core"),
    *("vsz", "rss", "vszM", "rssM", "pktsize", "modifier1", "modifier2", "headers"),
    *("werr", "rerr", "ioerr"),
)
VAR = "var."
METRIC = "metric."
_SECRETS = ("HTTP_AUTHORIZATION", "HTTP_COOKIE", "HTTP_PROXY_AUTHORIZATION")
_VARIABLE = pattern(r"%\(((?:(?!%\()[^)])*)\)")


@dataclass(frozen=True)
class Variable:
    """A variable of a format, and whether it stands between double quotes there."""

    name: str
    quoted: bool = False

    @property
    def known(self) -> bool:
        """Whether it is the server's, and not the application's to set."""
        return self.name in NAMES or self.name.startswith((VAR, METRIC))


def parse(text: str) -> tuple[str | Variable, ...]:
    """The parts of a format, in order."""
    parts: list[str | Variable] = []
    quotes = 0
    for index, piece in enumerate(_VARIABLE.split(text)):
        if index % 2:
            parts.append(Variable(piece, quotes % 2 == 1))
        elif piece:
            quotes += piece.count('"')
            parts.append(piece)
    return tuple(parts)


def metrics(text: str | None) -> tuple[str, ...]:
    """The metrics that a format names, each once."""
    names = [part.name for part in parse(text or "") if isinstance(part, Variable)]
    return tuple(dict.fromkeys(name[len(METRIC) :] for name in names if name.startswith(METRIC)))


def remarks(text: str, place: str) -> Iterator[Diagnostic]:
    """What the operator should know of a format."""
    for part in parse(text):
        if isinstance(part, str):
            continue
        shown = f"log-format: %({part.name})"
        if part.name.removeprefix(VAR) in _SECRETS and part.name.startswith(VAR):
            yield diagnose("QX036", f"{shown} writes secrets of clients", place, "log-format")
        elif not part.known:
            meant = nearest(part.name, NAMES) or _as_variable(part.name)
            end = f"; did you mean %({meant})?" if meant else ""
            text = f"{shown} is empty unless the application sets it{end}"
            yield diagnose("QX136", text, place, "log-format", "" if meant else "note")


def _as_variable(name: str) -> str:
    return f"{VAR}{name}" if re.fullmatch("[A-Z][A-Z_]+", name) else ""
