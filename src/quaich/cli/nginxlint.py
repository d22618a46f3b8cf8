"""``quaich nginx lint``: what is wrong with an nginx configuration that passes to applications."""

import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from typing import BinaryIO

from quaich.config.base import Diagnostic, printable
from quaich.config.codes.row import ERROR, NOTE, WARNING
from quaich.config.codes.table import CODES
from quaich.errors import ConfigError, QuaichError, UsageError
from quaich.nginx import lintfacts
from quaich.nginx.lint import lint
from quaich.nginx.lintmodel import App, passes
from quaich.nginx.tree import Disk, Texts, Tree, dumped, parse, read
from quaich.values import dataclass, field

USAGE = """\
Usage: quaich nginx lint [options] [FILE...|-]

Reads a configuration of nginx and reports mistakes in the sites that pass requests to an
application server. FILE is a configuration, a directory such as /etc/nginx, or what nginx -T
printed; - is stdin. Without FILE, or with --all, it is that of the installed nginx.

    --all                  what nginx -T says, or /etc/nginx where it says nothing
    --ini FILE             the application server's configuration, for its timeouts and sockets
                           (may be repeated)
    --nginx-version X.Y.Z  what FILE is meant for
    --json                 print the findings as JSON

Exit status: 1 when there is an error, 0 when there are only warnings and notes, or nothing.
"""

_SEVERITIES = (ERROR, WARNING, NOTE)
_ETC = "/etc/nginx"
_MAX_BYTES = 64 * 1024 * 1024


@dataclass
class Wishes:
    """What the command line asks for."""

    files: list[str] = field(default_factory=list)
    apps: list[str] = field(default_factory=list)
    version: tuple[int, ...] = ()
    is_all: bool = False
    is_json: bool = False
    is_help: bool = False


@dataclass
class Result:
    """The findings about one configuration, and what is to be known about it."""

    name: str
    findings: list[Diagnostic]
    facts: list[str]


def run(argv: Sequence[str]) -> int:
    """The command; ``argv`` are the arguments after ``nginx lint``."""
    wishes = _wishes(argv)
    if wishes.is_help:
        sys.stdout.write(USAGE)
        return 0
    apps = [_app(path) for path in wishes.apps]
    results = [_file(path, wishes, apps) for path in wishes.files]
    if wishes.is_all or not wishes.files:
        results.append(_installed(wishes, apps))
    _show(as_json(results) if wishes.is_json else as_text(results))
    failed = any(found.severity == ERROR for each in results for found in each.findings)
    return 1 if failed else 0


def _wishes(argv: Sequence[str]) -> Wishes:
    wishes = Wishes()
    rest = iter(argv)
    for argument in rest:
        name, equals, value = argument.partition("=")
        if argument == "--all":
            wishes.is_all = True
        elif argument == "--json":
            wishes.is_json = True
        elif argument in ("--help", "-h"):
            wishes.is_help = True
        elif name in ("--ini", "--nginx-version"):
            value = value if equals else next(rest, "")
            if not value:
                raise UsageError(f"{name}: expected a value; see quaich nginx lint --help")
            if name == "--ini":
                wishes.apps.append(value)
            elif not all(part.isdecimal() and len(part) < 6 for part in value.split(".")):
                raise UsageError(f'--nginx-version: expected numbers like 1.26.3, got "{value}"')
            else:
                wishes.version = tuple(int(part) for part in value.split("."))
        elif argument.startswith("-") and argument != "-":
            raise UsageError(f"unknown option {argument}; see quaich nginx lint --help")
        else:
            wishes.files.append(argument)
    return wishes


def _app(path: str) -> App:
    from quaich.config.resolve import read_compatible
    from quaich.config.sources import Host

    errors: list[ConfigError] = []
    argv = ["quaich", path] if "." in os.path.basename(path) else ["quaich", "--ini", path]
    config = read_compatible(argv, os.environ, Host(), errors).config
    if errors:
        raise errors[0]
    place = config.place_of("harakiri") or path
    return App(config.listeners, config.harakiri, config.listen, place)


