"""The screen of ``quaich top`` as lines of styled text: what the model knows → lines of a width.

Pure.  A terminal draws them, and so does whoever makes a picture of them.  Everything that comes
from a server is printable by the time that it is shown: a request must not move the cursor.
"""

from collections.abc import Callable, Sequence

from quaich.cli.topmodel import Head, Model, Row
from quaich.config.base import printable
from quaich.stats.scoreboard import BOUNDS

PLAIN, BOLD, DIM, TITLE, GOOD, WARN, BAD = range(7)
"""Styles."""

Line = list[tuple[str, int]]

_BARS = "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"
_STATUS = {"busy": GOOD, "idle": PLAIN, "cheap": DIM, "pause": WARN}
_OLD = 5.0
HELP = "q quit  o sort  / filter  enter worker  r reload  + - scale"
HELP_ONE = "esc back  up down other worker  s stacks into the log  q quit"


def screen(
    model: Model, height: int, width: int, *, chosen: int | None, inside: bool, message: str = ""
) -> list[Line]:
    """The lines, ``height`` of them at most; ``chosen`` is a worker, ``inside`` shows it alone."""
    head = model.head()
    lines = _head(head, width)
    rows = model.rows()
    row = next((each for each in rows if each.number == chosen), None)
    room = max(0, height - len(lines) - 1)
    if inside and row is not None:
        lines += _one(row, width)[:room]
    else:
        lines += _table(model, rows, chosen, room, width)
    lines = lines[: max(0, height - 1)]
    lines += [[]] * (height - 1 - len(lines))
    foot = message or (HELP_ONE if inside else HELP)
    return [_cut(each, width) for each in [*lines, [(foot, BOLD if message else DIM)]]]


def plain(lines: Sequence[Line]) -> str:
    """The text alone."""
    return "".join("".join(text for text, _ in line).rstrip() + "\n" for line in lines)


def _cut(line: Line, width: int) -> Line:
    found: Line = []
    left = width
    for text, style in line:
        if left <= 0:
            break
        found.append((printable(text)[:left], style))
        left -= len(found[-1][0])
    return found


def _head(head: Head, width: int) -> list[Line]:
    state = "paused" if head.paused else head.phase
    failed = f" ({head.reloads_failed} failed)" if head.reloads_failed else ""
    first: Line = [
        (f"quaich {head.version}", BOLD),
        (f"  pid {head.pid}  ", PLAIN),
        (state, GOOD if state == "serving" else WARN),
        (f"  generation {head.generation}  up {span(head.uptime)}", PLAIN),
        (f"  reloads {head.reloads}{failed}", PLAIN),
    ]
    if head.deaths:
        first.append((f"  deaths {head.deaths}", WARN))
    full = head.most and head.queue * 2 >= head.most
    all_busy = head.workers and head.busy == head.workers
    second: Line = [
        (f"{rate(head.rate)} requests/s", BOLD),
        (f"  average {duration(head.average)}  p99 {duration(head.p99)}  ", PLAIN),
        (f"busy {head.busy}/{head.workers}", WARN if all_busy else PLAIN),
        ("  ", PLAIN),
        (f"queue {head.queue}/{head.most}", BAD if full else PLAIN),
        (f"  exceptions {head.exceptions}  requests {head.requests}", PLAIN),
    ]
    most = max(head.history, default=0.0)
    label = f" most {rate(most)}/s"
    third: Line = [(sparkline(head.history, max(0, width - len(label))), GOOD), (label, DIM)]
    return [first, second, third, []]


