"""Where a change is made: the site's paths, who makes it, and by what servers are started."""

import grp
import os
from collections.abc import Mapping

from quaich.deploy import commands, records, server
from quaich.deploy.faults import reason
from quaich.deploy.layout import Layout, SitePaths
from quaich.deploy.site import Site
from quaich.errors import ConfigError, QuaichError
from quaich.values import dataclass

# The account that quaich setup makes, and the groups that nginx's workers may be in.
SERVICE_USER = "quaich"
_WEB_GROUPS = ("www-data", "nginx", "http")


@dataclass(frozen=True)
class Place:
    """A site's place on this machine."""

    layout: Layout
    paths: SitePaths
    environ: Mapping[str, str]
    who: records.Who
    manager: server.Manager

    @property
    def data(self) -> str:
        """What the application may write to, and keeps over all releases."""
        return f"{self.paths.state}/data"


def place(layout: Layout, name: str, environ: Mapping[str, str]) -> Place:
    """The place of the site ``name``."""
    manager = server.Manager(layout, environ)
    return Place(layout, layout.site(name), environ, records.who(environ), manager)


def prepare(where: Place, by: commands.Actor) -> None:
    """Make the directories of a site that are not there."""
    paths = where.paths
    try:
        os.makedirs(os.path.dirname(paths.definition), 0o755, exist_ok=True)
        for path, mode in (
            (paths.state, 0o755),
            (paths.releases, 0o755),
            (paths.environments, 0o755),
            (paths.run, 0o711),
            (paths.log, 0o750),
        ):
            if not os.path.isdir(path):
                os.makedirs(path, 0o755, exist_ok=True)
                os.chmod(path, mode)
        if not os.path.isdir(where.data):
            os.mkdir(where.data, 0o750)
            owner = by.owner()
            if owner is not None:
                os.chown(where.data, *owner)
        if not os.path.exists(paths.variables):
            records.write(paths.variables, "", 0o600)
    except OSError as error:
        raise QuaichError(
            f"{paths.name}: {reason(error)}; sites of the machine are deployed as root (sudo)"
        ) from None


def identity(layout: Layout, site: Site) -> tuple[str, str]:
    """The user and group of a site: those it names, or the service's where sites are root's."""
    if site.user or site.group or not layout.is_system:
        return site.user, site.group
    return SERVICE_USER, ""


def actor(layout: Layout, site: Site) -> commands.Actor:
    """Who builds and runs the site; raises QuaichError where there is no such user."""
    user, group = identity(layout, site)
    try:
        return commands.actor(user, group)
    except ConfigError:
        if user == SERVICE_USER and not site.user:
            raise QuaichError(
                f"there is no user {SERVICE_USER}: run quaich setup, or set [site] user"
            ) from None
        raise


def socket_owner(layout: Layout, site: Site) -> str:
    """Who owns the socket, so that nginx's workers may connect; nothing where all are one user."""
    if not layout.is_system:
        return ""
    for name in _WEB_GROUPS:
        try:
            grp.getgrnam(name)
        except KeyError:
            continue
        return f"{identity(layout, site)[0]}:{name}"
    return ""
