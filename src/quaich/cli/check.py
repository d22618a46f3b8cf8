"""``quaich check``: everything that can be said about a configuration without starting it."""

import difflib
import os
import sys
import tempfile
from collections.abc import Sequence

from quaich.cli import checkfix
from quaich.cli.checkreport import Report, as_json, as_text, located, path_of
from quaich.config import survey
from quaich.config.base import Diagnostic
from quaich.config.codes import ERROR, diagnose
from quaich.config.resolve import Resolution, read_compatible, read_modern
from quaich.config.sources import Host
from quaich.errors import ConfigError, UsageError
from quaich.values import dataclass, field

USAGE = """\
Usage: quaich check [options] FILE...          each file is one configuration
       quaich check [options] OPTIONS...       one configuration, as for quaich itself
       quaich check [options] serve ...        one configuration, as for quaich serve

    --json                 print the findings as JSON
    --all                  name every setting that differs from uWSGI, too
    --fix                  correct what has one certain correction, then check
    --fix --diff           show the corrections and write nothing
    --no-import            do not import the application
    --import-timeout N     give the import N seconds (default 30)
    --nginx PATH           where nginx's configuration is (default /etc/nginx)
    --no-nginx             do not look at it

Exit status: 1 when there is an error, else 0.
"""

_FLAGS = ("--json", "--all", "--fix", "--diff", "--no-import", "--no-nginx", "--help")
_VALUES = ("--import-timeout", "--nginx")
_FILES = (".ini", ".json", ".js", ".yaml", ".yml", ".xml", ".toml")
_SHOWN_AT_START = ("QX001", "QX002", "QX003", "QX004", "QX020")


@dataclass
class Wishes:
    """What the command line asks of the check itself; ``rest`` is the configuration."""

    flags: set[str] = field(default_factory=set)
    timeout: float = 30.0
    nginx: str = "/etc/nginx"
    rest: list[str] = field(default_factory=list)


def run(argv: Sequence[str]) -> int:
    """The command; ``argv[0]`` is its name."""
    wishes = _wishes(argv[1:])
    if "--help" in wishes.flags or not wishes.rest:
        (sys.stdout if "--help" in wishes.flags else sys.stderr).write(USAGE)
        return 0 if "--help" in wishes.flags else 1
    host = Host()
    reports = []
    for arguments in _configurations(wishes.rest):
        report, texts = _check(arguments, wishes, host)
        if "--fix" in wishes.flags:
            fixed = _fixed(report.findings, texts)
            if "--diff" in wishes.flags:
                sys.stdout.write("".join(_diff(path, texts[path], fixed[path]) for path in fixed))
                continue
            for path, text in fixed.items():
                _replace(path, text)
                sys.stderr.write(f"{path}: corrected\n")
            if fixed:
                report, _ = _check(arguments, wishes, host)
        reports.append(report)
    if reports:
        sys.stdout.write((as_json if "--json" in wishes.flags else as_text)(reports))
    return 1 if any(report.failed for report in reports) else 0


def _wishes(arguments: Sequence[str]) -> Wishes:
    wishes = Wishes()
    rest = iter(arguments)
    for argument in rest:
        name, equals, value = argument.partition("=")
        if argument in _FLAGS:
            wishes.flags.add(argument)
        elif name in _VALUES:
            if not equals:
                value = next(rest, "")
            if name == "--nginx":
                wishes.nginx = value
            elif not value.replace(".", "", 1).isdecimal():
                raise UsageError(f'--import-timeout: expected seconds, got "{value}"')
            else:
                wishes.timeout = float(value)
        else:
            wishes.rest.append(argument)
    if "--diff" in wishes.flags and "--fix" not in wishes.flags:
        raise UsageError("--diff belongs to --fix; write quaich check --fix --diff")
    return wishes


def _configurations(arguments: list[str]) -> list[list[str]]:
    """Files alone are a configuration each; anything else is one."""
    if all(each.lower().endswith(_FILES) and not each.startswith("-") for each in arguments):
        return [[each] for each in arguments]
    return [arguments]


def _check(arguments: list[str], wishes: Wishes, host: Host) -> tuple[Report, dict[str, str]]:
    report = Report(" ".join(arguments))
    errors: list[ConfigError] = []
    resolution: Resolution | None = None
    try:
        if arguments[0] == "serve":
            resolution = read_modern(arguments, os.environ, host, errors)
        else:
            resolution = read_compatible(["quaich", *arguments], os.environ, host, errors)
    except ConfigError as error:
        errors.append(error)
    report.findings += [
        diagnose(each.code or "QX107", each.message, each.place, each.key, ERROR) for each in errors
    ]
    if resolution is not None:
        _examine(resolution, report, wishes)
    texts = _texts(report.findings)
    report.findings = [
        located(found, texts.get(path_of(found), "")) for found in dict.fromkeys(report.findings)
    ]
    return report, texts


def _examine(resolution: Resolution, report: Report, wishes: Wishes) -> None:
    config = resolution.config
    if resolution.action:
        report.facts.append(f"asks for {resolution.action} instead of a server")
        return
    report.findings += config.notes
    report.findings += survey.remarks(resolution.items, "--all" in wishes.flags)
    report.findings += survey.risks(config)
    report.summary = str(survey.summarize(resolution.items, config.notes))
    from quaich.cli import checkapp, checkcertificate, checkmachine
    from quaich.nginx import lint

    machine = [*checkmachine.examine(config), *checkcertificate.examine(config.listeners)]
    report.findings += machine
    if not checkapp.has_application(config):
        if report.failed:
            return
        report.findings.append(diagnose("QX506", "no module, wsgi-file or mount is given"))
    elif (
        "--no-import" not in wishes.flags
        and checkapp.is_imported(config)
        and not _prevents_import(machine)
    ):
        findings, facts = checkapp.examine(config, wishes.timeout)
        report.findings += findings
        report.facts += facts
    if "--no-nginx" not in wishes.flags:
        findings, facts = lint.examine(wishes.nginx, config.listeners)
        report.findings += findings
        report.facts += facts


def _prevents_import(machine: Sequence[Diagnostic]) -> bool:
    """Whether the import could only fail for a reason that is reported already."""
    options = ("chdir", "virtualenv", "wsgi-file", "uid", "gid")
    return any(found.severity == ERROR and found.key in options for found in machine)


def _texts(findings: Sequence[Diagnostic]) -> dict[str, str]:
    texts = {}
    for path in {path_of(found) for found in findings if found.line}:
        try:
            with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
                texts[path] = file.read()
        except OSError:
            continue
    return texts


def _fixed(findings: Sequence[Diagnostic], texts: dict[str, str]) -> dict[str, str]:
    """The new text of each file that changes."""
    fixed = {}
    for path, text in texts.items():
        own = [found for found in findings if path_of(found) == path]
        new = checkfix.fix(text, own, path.lower().endswith(".ini"))
        if new != text:
            fixed[path] = new
    return fixed


def _diff(path: str, old: str, new: str) -> str:
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), path, path
    )
    text = "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _replace(path: str, text: str) -> None:
    """Write the file whole or not at all, with the rights it had."""
    path = os.path.realpath(path)
    state = os.stat(path)
    fd, name = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".quaich-")
    try:
        with open(fd, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.write(text)
            os.fchmod(file.fileno(), state.st_mode & 0o7777)
            if os.geteuid() == 0:
                os.fchown(file.fileno(), state.st_uid, state.st_gid)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