def _table(
    model: Model, rows: Sequence[Row], chosen: int | None, room: int, width: int
) -> list[Line]:
    columns = [each for each in _COLUMNS if width >= _WIDE or not each[2]]
    title = " ".join(f"{name:>{size}}" for name, size, _, _ in columns)
    how = f"  by {model.sort}" + (f", filter {model.pattern}" if model.pattern else "")
    lines: list[Line] = [[(f"{title}  REQUEST", TITLE), (how, DIM)]]
    if not rows:
        return [*lines, [("no worker matches" if model.pattern else "no workers", DIM)]]
    shown = rows
    if len(rows) > room - 1:
        place = next((n for n, each in enumerate(rows) if each.number == chosen), 0)
        start = max(0, min(place - (room - 1) // 2, len(rows) - (room - 1)))
        shown = rows[start : start + max(1, room - 1)]
    for row in shown:
        values = [f"{value(row):>{size}}" for _, size, _, value in columns]
        lines.append(_row(row, values, row.number == chosen))
    return lines


_WIDE = 100
"""Where a line is shorter, the columns that one can do without are left out, for the requests."""

_COLUMNS: Sequence[tuple[str, int, bool, Callable[[Row], str]]] = (
    ("NO", 4, False, lambda row: str(row.number)),
    ("PID", 7, False, lambda row: str(row.pid or "-")),
    ("STATE", 5, False, lambda row: row.status),
    ("GEN", 3, True, lambda row: str(row.generation or "-")),
    ("REQ/S", 6, False, lambda row: rate(row.rate)),
    ("AVG", 6, False, lambda row: duration(row.average)),
    ("P99", 6, False, lambda row: duration(row.p99)),
    ("EXC", 5, True, lambda row: str(row.exceptions)),
    ("MEM", 6, False, lambda row: size(row.rss)),
    ("AGE", 4, True, lambda row: short(row.age)),
)
_STATE = 2


def _row(row: Row, values: Sequence[str], chosen: bool) -> Line:
    style = TITLE if chosen else PLAIN
    line: Line = [
        (" ".join(values[:_STATE]) + " ", style),
        (values[_STATE], style if chosen else _STATUS.get(row.status, WARN)),
        (" " + " ".join(values[_STATE + 1 :]) + "  ", style),
    ]
    longest = row.longest
    if longest is not None:
        more = f" and {len(row.running) - 1} more" if len(row.running) > 1 else ""
        colour = BAD if longest.age >= _OLD else PLAIN
        line.append((f"{longest.age:.1f}s {request(longest.request)}{more}", colour))
    return line


def _one(row: Row, width: int) -> list[Line]:
    lines: list[Line] = [
        [
            (f"worker {row.number}", BOLD),
            (f"  pid {row.pid or '-'}  {row.status}  generation {row.generation}", PLAIN),
            (f"  age {short(row.age)}  memory {size(row.rss)}", PLAIN),
        ],
        [
            (
                f"requests {row.requests}  {rate(row.rate)}/s  average {duration(row.average)}",
                PLAIN,
            ),
            (f"  p99 {duration(row.p99)}  exceptions {row.exceptions}", PLAIN),
            (f"  processes {row.spawns}  harakiri {row.harakiris}", PLAIN),
        ],
        [],
    ]
    for each in sorted(row.running, key=lambda each: -each.age):
        style = BAD if each.age >= _OLD else PLAIN
        lines.append([(f"thread {each.thread}  {each.age:.1f}s  {each.request or '-'}", style)])
    if not row.running:
        lines.append([("no request", DIM)])
    total = sum(row.buckets)
    if total:
        lines += [[], [("requests of the last minute by duration", TITLE)]]
        ends = [duration(bound / 1000000) for bound in BOUNDS]
        labels = [*(f"up to {end}" for end in ends), f"over {ends[-1]}"]
        for label, count in zip(labels, row.buckets, strict=False):
            if count:
                bar = "\u2588" * max(1, count * max(1, width - 30) // total)
                lines.append([(f"{label:>13} {count:>8} ", PLAIN), (bar, GOOD)])
    return lines


def request(note: str) -> str:
    """A note without the client's address."""
    return note.partition(" ")[2] or note


def sparkline(values: Sequence[float], width: int) -> str:
    """The last values as a row of bars, the largest the highest."""
    shown = list(values)[-width:] if width > 0 else []
    most = max(shown, default=0.0)
    if most <= 0:
        return _BARS[0] * len(shown)
    return "".join(_BARS[min(len(_BARS) - 1, int(each / most * len(_BARS)))] for each in shown)


def rate(value: float | None) -> str:
    """A number of requests in a second."""
    if value is None:
        return "-"
    if value >= 10000:
        return f"{value / 1000:.1f}k"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def duration(seconds: float | None) -> str:
    """A time that is short."""
    if seconds is None:
        return "-"
    if seconds < 0.1:
        return f"{seconds * 1000:.1f}ms"
    return f"{seconds * 1000:.0f}ms" if seconds < 1 else f"{seconds:.1f}s"


def size(octets: int) -> str:
    """Megabytes."""
    return f"{octets / 1048576:.1f}M" if octets else "-"


def short(seconds: float | None) -> str:
    """A time that is long, in four characters."""
    if seconds is None:
        return "-"
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f}{unit}"
    return f"{seconds:.0f}s"


def span(seconds: float) -> str:
    """A time that is long, in two units."""
    whole = int(seconds)
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days}d {hours}h"
    return f"{hours}h {minutes}m" if hours else f"{minutes}m {whole % 60}s"
