"""The site in nginx: its facts from ``[nginx]``, and how they are applied."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from typing import Any

from quaich.deploy import commands, records
from quaich.deploy.faults import FrontFault
from quaich.deploy.layout import Layout, SitePaths
from quaich.deploy.site import Site
from quaich.nginx import apply, certificates, control, facts, install, probe, render
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
    made = facts.front(
        table(site, paths, closed), site=site.name, place=paths.definition, port=layout.http_port
    )
    return certificates.settled(made)


def put(site: Site, layout: Layout, paths: SitePaths) -> str:
    """Make nginx serve the site, verified; a fact.

    Raises NginxError, with all as before, or FrontFault where nothing had to change and the site
    does not answer.
    """
    front = facts_of(site, layout, paths)
    certificates.prepare(front)
    said = _apply(front, site, layout)
    if front.tls.is_pending:
        said += f" · {_certify(front)}"
        front = facts_of(site, layout, paths)
        if not front.tls.is_pending:
            said = _apply(front, site, layout)
    return said


def _apply(front: Front, site: Site, layout: Layout) -> str:
    server = nginx(layout)
    files = render.render(front, server.abilities)
    done = apply.apply(server, site.name, files, probe=lambda: _ask(front, site))
    home = os.path.dirname(server.config)
    names = [f"+ {os.path.relpath(each, home)}" for each in done.files]
    if done.is_changed or done.is_reloaded or done.is_started:
        verb = "started" if done.is_started else "reloaded"
        return " · ".join([*names, f"{verb}, verified", *done.remarks])
    wrong = _ask(front, site)
    if wrong:
        raise FrontFault(f"nginx: {wrong}")
    return "unchanged, answers"


def _certify(front: Front) -> str:
    """Get the certificate that the site waits for, if that can be done here; a fact."""
    argv = certificates.command(front)
    if shutil.which(argv[0]) is None:
        return "certbot is not installed, so HTTP only"
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        return f"HTTP only: certbot: {commands.last_line(done.stdout + done.stderr)}"
    return "certificate made"


def difference(site: Site, layout: Layout, paths: SitePaths) -> str:
    """What ``put`` would change in nginx's files."""
    front = facts_of(site, layout, paths)
    server = nginx(layout)
    return apply.diff(server, site.name, render.render(front, server.abilities))


def away(name: str, layout: Layout) -> None:
    """Take the site out of nginx; one of quaich's own that has no site left is ended."""
    server = nginx(layout)
    apply.remove(server, name)
    if server.is_private and not os.listdir(server.sites) and control.master(server):
        control.stop(server)


def address(front: Front) -> str:
    """Where the site answers, for a reader."""
    host = front.hosts[0]
    if front.tls.is_on:
        return f"https://{host}" + ("" if front.tls.port == 443 else f":{front.tls.port}")
    port = front.listen[0].port
    return f"http://{host}" + ("" if port == 80 else f":{port}")


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
