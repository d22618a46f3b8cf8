"""``quaich nginx``: a site's nginx files rendered, compared, applied and removed.

A site is named, and its facts are those of the release that is live, or a file with a table
``[nginx]`` is given.  Where the application is not said to listen, it is at the site's own socket.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

from quaich.cli import arguments
from quaich.cli.sayings import confirm
from quaich.config import tomltext
from quaich.config.document import Malformed
from quaich.deploy import front as deployed
from quaich.deploy import releases
from quaich.deploy.layout import Layout, layout
from quaich.errors import QuaichError, UsageError
from quaich.nginx import certificates
from quaich.nginx.apply import Applied, apply, diff, remove
from quaich.nginx.facts import Front, front
from quaich.nginx.install import Nginx, private, system
from quaich.nginx.probe import ask
from quaich.nginx.render import render
from quaich.values import dataclass

_MAX_BYTES = 1 << 20
_EXTENSIONS = (".toml", ".json")


@dataclass(frozen=True)
class _Site:
    name: str
    front: Front
    files: dict[str, str]


def run(argv: Sequence[str]) -> int:
    """The command; ``argv[0]`` is its name."""
    options = _parser().parse_args(argv[1:])
    if options.command is None:
        _parser().print_usage(sys.stderr)
        return 1
    where = layout(os.geteuid(), os.environ)
    nginx = private(where.nginx, where.http_port) if where.nginx else system()
    if options.command == "remove":
        return _remove(nginx, where, options)
    if options.site and len(options.what) > 1:
        raise UsageError("--site: expected one FILE, since it names the site of one")
    sites = [_read(each, options.site, where, nginx) for each in options.what]
    if options.command == "render":
        return _render(sites, options)
    if options.command == "diff":
        return _diff(nginx, sites, options)
    return _apply(nginx, sites, options)


def _parser() -> arguments.Parser:
    parser = arguments.Parser(
        prog="quaich nginx",
        description="nginx's configuration of a site, from a table of facts.",
        epilog="quaich nginx lint has a help of its own.",
    )
    commands = parser.add_subparsers(dest="command", metavar="render|diff|apply|remove|lint")
    for name, text in (
        ("render", "print the files"),
        ("diff", "show what apply would change"),
        ("apply", "change nginx's configuration, reload, and verify that the site answers"),
        ("remove", "take a site's files out of nginx"),
    ):
        each = commands.add_parser(name, help=text, description=text)
        each.add_argument(
            "what",
            nargs="+",
            metavar="SITE" if name == "remove" else "SITE|FILE.toml",
            help="the name of a site, or a file with a table [nginx]",
        )
        changes = name in ("apply", "remove")
        arguments.common(each, dry_run=changes, asks=changes)
        if name != "remove":
            each.add_argument("--site", default="", help="the site's name (the file's by default)")
    return parser


def _read(what: str, named: str, where: Layout, nginx: Nginx) -> _Site:
    is_file = "/" in what or what.endswith(_EXTENSIONS)
    name = named or (os.path.splitext(os.path.basename(what))[0] if is_file else what)
    paths = where.site(name)
    if not is_file and not named and releases.current(paths):
        live = releases.get(paths, releases.current(paths)).release.site
        facts = deployed.facts_of(live, where, paths)
        return _Site(name, facts, render(facts, nginx.abilities))
    path = what if is_file else paths.definition
    table = _table(path)
    table.setdefault("servers", f"unix:{paths.socket}")
    facts = certificates.settled(front(table, site=name, place=path, port=nginx.port))
    return _Site(name, facts, render(facts, nginx.abilities))


def _table(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise QuaichError(f"{path}: {error.strerror}") from None
    if len(data) > _MAX_BYTES:
        raise QuaichError(f"{path}: larger than {_MAX_BYTES >> 20} MiB")
    tables: Any
    try:
        text = data.decode()
        tables = json.loads(text) if path.endswith(".json") else tomltext.parse(text)
    except Malformed as error:
        place = f"{path}:{error.line}" if error.line else path
        raise QuaichError(f"{place}: {error}") from None
    except (ValueError, RecursionError) as error:
        raise QuaichError(f"{path}: malformed: {error}") from None
    found = tables.get("nginx") if isinstance(tables, dict) else None
    if not isinstance(found, dict):
        raise QuaichError(f"{path}: expected a table [nginx]")
    return dict(found)


def _render(sites: list[_Site], options: argparse.Namespace) -> int:
    if options.json:
        _print_json([{"site": each.name, "files": each.files} for each in sites])
        return 0
    for site in sites:
        for name, text in site.files.items():
            sys.stdout.write(f"# {name}\n{text}\n")
    return 0


def _diff(nginx: Nginx, sites: list[_Site], options: argparse.Namespace) -> int:
    found = [(each.name, diff(nginx, each.name, each.files)) for each in sites]
    if options.json:
        _print_json([{"site": name, "diff": text} for name, text in found])
    else:
        sys.stdout.write("".join(text for _, text in found))
    return 0


def _apply(nginx: Nginx, sites: list[_Site], options: argparse.Namespace) -> int:
    made: list[dict[str, object]] = []
    for site in sites:
        change = diff(nginx, site.name, site.files)
        if change and (options.dry_run or not options.yes) and not options.json:
            sys.stdout.write(change)
        if options.dry_run:
            made.append({"site": site.name, "diff": change})
            continue
        if change:
            _agree(f"Apply this to {nginx.config} and reload nginx?", options)
        certificates.prepare(site.front)
        done = apply(nginx, site.name, site.files, probe=partial(ask, site.front))
        made.append(_told(site.name, done, certificates.advice(site.front), options))
    if options.json:
        _print_json(made)
    elif options.dry_run:
        sys.stdout.write("Nothing was changed.\n")
    return 0


def _remove(nginx: Nginx, where: Layout, options: argparse.Namespace) -> int:
    for name in options.what:
        # Refuses what can be no site, before anything is touched.
        where.site(name)
    made: list[dict[str, object]] = []
    for name in options.what:
        if options.dry_run:
            change = diff(nginx, name, {})
            made.append({"site": name, "diff": change})
            if not options.json:
                sys.stdout.write(change)
            continue
        _agree(f"Take {name} out of {nginx.config} and reload nginx?", options)
        made.append(_told(name, remove(nginx, name), [], options))
    if options.json:
        _print_json(made)
    elif options.dry_run:
        sys.stdout.write("Nothing was changed.\n")
    return 0


def _agree(question: str, options: argparse.Namespace) -> None:
    if not options.yes:
        confirm(question)


def _told(
    name: str, done: Applied, more: list[str], options: argparse.Namespace
) -> dict[str, object]:
    remarks = [*done.remarks, *more]
    if not options.json:
        if not done.is_changed:
            sys.stdout.write(f"{name}: nothing to change\n")
        else:
            for path in done.files:
                sys.stdout.write(f"{name}: {path}\n")
            sys.stdout.write(f"{name}: nginx {_outcome(done)}\n")
        for each in remarks:
            sys.stdout.write(f"{name}: note: {each}\n")
    return {
        "site": name,
        "changed": done.is_changed,
        "reloaded": done.is_reloaded,
        "started": done.is_started,
        "stopped": done.is_stopped,
        "files": list(done.files),
        "remarks": remarks,
    }


def _outcome(done: Applied) -> str:
    if done.is_stopped:
        return "stopped"
    if done.is_started:
        return "started, verified"
    return "reloaded, verified" if done.is_reloaded else "does not run"


def _print_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, indent=2) + "\n")