def _file(path: str, wishes: Wishes, apps: Sequence[App]) -> Result:
    if path == "-":
        return _judged("stdin", _text(sys.stdin.buffer, "stdin"), wishes, apps, here=False)
    if not os.path.exists(path):
        raise QuaichError(f"{path}: there is no such file")
    if os.path.isdir(path):
        return _judged(path, read(path), wishes, apps, here=True)
    try:
        with open(path, "rb") as file:
            # What a shell makes of <(nginx -T).
            if not os.path.isfile(path):
                return _judged(path, _text(file, path), wishes, apps, here=False)
            files = dumped(_decoded(file))
    except OSError as error:
        raise QuaichError(f"{path}: {error.strerror}") from None
    root = parse(Texts(files), next(iter(files))) if files else read(path)
    return _judged(path, root, wishes, apps, here=not files)


def _decoded(file: BinaryIO) -> str:
    return file.read(_MAX_BYTES + 1).decode("utf-8", "replace")


def _text(file: BinaryIO, name: str) -> Tree:
    """A dump, or one file; what that includes is looked for where nginx would."""
    text = _decoded(file)
    files = dumped(text)
    if files:
        return parse(Texts(files), next(iter(files)))

    class Both(Disk):
        def text(self, path: str) -> str | None:
            return text if path == name else super().text(path)

    return parse(Both(), name, _ETC)


def _show(text: str) -> None:
    """Write to a reader who may leave early, such as head."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whatever is still buffered would raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _installed(wishes: Wishes, apps: Sequence[App]) -> Result:
    binary = lintfacts.program()
    text, why = lintfacts.dump(binary) if binary else ("", "nginx is not installed")
    files = dumped(text)
    if files:
        main = next(iter(files))
        return _judged(main, parse(Texts(files), main), wishes, apps, here=True)
    if not os.path.isdir(_ETC):
        raise QuaichError(f"{why}, and there is no {_ETC}; name a file")
    result = _judged(_ETC, read(_ETC), wishes, apps, here=True)
    result.facts.insert(0, f"nginx -T: {why}; the files of {_ETC} were read instead")
    return result


def _judged(name: str, root: Tree, wishes: Wishes, apps: Sequence[App], here: bool) -> Result:
    known = lintfacts.facts(here, wishes.version, apps)
    facts = [f"{place}: {pattern} is not there" for place, pattern in root.missing]
    found = passes(root)
    if not found:
        facts.append("no site passes requests to an application server")
    elif not any(each.name == "http" for each in root.children):
        facts.append("no http { } around the site: what it inherits is not judged")
    return Result(name, lint(root, known), list(dict.fromkeys(facts)))


def as_text(results: Sequence[Result]) -> str:
    """For people: errors first, each code's consequence and remedy below its places."""
    lines = []
    counts: Counter[str] = Counter()
    for result in results:
        groups: dict[tuple[int, str], list[Diagnostic]] = {}
        for found in result.findings:
            counts[found.severity] += 1
            rank = _SEVERITIES.index(found.severity)
            groups.setdefault((rank, found.code), []).append(found)
        for (rank, code), group in sorted(groups.items()):
            for found in sorted(
                group, key=lambda each: (each.place[: -len(str(each.line))], each.line)
            ):
                text = f"{found.place}: {_SEVERITIES[rank]} {code}: {found.text}"
                lines.append(printable(text))
            lines.append(f"    {CODES[code].consequence}")
            lines.append(f"    Remedy: {CODES[code].remedy}")
        lines += [printable(f"{result.name}: {fact}") for fact in result.facts]
    total = ", ".join(
        f"{counts[each]} {each}{'' if counts[each] == 1 else 's'}"
        for each in _SEVERITIES
        if counts[each]
    )
    lines.append(f"{total}; quaich explain CODE says more" if total else "nothing to report")
    return "\n".join(lines) + "\n"


def as_json(results: Sequence[Result]) -> str:
    """For programs."""
    data = [
        {
            "name": result.name,
            "facts": result.facts,
            "findings": [
                {
                    "code": found.code,
                    "severity": found.severity,
                    "file": found.place.removesuffix(f":{found.line}"),
                    "line": found.line,
                    "text": found.text,
                    "consequence": CODES[found.code].consequence,
                    "remedy": CODES[found.code].remedy,
                }
                for found in result.findings
            ],
        }
        for result in results
    ]
    failed = any(found.severity == ERROR for each in results for found in each.findings)
    return json.dumps({"ok": not failed, "reports": data}) + "\n"
