"""``quaich report``: what happened at the sites in a day, from their request logs."""

import glob
import gzip
import json
import os
import time
from collections.abc import Iterator, Sequence
from typing import BinaryIO, cast

from quaich.cli import logline, reportmodel, words
from quaich.cli.output import show
from quaich.cli.reportmodel import Summary, Table
from quaich.config.base import printable
from quaich.deploy.layout import layout
from quaich.errors import QuaichError, UsageError

USAGE = """\
Usage: quaich report [options] [SITE|FILE...]

Sums up the request logs of all deployed sites, of one, or of log files (also .gz, or - for stdin):
uWSGI's default format, JSON, or the common and combined formats of web servers.

    --since 1d    from so long ago on (default 1d; all: everything)
    --rows 10     rows of each table
    --json        as JSON, one object
"""

_LONGEST_LINE = 1 << 16


def run(argv: Sequence[str]) -> int:
    """The command; ``argv[0]`` is its name."""
    asked = words.split(argv, ("--json",), ("--since", "--rows"))
    if "--help" in asked.flags:
        show(USAGE)
        return 0
    now = time.time()
    span = asked.last("--since", "1d")
    since = 0.0 if span == "all" else now - logline.seconds("--since", span, "s")
    rows = asked.last("--rows", "10")
    if not rows.isdecimal() or not 0 < int(rows) <= 1000:
        raise UsageError(f'--rows: expected a number from 1 to 1000, got "{rows}"')
    reports = []
    for name, paths in _sources(asked.rest, since):
        summary = Summary(since)
        for path in paths:
            summary.begin()
            for line in _lines(path):
                summary.add(line)
        reports.append((name, summary))
    if "--json" in asked.flags:
        data = {name: reportmodel.as_data(each, int(rows)) for name, each in reports}
        return show(f"{json.dumps({'since': since, 'until': now, 'sites': data})}\n")
    return show("".join(as_text(name, each, since, int(rows)) for name, each in reports))


def _sources(names: Sequence[str], since: float) -> Iterator[tuple[str, list[str]]]:
    """What is reported on by itself: the sites, and all files together."""
    files = [each for each in names if each == "-" or "/" in each or os.path.exists(each)]
    if files:
        yield ", ".join(files), files
    where = layout(os.geteuid(), os.environ)
    wanted = [each for each in names if each not in files]
    if not names:
        wanted = sorted(map(os.path.basename, filter(os.path.isdir, glob.glob(f"{where.log}/*"))))
        if not wanted:
            raise QuaichError(f"report: no site has a log in {where.log}; name a file")
    for name in wanted:
        directory = where.site(name).log
        # What is rotated is still of today if it was written to today.
        found = [
            path
            for path in sorted(glob.glob(f"{glob.escape(directory)}/*.log*"))
            if os.path.isfile(path) and os.path.getmtime(path) >= since
        ]
        if not found and not os.path.isdir(directory):
            raise QuaichError(f"report: {name} is neither a file nor a site with a log")
        yield name, found


def _lines(path: str) -> Iterator[str]:
    try:
        with _open(path) as file:
            # A line without end must not be held whole.
            while line := file.readline(_LONGEST_LINE):
                yield line.decode("utf-8", "backslashreplace").rstrip("\n")
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise QuaichError(f"report: {path}: {reason.lower()}") from None


def _open(path: str) -> BinaryIO:
    if path == "-":
        return os.fdopen(0, "rb", closefd=False)
    return cast(BinaryIO, gzip.open(path)) if path.endswith(".gz") else open(path, "rb")


def as_text(name: str, summary: Summary, since: float, rows: int) -> str:
    """The report for people."""
    begin = time.strftime("%Y-%m-%d %H:%M", time.localtime(since)) if since else "the beginning"
    count = summary.requests
    lines = [f"{name}: {count} request{'' if count == 1 else 's'} since {begin}"]
    if count:
        lines.append("  " + "   ".join(f"{key} {n}" for key, n in summary.classes.items() if n))
        times = summary.times
        if times.longest:
            shown = [f"{text} {_time(times.quantile(q))}" for text, q in _QUANTILES]
            lines.append("  " + "   ".join([*shown, f"longest {_time(times.longest)}"]))
    paths = summary.paths.top(rows)
    _section(lines, "most asked for", [_path(text, row) for text, row in paths])
    slow = [f"{_time(s):>9}  {_date(when)}  {text}" for s, when, text in summary.slowest[:rows]]
    _section(lines, "slowest", slow)
    _table(lines, "server errors", summary.failures, rows)
    _table(lines, "messages", summary.messages, rows)
    _table(lines, "not found", summary.missing, rows)
    _table(lines, "scans for holes", summary.scans, rows)
    _table(lines, "scans came from", summary.scanners, rows)
    _table(lines, "robots", summary.bots, rows)
    _table(lines, "clients", summary.clients, rows)
    return "\n".join(map(printable, lines)) + "\n\n"


_QUANTILES = (("half within", 0.5), ("95 %", 0.95), ("99 %", 0.99))


def _path(text: str, row: reportmodel.Row) -> str:
    failed = f", {row.failed} failed" if row.failed else ""
    return f"{row.count:9}  {text} ({_time(row.seconds / row.count)} on average{failed})"


def _table(lines: list[str], title: str, table: Table, rows: int) -> None:
    found = []
    for name, row in table.top(rows):
        is_same = not row.example or name.endswith(row.example)
        found.append(f"{row.count:9}  {name}" + ("" if is_same else f"  (last: {row.example})"))
    _section(lines, title, found)


def _section(lines: list[str], title: str, rows: list[str]) -> None:
    if rows:
        lines.append(f"{title}:")
        lines += rows


def _date(when: int) -> str:
    return time.strftime("%m-%d %H:%M:%S", time.localtime(when)) if when else "-"


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"
