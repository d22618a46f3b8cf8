"""A request-log format, made into the function that writes its lines.

Every variable becomes a function of an ``Answered``, chosen once, and the rest a template that the
values are put into.  What comes from a client or the application is escaped as its place in the
format needs it; what is empty is a hyphen.
"""

import time
from collections.abc import Callable, Sequence

from quaich.config import logformat
from quaich.config.logformat import METRIC, VAR, Variable
from quaich.log.request import MEGABYTE, Answered, Need, escape, escape_quoted
from quaich.values import dataclass

COMMON = "%d/%b/%Y:%H:%M:%S %z"
"""The time as the common log format has it."""

_VARIABLES = {
    "uagent": "HTTP_USER_AGENT",
    "referer": "HTTP_REFERER",
    "cl": "CONTENT_LENGTH",
}
"""The variables of a format that are variables of the request."""

_MODIFIER = "0"


def _no_metric(place: int) -> int:
    """As uWSGI has it where no metrics are kept."""
    return 0


@dataclass(frozen=True)
class Process:
    """What the lines of one worker share; ``memory`` gives its address space and resident memory,
    if it is to be asked; ``ftime`` is the format of ``%(ftime)``; ``metric`` gives a metric by its
    place among those of the format."""

    pid: int
    worker: int
    generation: int = 1
    memory: Callable[[], tuple[int, int]] | None = None
    ftime: str = COMMON
    metric: Callable[[int], int] = _no_metric


class FormatLog:
    """Lines in a format of the operator's.

    ``needs`` is what ``kept`` has to take from the environ before the application is called;
    ``open`` is whether the application may set variables.
    """

    def __init__(self, text: str, process: Process) -> None:
        parts = logformat.parse(text)
        variables = [part for part in parts if isinstance(part, Variable)]
        needs = (_need(each.name) for each in variables)
        self.needs = tuple(dict.fromkeys(each for each in needs if each is not None))
        self.open = any(not each.known for each in variables)
        self._template = "".join(
            "%s" if isinstance(part, Variable) else part.replace("%", "%%") for part in parts
        )
        getters = _Getters(process, self.needs, logformat.metrics(text))
        self._getters = [getters.of(each) for each in variables]

    def line(self, answered: Answered) -> bytes:
        """The line for one answered request, with its line end."""
        values = tuple([getter(answered) for getter in self._getters])
        return (self._template % values + "\n").encode("latin-1", "backslashreplace")


def _need(name: str) -> Need | None:
    """What a variable needs of the environ, if it does."""
    if name == "host":
        # A Host that is there and empty is empty; without one, the server's name is it.
        return "HTTP_HOST", "SERVER_NAME"
    key = name[len(VAR) :] if name.startswith(VAR) else _VARIABLES.get(name, "")
    return (key, "") if key else None


Getter = Callable[[Answered], str]


class _Getters:
    """Finds the function for a variable."""

    def __init__(self, process: Process, needs: Sequence[Need], metrics: Sequence[str]) -> None:
        self._process = process
        self._metrics = metrics
        self._index = {need: index for index, need in enumerate(needs)}

    def of(self, variable: Variable) -> Getter:
        name = variable.name
        shown = escape_quoted if variable.quoted else escape
        if name.startswith(METRIC):
            shown_metric = self._process.metric
            place = self._metrics.index(name[len(METRIC) :])
            return lambda r: str(shown_metric(place))
        need = _need(name)
        if need is not None:
            return self._value(need, shown, "0" if name == "cl" else "-")
        if name in _TEXTS:
            text = _TEXTS[name]
            return lambda r: shown(text(r)) or "-"
        if name in _NUMBERS:
            return _NUMBERS[name]
        return self._of_process(name) or (lambda r: shown((r.names or {}).get(name, "")) or "-")

    def _value(self, need: Need, shown: Callable[[str], str], empty: str) -> Getter:
        index = self._index[need]
        return lambda r: shown(r.values[index]) or empty

    def _of_process(self, name: str) -> Getter | None:
        process = self._process
        if name in ("pid", "wid"):
            text = str(process.pid if name == "pid" else process.worker)
            return lambda r: text
        if name in _DATES:
            return _dated(process.ftime if name == "ftime" else _DATES[name])
        if name in _MEMORY:
            which, unit = _MEMORY[name]
            memory = process.memory
            if memory is None:
                return lambda r: "0"
            return lambda r: str(memory()[which] // unit)
        return None


def _dated(text: str) -> Getter:
    """The time at which the request began; made once a second."""
    last: list[object] = [-1, ""]

    def date(r: Answered) -> str:
        second = int(r.began)
        if last[0] != second:
            last[:] = second, escape(time.strftime(text, time.localtime(second)))
        return str(last[1])

    return date


_MEMORY = {"vsz": (0, 1), "rss": (1, 1), "vszM": (0, MEGABYTE), "rssM": (1, MEGABYTE)}
_DATES = {"ltime": COMMON, "ftime": COMMON, "ctime": "%a %b %e %H:%M:%S %Y"}
_TEXTS: dict[str, Getter] = {
    "uri": lambda r: r.uri,
    "method": lambda r: r.method,
    "user": lambda r: r.user,
    "addr": lambda r: r.address,
    "proto": lambda r: r.protocol,
}
_NUMBERS: dict[str, Getter] = {
    "status": lambda r: str(r.status),
    "rsize": lambda r: str(r.sent),
    "hsize": lambda r: str(r.headers_size),
    "size": lambda r: str(r.sent + r.headers_size),
    "micros": lambda r: str(r.micros),
    "msecs": lambda r: str(r.micros // 1000),
    "secs": lambda r: f"{r.micros / 1e6:f}",
    "tmsecs": lambda r: str(int(r.began * 1e3)),
    "tmicros": lambda r: str(int(r.began * 1e6)),
    "time": lambda r: str(int(r.began)),
    "epoch": lambda r: str(int(r.began + r.micros / 1e6)),
    "switches": lambda r: str(r.switches),
    "vars": lambda r: str(r.fields),
    "core": lambda r: str(r.core),
    "pktsize": lambda r: str(r.size),
    "modifier1": lambda r: _MODIFIER,
    "modifier2": lambda r: _MODIFIER,
    "headers": lambda r: str(r.headers),
    "werr": lambda r: str(int(r.failed)),
    # A request whose body could not be read never reaches the application, nor this log.
    "rerr": lambda r: "0",
    "ioerr": lambda r: str(int(r.failed)),
}
