"""Taking a site away: out of nginx, its server ended, its files removed."""

import os
import shutil

from quaich.deploy import change, front, plan, records, releases
from quaich.deploy.place import Place
from quaich.deploy.say import Say
from quaich.nginx.install import NginxError


def destroy(where: Place, say: Say) -> None:
    """Remove everything of the site but its audit."""
    made = plan.destroy(where.paths.name, releases.current(where.paths))
    change.Change(where, made, say).perform({plan.FINISH: lambda: clear(where, say)})


def clear(where: Place, say: Say) -> str:
    """Do it; may be done again after it was interrupted."""
    paths = where.paths
    if any(front.is_wanted(each.release.site) for each in releases.every(paths)):
        try:
            front.away(paths.name, where.layout)
        except NginxError as error:
            say.note(f"nginx: {error}")
    where.manager.stop(paths)
    records.remove(paths.current)
    records.remove(paths.configuration)
    for path in (paths.releases, paths.environments, paths.run, paths.log, where.data):
        if os.path.isdir(path):
            shutil.rmtree(path)
    states = [f"{paths.state}/{name}.json" for name in ("last", "served", "locked")]
    for path in (front.maintenance_file(paths), *states, paths.definition, paths.variables):
        records.remove(path)
    return "removed"
