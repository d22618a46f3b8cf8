"""Which application answers a request, when several are mounted (uWSGI: mount,
manage-script-name)."""

from collections.abc import Callable
from typing import Any

from quaich.wsgi.loader import Apps

Chooser = Callable[[dict[str, Any]], Any]


def chooser(apps: Apps) -> Chooser:
    """The function that finds an environ's application, or None.

    With manage-script-name the longest mount point that is a prefix of PATH_INFO, by whole
    segments, is moved into SCRIPT_NAME.  Without it the front says which by SCRIPT_NAME or
    UWSGI_APPID.  Everything else goes to the default application.
    """
    by_name = dict(apps.mounts)

    def by_front(environ: dict[str, Any]) -> Any:
        name = environ.get("UWSGI_APPID") or environ.get("SCRIPT_NAME", "")
        return by_name.get(name, apps.default)

    def by_path(environ: dict[str, Any]) -> Any:
        path: str = environ["PATH_INFO"]
        for point, application in apps.mounts:
            prefix = point.rstrip("/")
            if path == prefix or path.startswith(prefix + "/"):
                environ["SCRIPT_NAME"] = prefix
                environ["PATH_INFO"] = path[len(prefix) :]
                return application
        return apps.default

    return by_path if apps.manage_script_name else by_front
