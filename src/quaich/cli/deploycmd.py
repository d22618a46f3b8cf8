"""``quaich deploy``, ``rollback``, ``promote``, ``releases``: releases of a site, in and out."""

import argparse
import os
from collections.abc import Sequence
from typing import Any

from quaich.cli import arguments, sayings
from quaich.deploy import (
    deploying,
    front,
    operating,
    place,
    plan,
    records,
    releases,
    source,
    tomledit,
)
from quaich.deploy.faults import reason
from quaich.deploy.layout import layout
from quaich.deploy.place import Place
from quaich.deploy.say import Say
from quaich.errors import QuaichError, UsageError

_EPILOG = """\
The site is described by site.toml beside the application, /etc/quaich/SITE.toml, and these options,
which are remembered in the latter.

Exit status: 0 live, 1 failed, 3 the application failed, 4 it is not healthy, 5 nginx refuses it.
In every case but 0 the release before serves on.
"""


def run(argv: Sequence[str]) -> int:
    """The command; ``argv[0]`` is its name."""
    commands = {
        "deploy": _deploy,
        "rollback": _rollback,
        "promote": _promote,
        "releases": _releases,
    }
    try:
        return commands[argv[0]](argv[1:])
    except OSError as error:
        raise QuaichError(f"{argv[0]}: {reason(error)}") from None


def where(name: str) -> Place:
    """The place of a site for this user."""
    return place.place(layout(os.geteuid(), os.environ), name, os.environ)


def _deploy(argv: Sequence[str]) -> int:
    parser = arguments.Parser(
        prog="quaich deploy",
        epilog=_EPILOG,
        description="From a directory, a wheel or GIT-URL#REF to a site that serves it.",
    )
    parser.add_argument(
        "source", nargs="?", default=".", help="what to deploy (the directory here)"
    )
    parser.add_argument("--site", help="the name of the site (that of the directory)")
    parser.add_argument("--host", action="append", help="a host name of the site; repeatable")
    parser.add_argument("--app", help="the application, like shop.wsgi:application")
    parser.add_argument("--processes", type=int, help="workers")
    parser.add_argument("--threads", type=int, help="threads of each worker")
    parser.add_argument("--harakiri", type=int, help="seconds a request may take")
    parser.add_argument("--health", help="the path whose answer shows that it works")
    parser.add_argument("--python", help="the interpreter of the release")
    parser.add_argument("--user", help="who the application runs as (root only)")
    parser.add_argument("--keep", type=int, help="how many releases are kept")
    parser.add_argument("--tls", choices=("certbot", "acme"), help="HTTPS by a certificate of")
    parser.add_argument("--listen", action="append", help="nginx's port, or ADDRESS:PORT")
    parser.add_argument("--stage", action="store_true", help="make it ready; promote lets it in")
    parser.add_argument("--diff", action="store_true", help="show what changes in nginx, and end")
    arguments.common(parser, dry_run=True)
    wish = parser.parse_args(argv)
    what = source.locate(wish.source)
    at = where(wish.site or _named_by(what))
    said = _said(wish)
    say = sayings.say(wish.json)
    if wish.dry_run or wish.diff:
        return _show(deploying.Deployment(at, what, said, wish.stage, say), wish, say)
    return _with_outcome(wish.json, say, lambda: _perform(at, what, said, wish.stage, say))


def _perform(at: Place, what: source.Source, said: dict[str, Any], stage: bool, say: Any) -> None:
    deployment = deploying.Deployment(at, what, said, stage, say)
    with deploying.changing(at, "deploy", say, deployment.by):
        deploying.refuse_if_locked(at)
        with _audit(at, "deploy", str(what)) as entry:
            outcome = deployment.run()
            entry |= {"release": outcome.release, "previous": outcome.previous}
        _remember(at, said, say)
    if stage:
        then = f"quaich promote {at.paths.name} {outcome.release}"
        say.done(f"ready: {outcome.release}   let it in: {then}", _data(at, outcome, live=False))
    else:
        _tell(at, outcome, say)


def _show(deployment: deploying.Deployment, wish: argparse.Namespace, say: Any) -> int:
    made = deployment.plan()
    difference = ""
    if front.is_wanted(deployment.site):
        difference = front.difference(
            deployment.site, deployment.where.layout, deployment.where.paths
        )
    if wish.diff:
        text = difference or "nginx: nothing changes"
    else:
        text = plan.as_text(made) + (f"nginx:\n{difference}" if difference else "")
    say.done(text.rstrip("\n"), {"ok": True, "plan": plan.to_data(made), "nginx": difference})
    return 0


def _rollback(argv: Sequence[str]) -> int:
    parser = arguments.Parser(
        prog="quaich rollback",
        description="Back to an earlier release.  What migrations changed in a database stays.",
    )
    parser.add_argument("site")
    parser.add_argument("release", nargs="?", help="which (the one before the current)")
    arguments.common(parser, dry_run=True)
    wish = parser.parse_args(argv)
    return _let_in(where(wish.site), wish.release, wish, "rollback")


