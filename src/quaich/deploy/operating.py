"""What is done to a site between deployments: stop, start, scale, variables, maintenance, the lock.

Each holds the site's lock and leaves a line in its audit; a change that the server or nginx refuses
leaves everything as it was.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

from quaich.config.sources import Host
from quaich.deploy import commands, deploying, front, ini, place, records, releases, server
from quaich.deploy import variables as texts
from quaich.deploy.layout import Layout
from quaich.deploy.place import Place
from quaich.deploy.say import Say
from quaich.errors import QuaichError

_TIMEOUT = 90.0


def known(where: Place) -> bool:
    """Whether there is such a site, be it one whose first deployment failed."""
    paths = where.paths
    return os.path.exists(paths.definition) or os.path.isdir(paths.releases)


def need(where: Place) -> None:
    """Raise QuaichError unless there is such a site."""
    if not known(where):
        there = ", ".join(names(where.layout)) or "none yet"
        raise QuaichError(f"there is no site {where.paths.name}; there are: {there}")


def names(found_in: Layout) -> list[str]:
    """The sites of a layout."""
    found = set()
    with contextlib.suppress(OSError):
        found |= {each[:-5] for each in os.listdir(found_in.config) if each.endswith(".toml")}
    with contextlib.suppress(OSError):
        found |= {
            each
            for each in os.listdir(found_in.state)
            if os.path.islink(f"{found_in.state}/{each}/current")
        }
    return sorted(found)


def live(where: Place) -> releases.Kept:
    """The release that is current; raises QuaichError where none is."""
    need(where)
    name = releases.current(where.paths)
    if not name:
        raise QuaichError(f"{where.paths.name} has no release yet: quaich deploy")
    return releases.get(where.paths, name)


@contextlib.contextmanager
def audited(where: Place, action: str, say: Say, **more: Any) -> Iterator[dict[str, Any]]:
    """Hold the site for an action, and record it."""
    by = place.actor(where.layout, _site(where))
    entry = {"action": action, **more}
    with deploying.changing(where, action, say, by), recorded(where, entry):
        yield entry


@contextlib.contextmanager
def recorded(where: Place, entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Write the line of an action in the audit, however it ends.

    What the block puts into the dict that it is given is in the line.
    """
    started = time.monotonic()
    try:
        yield entry
    except BaseException as error:
        status = getattr(error, "status", 1)
        entry |= {"outcome": "failed", "status": status, "error": str(error)[:500]}
        raise
    else:
        entry["outcome"] = "done"
    finally:
        entry["seconds"] = round(time.monotonic() - started, 3)
        # A full disk is told by what failed for it.
        with contextlib.suppress(OSError):
            records.audit(where.paths, where.who, entry)


def stop(where: Place, now: bool = False) -> bool:
    """End the site's server; whether there was one."""
    return where.manager.stop(where.paths, now)


def start(where: Place) -> bool:
    """Start the site's server; False where it runs already."""
    kept = live(where)
    if server.is_running(where.paths):
        return False
    if not os.path.exists(where.paths.configuration):
        _configure(where, kept)
    where.manager.start(where.paths, kept.release.site.start_timeout + _TIMEOUT)
    return True


def scale(where: Place, processes: int) -> None:
    """Have so many workers until the next deployment says otherwise."""
    kept = live(where)
    if server.is_running(where.paths):
        server.ask(where.paths, "scale", _TIMEOUT, workers=processes)
    _configure(where, kept, processes)


def variables(where: Place) -> dict[str, str]:
    """The variables of the site."""
    if not os.path.exists(where.paths.variables):
        return {}
    try:
        found = Host().variables(where.paths.variables, "env-file", "")
    except PermissionError:
        raise QuaichError(f"{where.paths.variables}: only its owner may read it") from None
    return {name: value or "" for name, value in found}


def set_variables(where: Place, wanted: Mapping[str, str], unset: list[str]) -> str:
    """Change variables and let the server take them; a fact.  Refused changes leave the old."""
    before = variables(where)
    missing = [name for name in unset if name not in before]
    if missing:
        raise QuaichError(f"env: {', '.join(missing)} is not set")
    after = {name: v for name, v in {**before, **wanted}.items() if name not in unset}
    if after == before:
        return "unchanged"
    path = where.paths.variables
    old = records.read(path) or ""
    records.write(path, texts.render(after), 0o600)
    if not server.is_running(where.paths):
        return "set for the next start"
    try:
        server.reload(where.paths, live(where).release.site.start_timeout + _TIMEOUT)
    except QuaichError:
        records.write(path, old, 0o600)
        raise
    return "the server was reloaded with them"


def maintain(where: Place, table: Mapping[str, Any] | None) -> str:
    """Close the site in nginx with these facts, or open it; a fact."""
    site = live(where).release.site
    if not front.is_wanted(site):
        raise QuaichError(f"{site.name}: no nginx stands before it: [nginx] hosts is not set")
    before = records.read_json(front.maintenance_file(where.paths))
    front.close(where.paths, table)
    try:
        return front.put(site, where.layout, where.paths)
    except BaseException:
        front.close(where.paths, before)
        raise


def lock(where: Place, why: str) -> None:
    """Keep deployments away until ``unlock``."""
    deploying.refuse_if_locked(where)
    held = {"user": where.who.user, "since": records.moment(time.time()), "reason": why}
    records.write(f"{where.paths.state}/locked.json", json.dumps(held) + "\n")


def unlock(where: Place) -> bool:
    """Let deployments in again; whether it was locked."""
    path = f"{where.paths.state}/locked.json"
    was = os.path.exists(path)
    records.remove(path)
    return was


def describe(where: Place) -> dict[str, Any]:
    """A site in short."""
    paths = where.paths
    name = releases.current(paths)
    found: dict[str, Any] = {
        "site": paths.name,
        "release": name,
        "running": server.is_running(paths),
        "address": "",
        "workers": None,
        "maintenance": os.path.exists(front.maintenance_file(paths)),
        "locked": os.path.exists(f"{paths.state}/locked.json"),
        "interrupted": os.path.exists(paths.journal),
    }
    with contextlib.suppress(QuaichError, OSError):
        site = releases.get(paths, name).release.site
        if front.is_wanted(site):
            found["address"] = front.address(front.facts_of(site, where.layout, paths))
    with contextlib.suppress(QuaichError):
        figures = server.status(paths).get("figures", {})
        found["workers"] = len(figures.get("workers", ()))
    return found


def inside(where: Place) -> tuple[commands.Actor, dict[str, str], str]:
    """Who runs a program in the current release, with what environment, and where."""
    from quaich.deploy import checks

    release = live(where).release
    by = place.actor(where.layout, release.site)
    base = commands.environment(by, where.environ)
    if "TERM" in where.environ:
        base["TERM"] = where.environ["TERM"]
    env = checks.variables_of(release, base, where.paths.variables, where.data)
    return by, env, release.directory


def _configure(where: Place, kept: releases.Kept, processes: int = 0) -> None:
    owner = place.socket_owner(where.layout, kept.release.site)
    text = ini.serving(kept.release, where.paths, owner, processes)
    records.write(where.paths.configuration, text, 0o600)


def _site(where: Place) -> Any:
    name = releases.current(where.paths)
    if name:
        with contextlib.suppress(QuaichError):
            return releases.get(where.paths, name).release.site
    return deploying.definition(where, "", {})
