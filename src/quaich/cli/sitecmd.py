"""The commands for a site between deployments: start, env, maintenance, destroy and others."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

from quaich.cli import arguments, sayings
from quaich.cli.secrets import MASK
from quaich.deploy import commands, destroying, operating, records, variables
from quaich.deploy.faults import reason
from quaich.deploy.layout import layout
from quaich.deploy.place import Place, place
from quaich.errors import QuaichError, UsageError

_AUDIT_SHOWN = 20


def run(argv: Sequence[str]) -> int:
    """The command; ``argv[0]`` is its name."""
    try:
        return _RUN[argv[0]](argv[1:])
    except OSError as error:
        raise QuaichError(f"{argv[0]}: {reason(error)}") from None


def _place(name: str) -> Place:
    return place(layout(os.geteuid(), os.environ), name, os.environ)


def _parser(name: str, text: str, dry_run: bool = False, asks: bool = False) -> arguments.Parser:
    parser = arguments.Parser(prog=f"quaich {name}", description=text)
    parser.add_argument("site")
    arguments.common(parser, dry_run, asks)
    return parser


def _needed(name: str) -> Place:
    at = _place(name)
    operating.need(at)
    return at


def _change(at: Place, action: str, as_json: bool, do: Callable[[Any], str], **more: Any) -> int:
    """Do something to a site, recorded; with --json a failure is an object on stdout too."""
    say = sayings.say(as_json)
    try:
        with operating.audited(at, action, say, **more):
            text = do(say)
    except QuaichError as error:
        if isinstance(say, sayings.Json):
            say.error(error, error.status)
            return error.status
        raise
    say.done(f"{at.paths.name}: {text}", {"ok": True, "site": at.paths.name, "text": text})
    return 0


def _start(argv: Sequence[str]) -> int:
    wish = _parser("start", "Start the server of a site that was stopped.", True).parse_args(argv)
    at = _needed(wish.site)
    if wish.dry_run:
        return _only_said(wish, "would start its server")
    return _change(
        at, "start", wish.json, lambda _: "started" if operating.start(at) else "it runs already"
    )


def _stop(argv: Sequence[str]) -> int:
    parser = _parser("stop", "Stop the server of a site: nginx answers 502 until it starts.", True)
    parser.add_argument("--now", action="store_true", help="cut off the requests that run")
    wish = parser.parse_args(argv)
    at = _needed(wish.site)
    if wish.dry_run:
        return _only_said(wish, "would stop its server")

    def do(_: Any) -> str:
        return "stopped" if operating.stop(at, wish.now) else "it does not run"

    return _change(at, "stop", wish.json, do)


def _restart(argv: Sequence[str]) -> int:
    if not argv:
        raise UsageError("restart: expected a site; did you mean quaich reload?")
    text = "Stop the server of a site and start it anew; quaich reload does without the pause."
    wish = _parser("restart", text, True).parse_args(argv)
    at = _needed(wish.site)
    if wish.dry_run:
        return _only_said(wish, "would stop its server and start it")

    def do(_: Any) -> str:
        operating.live(at)
        operating.stop(at)
        operating.start(at)
        return "restarted"

    return _change(at, "restart", wish.json, do)


def _scale(argv: Sequence[str]) -> int:
    parser = arguments.Parser(
        prog="quaich scale", description="Have N workers until the next deployment."
    )
    parser.add_argument("processes", type=int, metavar="N")
    parser.add_argument("site")
    arguments.common(parser, dry_run=True)
    wish = parser.parse_args(argv)
    if not 1 <= wish.processes <= 1000:
        raise UsageError(f"scale: expected 1 to 1000 workers, got {wish.processes}")
    at = _needed(wish.site)
    if wish.dry_run:
        return _only_said(wish, f"would have {wish.processes} workers")

    def do(_: Any) -> str:
        operating.scale(at, wish.processes)
        return f"{wish.processes} workers, until the next deployment"

    return _change(at, "scale", wish.json, do, processes=wish.processes)


def _destroy(argv: Sequence[str]) -> int:
    text = "Remove a site: from nginx, its server, releases, data, variables and logs."
    wish = _parser("destroy", text, True, True).parse_args(argv)
    at = _needed(wish.site)
    if wish.dry_run:
        return _only_said(wish, f"would remove it from nginx, {at.paths.state} and its logs")
    if not wish.yes:
        sayings.confirm(f"Remove the site {wish.site} with all its releases and its data?")

    def do(say: Any) -> str:
        destroying.destroy(at, say)
        return f"removed; {at.paths.audit} stays"

    return _change(at, "destroy", wish.json, do)


def _maintenance(argv: Sequence[str]) -> int:
    text = "Close a site in nginx (503 with Retry-After), but for some addresses; open it again."
    parser = _parser("maintenance", text, True)
    parser.add_argument("what", choices=("on", "off"))
    parser.add_argument("--allow", action="append", default=[], help="an address or network")
    parser.add_argument("--retry-after", type=int, default=300, help="seconds (300)")
    parser.add_argument("--page", help="an HTML file to show")
    wish = parser.parse_args(argv)
    at = _needed(wish.site)
    table: dict[str, Any] | None = None
    if wish.what == "on":
        table = {"on": True, "retry-after": wish.retry_after, "allow": wish.allow}
        if wish.page:
            table["page"] = os.path.abspath(wish.page)
    if wish.dry_run:
        return _only_said(wish, f"would turn maintenance {wish.what} in nginx")

    def do(_: Any) -> str:
        return f"maintenance {wish.what} · nginx {operating.maintain(at, table)}"

    return _change(at, f"maintenance {wish.what}", wish.json, do)


def _env(argv: Sequence[str]) -> int:
    parser = arguments.Parser(
        prog="quaich env",
        description="The variables of a site.  A change reloads the server.",
        epilog="set without pairs, or with -, reads NAME=value lines from stdin.",
    )
    parser.add_argument("what", choices=("set", "unset", "list"))
    parser.add_argument("site")
    parser.add_argument("words", nargs="*", metavar="NAME=value")
    parser.add_argument("--show", action="store_true", help="list: with the values")
    arguments.common(parser, dry_run=True)
    wish = parser.parse_args(argv)
    at = _needed(wish.site)
    if wish.what == "list":
        there = operating.variables(at)
        shown = {name: value if wish.show else MASK for name, value in sorted(there.items())}
        text = "\n".join(f"{name}={value}" for name, value in shown.items())
        sayings.say(wish.json).done(text, {"site": wish.site, "variables": shown})
        return 0
    wanted: dict[str, str] = {}
    unset: list[str] = []
    if wish.what == "unset":
        unset = wish.words
    elif wish.words and wish.words != ["-"]:
        wanted = variables.assignments(wish.words)
    else:
        if sys.stdin.isatty():
            sys.stderr.write("NAME=value lines, then ^D:\n")
        wanted = variables.lines(sys.stdin.read())
    names = sorted([*wanted, *unset])
    if not names:
        raise UsageError(f"env {wish.what}: expected variables")
    if wish.dry_run:
        return _only_said(wish, f"would {wish.what} {', '.join(names)} and reload")

    def do(_: Any) -> str:
        return f"{wish.what} {', '.join(names)}: {operating.set_variables(at, wanted, unset)}"

    return _change(at, f"env {wish.what}", wish.json, do, names=names)


def _lock(argv: Sequence[str]) -> int:
    parser = _parser("lock", "Keep deployments away from a site until quaich unlock.")
    parser.add_argument("-m", "--reason", default="", help="why, for whoever is refused")
    wish = parser.parse_args(argv)
    at = _needed(wish.site)

    def do(_: Any) -> str:
        operating.lock(at, wish.reason)
        return "locked"

    return _change(at, "lock", wish.json, do, reason=wish.reason)


def _unlock(argv: Sequence[str]) -> int:
    wish = _parser("unlock", "Let deployments in again.").parse_args(argv)
    at = _needed(wish.site)
    return _change(
        at,
        "unlock",
        wish.json,
        lambda _: "unlocked" if operating.unlock(at) else "it was not locked",
    )


def _audit(argv: Sequence[str]) -> int:
    parser = _parser("audit", "Who changed what of a site and when, the latest last.")
    parser.add_argument("-n", type=int, default=_AUDIT_SHOWN, help="how many lines (20)")
    wish = parser.parse_args(argv)
    at = _place(wish.site)
    text = records.read(at.paths.audit)
    if text is None:
        raise QuaichError(f"{at.paths.audit}: there is no such file: nothing was done to that site")
    lines = [json.loads(line) for line in text.splitlines() if line][-max(wish.n, 0) :]
    shown = "\n".join(
        f"{each['time']}  {each['user']:<10} {each['action']:<12} {each.get('release', ''):<14} "
        f"{each['outcome']}{': ' + each['error'] if 'error' in each else ''}"
        for each in lines
    )
    sayings.say(wish.json).done(shown, {"site": wish.site, "audit": lines})
    return 0


def _sites(argv: Sequence[str]) -> int:
    parser = arguments.Parser(prog="quaich sites", description="The sites of this machine or user.")
    arguments.common(parser)
    wish = parser.parse_args(argv)
    found = layout(os.geteuid(), os.environ)
    names = operating.names(found)
    there = [operating.describe(place(found, name, os.environ)) for name in names]
    lines = []
    for each in there:
        words = [f"{each['workers']} workers" if each["running"] else "stopped"]
        words += [word for word in ("maintenance", "locked", "interrupted") if each[word]]
        release = each["release"] or "no release"
        lines.append(f"{each['site']:<16} {release:<14} {', '.join(words):<24} {each['address']}")
    sayings.say(wish.json).done("\n".join(lines) or "no sites", {"sites": there})
    return 0


def _exec(argv: Sequence[str]) -> int:
    parser = arguments.Parser(
        prog="quaich exec",
        description="Run a program in the current release: its environment, variables and user.",
    )
    parser.add_argument("site")
    parser.add_argument("command", nargs="...", metavar="[--] PROGRAM [ARGUMENT...]")
    wish = parser.parse_args(argv)
    words = wish.command[1:] if wish.command[:1] == ["--"] else wish.command
    if not words:
        raise UsageError("exec: expected a program: quaich exec SITE python -V")
    return _inside(_needed(wish.site), words)


def _run(argv: Sequence[str]) -> int:
    parser = arguments.Parser(
        prog="quaich run",
        description="Run a command line by sh in the current release, as quaich exec does.",
    )
    parser.add_argument("site")
    parser.add_argument("command", nargs="...", metavar="COMMAND")
    wish = parser.parse_args(argv)
    if not wish.command:
        raise UsageError("run: expected a command line: quaich run SITE 'python -V | cat'")
    return _inside(_needed(wish.site), ["/bin/sh", "-c", " ".join(wish.command)])


def _shell(argv: Sequence[str]) -> int:
    parser = arguments.Parser(prog="quaich shell", description="A shell in the current release.")
    parser.add_argument("site")
    wish = parser.parse_args(argv)
    return _inside(_needed(wish.site), [os.environ.get("SHELL", "/bin/sh")])


def _inside(at: Place, words: Sequence[str]) -> int:
    by, env, directory = operating.inside(at)
    try:
        done = subprocess.run(
            words, cwd=directory, env=env, check=False, **commands.identity(by)
        ).returncode
    except OSError as error:
        raise QuaichError(f"{words[0]}: {(error.strerror or str(error)).lower()}") from None
    return done if done >= 0 else 128 - done


def _only_said(wish: Any, text: str) -> int:
    sayings.say(wish.json).done(f"{wish.site}: {text}", {"ok": True, "text": text})
    return 0


_RUN: dict[str, Callable[[Sequence[str]], int]] = {
    "start": _start,
    "stop": _stop,
    "restart": _restart,
    "scale": _scale,
    "destroy": _destroy,
    "maintenance": _maintenance,
    "env": _env,
    "lock": _lock,
    "unlock": _unlock,
    "audit": _audit,
    "sites": _sites,
    "exec": _exec,
    "run": _run,
    "shell": _shell,
}