def _promote(argv: Sequence[str]) -> int:
    parser = arguments.Parser(
        prog="quaich promote",
        description="Let in a release that is ready, or deploy what another site serves.",
    )
    parser.add_argument("site")
    parser.add_argument("release", nargs="?", help="a release of the site")
    parser.add_argument("--from", dest="origin", help="the site whose current release it is")
    arguments.common(parser, dry_run=True)
    wish = parser.parse_args(argv)
    at = where(wish.site)
    if bool(wish.origin) == bool(wish.release):
        raise UsageError("promote: expected a release, or --from SITE: quaich releases shows them")
    if wish.release:
        return _let_in(at, wish.release, wish, "promote")
    origin = operating.live(where(wish.origin))
    if origin.source.endswith(".whl"):
        raise QuaichError(f"promote: {wish.origin} serves {origin.source}; deploy that wheel")
    what = source.Source(source.DIRECTORY, origin.release.root)
    say = sayings.say(wish.json)
    said: dict[str, Any] = {}
    if not os.path.exists(at.paths.definition):
        raise QuaichError(f"{wish.site}: describe it first in {at.paths.definition}")
    if wish.dry_run:
        wish.diff = False
        return _show(deploying.Deployment(at, what, said, False, say), wish, say)
    return _with_outcome(wish.json, say, lambda: _perform(at, what, said, False, say))


def _let_in(at: Place, name: str | None, wish: argparse.Namespace, action: str) -> int:
    operating.need(at)
    say = sayings.say(wish.json)
    if wish.dry_run:
        kept = releases.get(at.paths, name or releases.before(at.paths))
        made = deploying.rollback_plan(at, kept)
        say.done(plan.as_text(made).rstrip("\n"), {"ok": True, "plan": plan.to_data(made)})
        return 0

    def perform() -> None:
        by = place.actor(at.layout, deploying.definition(at, "", {}))
        with deploying.changing(at, action, say, by):
            deploying.refuse_if_locked(at)
            with _audit(at, action, "") as entry:
                target = name or releases.before(at.paths)
                entry["release"] = target
                outcome = deploying.roll_back(at, target, say)
                entry["previous"] = outcome.previous
        _tell(at, outcome, say)

    return _with_outcome(wish.json, say, perform)


def _releases(argv: Sequence[str]) -> int:
    parser = arguments.Parser(prog="quaich releases", description="The releases of a site.")
    parser.add_argument("site")
    arguments.common(parser)
    wish = parser.parse_args(argv)
    at = where(wish.site)
    operating.need(at)
    now = releases.current(at.paths)
    there = releases.every(at.paths)
    data = [
        {
            "release": each.id,
            "current": each.id == now,
            "made": each.made,
            "by": each.by,
            "source": each.source,
            "python": each.python,
            "environment": os.path.basename(each.release.environment),
        }
        for each in there
    ]
    lines = [
        f"{'*' if each.id == now else ' '} {each.id:<14} {each.made}  {each.by:<10} {each.source}"
        for each in there
    ]
    sayings.say(wish.json).done("\n".join(lines) or "no releases", {"releases": data})
    return 0


def _with_outcome(as_json: bool, say: Any, perform: Any) -> int:
    """Do it; with --json a failure is an object on stdout too."""
    from quaich.deploy.change import Ended

    try:
        perform()
    except (Ended, QuaichError) as error:
        if as_json:
            say.error(error, error.status)
        elif isinstance(error, QuaichError):
            raise
        return error.status
    return 0


def _audit(at: Place, action: str, what: str) -> Any:
    return operating.recorded(at, {"action": action, **({"source": what} if what else {})})


def _remember(at: Place, said: dict[str, Any], say: Say) -> None:
    """Keep what the command line said about the site, for the next time."""
    path = at.paths.definition
    text = records.read(path)
    if text is None:
        text = f"# The site {at.paths.name}; quaich deploy adds its options here.\n\n[site]\n"
    try:
        new = tomledit.put(text, said, path)
    except QuaichError as error:
        say.note(str(error))
        return
    if new != records.read(path):
        records.write(path, new)


def _said(wish: argparse.Namespace) -> dict[str, Any]:
    """The options as site.toml has them."""
    site = {
        key: getattr(wish, key)
        for key in ("app", "processes", "threads", "harakiri", "health", "python", "user", "keep")
        if getattr(wish, key) is not None
    }
    nginx: dict[str, Any] = {}
    if wish.host:
        nginx["hosts"] = wish.host
    if wish.listen:
        nginx["listen"] = [int(each) if each.isdecimal() else each for each in wish.listen]
    if wish.tls:
        nginx["tls"] = {"kind": wish.tls}
    return {key: table for key, table in (("site", site), ("nginx", nginx)) if table}


def _named_by(what: source.Source) -> str:
    base = os.path.basename(what.path.rstrip("/")).removesuffix(".git")
    return base.lower().replace("_", "-") if what.kind != source.WHEEL else base.split("-")[0]


def _data(at: Place, outcome: deploying.Outcome, live: bool = True) -> dict[str, Any]:
    return {
        "ok": True,
        "site": at.paths.name,
        "release": outcome.release,
        "previous": outcome.previous,
        "address": outcome.address,
        "socket": at.paths.socket,
        "live": live,
    }


def _tell(at: Place, outcome: deploying.Outcome, say: Any) -> None:
    undo = ""
    if outcome.previous and outcome.previous != outcome.release:
        undo = f"   undo: quaich rollback {at.paths.name} {outcome.previous}"
    say.done(f"live: {outcome.address or at.paths.socket}{undo}", _data(at, outcome))
