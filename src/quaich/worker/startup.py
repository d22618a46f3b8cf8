"""What a process does before it serves: lose its privileges, then load the application.

The order is the promise: no code of the application runs with the privileges of the master.
"""

import os
import time

from quaich.config.effective import Config
from quaich.errors import LoadError
from quaich.log.server import Log
from quaich.sys import privileges, process
from quaich.worker import hooks
from quaich.wsgi import loader, virtualenv


def drop_privileges(config: Config, log: Log, quiet: bool = False) -> None:
    """Become the configured user and group, if any; ``quiet`` where that is a detail."""
    identity = privileges.find(
        config.uid, config.gid, config.place_of("uid"), config.place_of("gid")
    )
    if identity.uid is None and identity.gid is None:
        return
    if os.geteuid() == 0:
        privileges.drop(identity)
        if config.door == "modern":
            process.gain_no_privileges()
        if not quiet:
            log.info(f"uid={os.geteuid()} gid={os.getegid()} pid={os.getpid()} privileges dropped")
    elif not identity.is_current and not quiet:
        log.warning(f"uid and gid are not changed: only root can, and this is user {os.geteuid()}")


def interpreter(config: Config) -> str | None:
    """The Python that must run the application, where it is not this one; see ``virtualenv``."""
    if config.virtualenv is None:
        return None
    directory = os.path.join(config.chdir or "", config.virtualenv)
    return virtualenv.interpreter(directory, config.place_of("virtualenv"))


def load(config: Config, need_app: bool, log: Log) -> loader.Apps:
    """Load the applications and log what came of it.

    Without ``need_app`` a server with no application still starts, and answers 500, as uWSGI's
    does; otherwise the failure is raised, and its traceback in it.
    """
    try:
        config = loader.prepare(config)
    except LoadError as error:
        return _without(error, need_app, log)
    hooks.run(config, "pre-app", log)
    apps = load_prepared(config, need_app, log)
    hooks.run(config, "post-app", log)
    return apps


def load_prepared(config: Config, need_app: bool, log: Log) -> loader.Apps:
    """As ``load``, in a process that ``loader.prepare`` has prepared."""
    started = time.monotonic()
    try:
        apps = loader.load(config)
        if config.chdir2 is not None:
            loader.change_directory(config, "chdir2", config.chdir2)
    except LoadError as error:
        return _without(error, need_app, log)
    for failure in apps.failed:
        report(failure, log)
    names = ",".join(f"{point or '/'}" for point, _ in apps.mounts) or "/"
    log.info(
        f"application loaded seconds={time.monotonic() - started:.3f} pid={os.getpid()} "
        f"mounted={names}"
    )
    return apps


def _without(error: LoadError, need_app: bool, log: Log) -> loader.Apps:
    if need_app:
        raise error
    report(error, log)
    log.warning(
        "no application is loaded and every request gets a 500; mend what is said above and "
        "reload (need-app makes this fatal)"
    )
    return loader.Apps(None)


def report(error: LoadError, log: Log) -> None:
    """Log why something could not be loaded, the traceback first."""
    if error.detail:
        log.block(error.detail)
    log.error(str(error))
