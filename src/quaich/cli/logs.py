"""``quaich logs``: the log file of a server, its requests filtered, as it grows if wanted.

The file is named, or is the log of a configuration, or where the output of a running server goes.
A file that is rotated or emptied is followed into its successor.
"""

import os
import stat
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from quaich.cli import find, logline
from quaich.cli.logline import Filter
from quaich.config.base import printable
from quaich.config.suggest import hint
from quaich.errors import QuaichError, UsageError
from quaich.values import dataclass

USAGE = """\
Usage: quaich logs [-f] [-n LINES] [FILTERS] [FILE|SERVER]

FILE is a log; SERVER is the name of a deployed site, a pid file or a configuration file, and may be
left out where one server of this user runs whose output is a file.

    -f, --follow       go on as the log grows
    -n LINES           the last LINES lines (20; all with --since)
    --status 5xx       requests with these statuses: 404, 5xx, 404,5xx
    --slow 500ms       requests that took at least so long
    --path /x          requests whose URI begins so
    --since 10m        from so long ago on
    --control PATH     the server's control socket

With a filter only request lines are shown: those of uWSGI's default format, JSON, or the common and
combined formats of web servers.
"""

_CONFIGURATIONS = (".ini", ".xml", ".yaml", ".yml", ".json", ".js", ".toml")
_VALUES = ("-n", "--status", "--slow", "--path", "--since", "--control")
_FLAGS = ("-f", "--follow")
_LINES = 20
_FIRST_LOOK = 1 << 20
_PAUSE = 0.2


@dataclass(frozen=True)
class Wish:
    """What the command line asks for; ``lines`` None: all."""

    filter: Filter
    follow: bool = False
    lines: int | None = _LINES
    target: str | None = None
    control: str | None = None


def run(argv: Sequence[str]) -> int:
    """The command; ``argv[0]`` is its name."""
    if any(each in ("-h", "--help") for each in argv[1:]):
        sys.stdout.write(USAGE)
        return 0
    wish = read(argv, time.time())
    path = locate(wish)
    try:
        with open(path, "rb") as file:
            end = os.fstat(file.fileno()).st_size
            _write(_last(file.fileno(), end, wish))
            if wish.follow:
                _write(_follow(path, file.fileno(), end, wish.filter))
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:
        # Whatever is still buffered would raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        raise QuaichError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    return 0


def read(argv: Sequence[str], now: float) -> Wish:
    """What a command line asks for."""
    values: dict[str, str] = {}
    words: list[str] = []
    follow = False
    rest = iter(argv[1:])
    for argument in rest:
        name, equals, value = argument.partition("=")
        if not argument.startswith("-") or argument == "-":
            words.append(argument)
        elif argument in _FLAGS:
            follow = True
        elif name in _VALUES:
            values[name] = value if equals else next(rest, "")
            if not values[name]:
                raise UsageError(f"logs: {name} needs a value")
        else:
            meant = hint(argument, [each[2:] for each in (*_FLAGS, *_VALUES)], "--")
            raise UsageError(f"logs: unknown option {argument}{meant}")
    if len(words) > 1:
        raise UsageError(f"logs: one file or server at a time, got {' and '.join(words)}")
    lines = values.get("-n")
    if lines is not None and not lines.isdigit():
        raise UsageError(f'-n: expected a number, got "{lines}"')
    since = values.get("--since")
    wanted = Filter(
        logline.statuses(values["--status"]) if "--status" in values else (),
        logline.seconds("--slow", values["--slow"], "ms") if "--slow" in values else 0.0,
        values.get("--path", ""),
        now - logline.seconds("--since", since, "s") if since else 0.0,
    )
    count = int(lines) if lines is not None else None if since else _LINES
    return Wish(wanted, follow, count, words[0] if words else None, values.get("--control"))


