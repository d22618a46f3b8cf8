"""The site in nginx: its facts from ``[nginx]``, and how they are applied."""

import json
from collections.abc import Mapping
from typing import Any

from quaich.deploy import records
from quaich.deploy.layout import Layout, SitePaths
from quaich.deploy.site import Site
from quaich.nginx import apply, facts, install, probe, render
from quaich.nginx.facts import Front
from quaich.nginx.install import Nginx


def is_wanted(site: Site) -> bool:
    """Whether the site is to stand behind nginx here."""
    return bool(site.nginx.get("hosts"))


def nginx(layout: Layout) -> Nginx:
    """The nginx of a layout."""
    if layout.nginx:
        return install.private(layout.nginx, layout.http_port)
    return install.system()


def maintenance_file(paths: SitePaths) -> str:
    """Where it is kept that a site is closed."""
    return f"{paths.state}/maintenance.json"


def table(site: Site, paths: SitePaths, closed: Mapping[str, Any] | None) -> dict[str, Any]:
    """``[nginx]`` with what deploy knows better: the socket, the time limit, paths of the release.

    A relative path of static files is inside the current release, whichever that is, so that nginx
    need not change with every release.  Pure.
    """
    made = dict(site.nginx)
    others = made.get("servers", [])
    others = others if isinstance(others, list) else [others]
    made["servers"] = [f"unix:{paths.socket}", *others]
    made.setdefault("harakiri", site.harakiri)
    made["static"] = [_absolute(each, paths) for each in made.get("static", ())]
    if closed is not None:
        made["maintenance"] = dict(closed)
    return made


def facts_of(site: Site, layout: Layout, paths: SitePaths) -> Front:
    """The facts that nginx's file is made of; raises QuaichError."""
    closed = records.read_json(maintenance_file(paths))
    return facts.front(
        table(site, paths, closed), site=site.name, place=paths.definition, port=layout.http_port
    )


def put(site: Site, layout: Layout, paths: SitePaths) -> str:
    """Make nginx serve the site, verified; a fact.  Raises NginxError, with all as before."""
    front = facts_of(site, layout, paths)
    server = nginx(layout)
    files = render.render(front, server.abilities)
    done = apply.apply(server, site.name, files, probe=lambda: _ask(front, site))
    if not done.is_changed and not done.is_reloaded and not done.is_started:
        said = "unchanged, answers"
    else:
        said = f"{'started' if done.is_started else 'reloaded'}, verified"
    names = ", ".join(done.files)
    return " · ".join(each for each in (names, said, *done.remarks) if each)


def difference(site: Site, layout: Layout, paths: SitePaths) -> str:
    """What ``put`` would change in nginx's files."""
    front = facts_of(site, layout, paths)
    server = nginx(layout)
    return apply.diff(server, site.name, render.render(front, server.abilities))


def away(name: str, layout: Layout) -> None:
    """Take the site out of nginx."""
    apply.remove(nginx(layout), name)


def address(front: Front) -> str:
    """Where the site answers, for a reader."""
    host = front.hosts[0]
    if front.tls.is_on:
        return f"https://{host}" + ("" if front.tls.port == 443 else f":{front.tls.port}")
    port = front.listen[0].port
    return f"http://{host}" + ("" if port == 80 else f":{port}") + "/"


def close(paths: SitePaths, table: Mapping[str, Any] | None) -> None:
    """Keep that a site is closed, or with None that it is open."""
    if table is None:
        records.remove(maintenance_file(paths))
    else:
        records.write(maintenance_file(paths), json.dumps(dict(table)) + "\n")


def _ask(front: Front, site: Site) -> str:
    if front.maintenance is not None:
        return probe.ask(front, site.health.target)
    return probe.ask(front, site.health.target, site.health.statuses)


def _absolute(entry: Any, paths: SitePaths) -> Any:
    if not isinstance(entry, dict) or not isinstance(entry.get("path"), str):
        return entry
    path = entry["path"]
    if path.startswith("/") or ".." in path.split("/"):
        return entry
    return {**entry, "path": f"{paths.current}/app/{path}"}
