"""Which application answers a request (uWSGI: mount, manage-script-name, no-default-app).

The front names the mount point in UWSGI_APPID or else in SCRIPT_NAME.  With manage-script-name the
longest mount point that is a prefix of PATH_INFO, by whole segments, is first moved into
SCRIPT_NAME.  What names no mount point goes to the default application.
"""

from collections.abc import Callable
from typing import Any

from quaich.wsgi.dynamic import Dynamic
from quaich.wsgi.loader import Apps

Chooser = Callable[[dict[str, Any]], Any]


def chooser(
    apps: Apps,
    *,
    manage_script_name: bool = False,
    ignore_script_name: bool = False,
    dynamic: Dynamic | None = None,
) -> Chooser:
    """The function that finds an environ's application, or None.

    ``dynamic`` loads what a request names and the configuration does not.
    """
    by_name = dict(apps.mounts)
    if apps.root is not None:
        by_name[""] = apps.root
    default = apps.default

    def by_front(environ: dict[str, Any]) -> Any:
        name = environ.get("UWSGI_APPID")
        if not name:
            name = "" if ignore_script_name else environ.get("SCRIPT_NAME", "")
        found = by_name.get(name)
        if found is None and dynamic is not None:
            found = dynamic.find(environ)
        return default if found is None else found

    def by_path(environ: dict[str, Any]) -> Any:
        path: str = environ["PATH_INFO"]
        # As uWSGI, which looks no further than the root itself.
        if len(path) > 1:
            for point, _ in apps.mounts:
                if path == point or path.startswith(point + "/"):
                    environ["SCRIPT_NAME"] = point
                    environ["PATH_INFO"] = path[len(point) :]
                    break
            else:
                environ.setdefault("SCRIPT_NAME", "")
        return by_front(environ)

    return by_path if manage_script_name else by_front
