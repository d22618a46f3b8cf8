"""What a process does before it serves: lose its privileges, then load the application.

The order is the promise: no code of the application runs with the privileges of the master.
"""

import os
import time

from quaich.config.effective import Config
from quaich.errors import LoadError
from quaich.log.server import Log
from quaich.sys import privileges, process
from quaich.wsgi import loader


def drop_privileges(config: Config, log: Log) -> None:
    """Become the configured user and group, if any."""
    identity = privileges.find(
        config.uid, config.gid, config.place_of("uid"), config.place_of("gid")
    )
    if identity.uid is None and identity.gid is None:
        return
    if os.geteuid() == 0:
        privileges.drop(identity)
        if config.door == "modern":
            process.gain_no_privileges()
        log.info(f"uid={os.geteuid()} gid={os.getegid()} pid={os.getpid()} privileges dropped")
    elif not identity.is_current:
        log.warning(f"uid and gid are not changed: only root can, and this is user {os.geteuid()}")


def load(config: Config, need_app: bool, log: Log) -> loader.Apps:
    """Load the applications and log what came of it.

    Without ``need_app`` a server with no application still starts, and answers 500, as uWSGI's
    does; otherwise the failure is raised, and its traceback in it.
    """
    started = time.monotonic()
    try:
        loader.prepare(config)
        apps = loader.load(config)
    except LoadError as error:
        if need_app:
            raise
        _report(error, log)
        log.warning(
            "no application is loaded and every request gets a 500; mend what is said above and "
            "reload (need-app makes this fatal)"
        )
        return loader.Apps(None)
    for failure in apps.failed:
        _report(failure, log)
    names = ",".join(f"{point or '/'}" for point, _ in apps.mounts) or "/"
    log.info(
        f"application loaded seconds={time.monotonic() - started:.3f} pid={os.getpid()} "
        f"mounted={names}"
    )
    return apps


def _report(error: LoadError, log: Log) -> None:
    if error.detail:
        log.block(error.detail)
    log.error(str(error))