def locate(wish: Wish) -> str:
    """The log that is meant."""
    target = wish.target
    if target is not None and wish.control is None:
        site = find.site_paths(target, os.environ)
        if site is not None:
            return f"{site.log}/server.log"
        if target.endswith(_CONFIGURATIONS):
            return _of_configuration(target)
        if not _is_pidfile(target):
            return target
    found = find.find(target, wish.control, os.environ)
    found.sock.close()
    for fd in (2, 1):
        link = f"/proc/{found.pid}/fd/{fd}"
        try:
            if stat.S_ISREG(os.stat(link).st_mode):
                return os.readlink(link)
        except OSError:
            continue
    raise QuaichError(
        f"logs: the output of pid {found.pid} is no file; look where it goes (journalctl, docker "
        "logs), or name a file"
    )


def _is_pidfile(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(32).strip().isdigit()
    except OSError:
        return False


def _of_configuration(path: str) -> str:
    from quaich.config.resolve import read_compatible
    from quaich.config.sources import Host

    config = read_compatible(["quaich", path], os.environ, Host()).config
    for name in (config.daemonize2, config.daemonize, config.logto2, config.logto):
        if name and os.path.isabs(name):
            return name
        if name and (":" not in name or "/" in name):
            return os.path.join(config.chdir or "", name)
    raise QuaichError(f"{path}: it logs to no file (logto, daemonize); name one, or a pid file")


def _last(fd: int, size: int, wish: Wish) -> list[str]:
    """The lines to begin with, read from as far back as is needed."""
    look = _FIRST_LOOK
    while True:
        start = max(0, size - look)
        kept, reached = _select(_lines_from(fd, start, size), wish)
        if start == 0 or reached:
            return kept
        look *= 8


def _select(lines: Iterable[str], wish: Wish) -> tuple[list[str], bool]:
    """What is wanted of these lines, and whether what comes before them cannot be."""
    kept: deque[str] = deque(maxlen=wish.lines)
    before = False
    count = 0
    begun = not wish.filter.since
    for line in lines:
        entry = logline.read(line)
        if entry is not None and wish.filter.since:
            begun = entry.when >= wish.filter.since
            before = before or not begun
        if _wanted(line, entry, wish.filter, begun):
            kept.append(line)
            count += 1
    return list(kept), before or (wish.lines is not None and count >= wish.lines)


def _wanted(line: str, entry: logline.Entry | None, wanted: Filter, begun: bool) -> bool:
    if entry is not None:
        return wanted.takes(entry)
    return begun and not wanted.any


def _lines_from(fd: int, start: int, end: int) -> Iterator[str]:
    held = b""
    first = start > 0
    place = start
    while place < end:
        data = os.pread(fd, min(1 << 20, end - place), place)
        if not data:
            break
        place += len(data)
        *lines, held = (held + data).split(b"\n")
        for line in lines:
            if not first:
                yield line.decode("utf-8", "backslashreplace")
            first = False
    if held and not first:
        yield held.decode("utf-8", "backslashreplace")


def _follow(path: str, fd: int, place: int, wanted: Filter) -> Iterator[str]:
    """Lines as they come; never ends."""
    held = b""
    current = os.dup(fd)
    try:
        while True:
            data = os.pread(current, 1 << 16, place)
            if data:
                place += len(data)
                *lines, held = (held + data).split(b"\n")
                for each in lines:
                    line = each.decode("utf-8", "backslashreplace")
                    if _wanted(line, logline.read(line), wanted, True):
                        yield line
                continue
            if os.fstat(current).st_size < place:
                place, held = 0, b""
                continue
            successor = _successor(path, current)
            if successor is not None:
                os.close(current)
                current, place, held = successor, 0, b""
                continue
            time.sleep(_PAUSE)
    finally:
        os.close(current)


def _successor(path: str, fd: int) -> int | None:
    """The file that is at the path now, if it is another one."""
    try:
        new = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    if os.path.sameopenfile(new, fd):
        os.close(new)
        return None
    return new


def _write(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{printable(line)}\n")
        sys.stdout.flush()
