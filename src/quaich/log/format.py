"""A request-log format, made into the function that writes its lines.

The variables become one function of an ``Answered``, made once, and the rest a template that the
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
        template = "".join(
            "%s" if isinstance(part, Variable) else part.replace("%", "%%") for part in parts
        )
        self._template = template + "\n"
        pieces = _Pieces(process, self.needs, logformat.metrics(text))
        self._values = pieces.function([pieces.of(each) for each in variables])

    def line(self, answered: Answered) -> bytes:
        """The line for one answered request, with its line end."""
        return (self._template % self._values(answered)).encode("latin-1", "backslashreplace")


def _need(name: str) -> Need | None:
    """What a variable needs of the environ, if it does."""
    if name == "host":
        # A Host that is there and empty is empty; without one, the server's name is it.
        return "HTTP_HOST", "SERVER_NAME"
    key = name[len(VAR) :] if name.startswith(VAR) else _VARIABLES.get(name, "")
    return (key, "") if key else None


Getter = Callable[[Answered], str]


class _Pieces:
    """Finds the expression for a variable, of an ``Answered`` called r, and makes them a function.

    An expression is made of nothing but the texts here: what the operator has written is among the
    values that it names.
    """

    def __init__(self, process: Process, needs: Sequence[Need], metrics: Sequence[str]) -> None:
        self._process = process
        self._metrics = metrics
        self._index = {need: index for index, need in enumerate(needs)}
        self._names: dict[str, object] = {"escape": escape, "escape_quoted": escape_quoted}

    def function(self, expressions: Sequence[str]) -> Callable[[Answered], tuple[object, ...]]:
        """The function that gives all values."""
        source = "".join(f"{each}, " for each in expressions)
        made: Callable[[Answered], tuple[object, ...]] = eval(f"lambda r: ({source})", self._names)
        return made

    def of(self, variable: Variable) -> str:
        """The expression for one."""
        name = variable.name
        shown = "escape_quoted" if variable.quoted else "escape"
        if name.startswith(METRIC):
            place = self._metrics.index(name[len(METRIC) :])
            return f"{self._named(self._process.metric)}({place})"
        need = _need(name)
        if need is not None:
            empty = "0" if name == "cl" else "-"
            return f"{shown}(r.values[{self._index[need]}]) or '{empty}'"
        if name in _TEXTS:
            return f"{shown}({_TEXTS[name]}) or '-'"
        if name in _NUMBERS:
            return _NUMBERS[name]
        own = self._named(name)
        return self._of_process(name) or f"{shown}((r.names or {{}}).get({own}, '')) or '-'"

    def _named(self, value: object) -> str:
        name = f"value{len(self._names)}"
        self._names[name] = value
        return name

    def _of_process(self, name: str) -> str | None:
        process = self._process
        if name in ("pid", "wid"):
            return str(process.pid if name == "pid" else process.worker)
        if name in _DATES:
            date = _dated(process.ftime if name == "ftime" else _DATES[name])
            return f"{self._named(date)}(r)"
        if name in _MEMORY:
            which, unit = _MEMORY[name]
            if process.memory is None:
                return "0"
            return f"{self._named(process.memory)}()[{which}] // {unit}"
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
_TEXTS = {
    "uri": "r.uri",
    "method": "r.method",
    "user": "r.user",
    "addr": "r.address",
    "proto": "r.protocol",
}
_NUMBERS = {
    "status": "r.status",
    "rsize": "r.sent",
    "hsize": "r.headers_size",
    "size": "r.sent + r.headers_size",
    "micros": "r.micros",
    "msecs": "r.micros // 1000",
    "secs": "'%f' % (r.micros / 1e6)",
    "tmsecs": "int(r.began * 1e3)",
    "tmicros": "int(r.began * 1e6)",
    "time": "int(r.began)",
    "epoch": "int(r.began + r.micros / 1e6)",
    "switches": "r.switches",
    "vars": "r.fields",
    "core": "r.core",
    "pktsize": "r.size",
    "modifier1": "0",
    "modifier2": "0",
    "headers": "r.headers",
    "werr": "int(r.failed)",
    # A request whose body could not be read never reaches the application, nor this log.
    "rerr": "0",
    "ioerr": "int(r.failed)",
}
