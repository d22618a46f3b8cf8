"""What a process does before it serves: lose its privileges, then load the application.

The order is the promise: no code of the application runs with the privileges of the master.
The loader is imported by those who load: a master reads this module too, and only keeps what it
needs in its memory.
"""

import gc
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from quaich.config.effective import Config
from quaich.errors import LoadError, QuaichError
from quaich.log.server import Log
from quaich.sys import capabilities, privileges, process
from quaich.worker import hooks, resources
from quaich.wsgi import virtualenv

if TYPE_CHECKING:
    from quaich.wsgi.loader import Apps

# Objects, after which the garbage among them is looked for while an application is loaded: what a
# load makes it mostly keeps, and every look for garbage reads all of it.
_LOADED_BETWEEN = 50_000


def identity(config: Config) -> privileges.Identity:
    """Who the workers are; a ``ConfigError`` where there is no such user or group."""
    more = privileges.MoreGroups(
        config.add_gid, not config.no_initgroups, config.place_of("add-gid")
    )
    return privileges.find(
        config.uid, config.gid, config.place_of("uid"), config.place_of("gid"), more
    )


def drop_privileges(config: Config, log: Log, quiet: bool = False) -> None:
    """Take the configured root directory, then become the configured user and group, if any.

    ``quiet`` is for where that is a detail.
    """
    # Users and groups are looked up outside.
    who = identity(config)
    if config.chroot is not None:
        from quaich.worker import confine

        confine.enter(config.chroot, config.place_of("chroot"), log)
    if config.cap is not None and os.geteuid() == 0:
        capabilities.keep()
    _become(config, who, log, quiet)
    if config.cap is not None:
        try:
            capabilities.limit_to(tuple(config.cap.split(",")))
        except OSError as error:
            place = config.place_of("cap")
            raise QuaichError(
                f"{place}{': ' if place else ''}cap = {config.cap}: "
                f"{(error.strerror or str(error)).lower()}; the server has to be started with them"
            ) from None
        log.info(f"capabilities={config.cap} pid={os.getpid()}")


def _become(config: Config, who: privileges.Identity, log: Log, quiet: bool) -> None:
    if who.uid is None and not who.groups:
        return
    if os.geteuid() == 0:
        privileges.drop(who)
        if config.door == "modern":
            process.gain_no_privileges()
        if not quiet:
            log.info(f"uid={os.geteuid()} gid={os.getegid()} pid={os.getpid()} privileges dropped")
    elif not who.is_current and not quiet:
        log.warning(f"uid and gid are not changed: only root can, and this is user {os.geteuid()}")


def interpreter(config: Config) -> str | None:
    """The Python that must run the application, where it is not this one; see ``virtualenv``."""
    if config.virtualenv is None:
        return None
    directory = os.path.join(config.chdir or "", config.virtualenv)
    return virtualenv.interpreter(directory, config.place_of("virtualenv"))


def load(config: Config, need_app: bool, log: Log) -> "Apps":
    """Load the applications and log what came of it.

    Without ``need_app`` a server with no application still starts, and answers 500, as uWSGI's
    does; otherwise the failure is raised, and its traceback in it.
    """
    from quaich.wsgi import loader

    try:
        config = loader.prepare(config)
    except LoadError as error:
        return _without(config, error, need_app, log)
    return load_prepared(config, need_app, log)


def load_prepared(config: Config, need_app: bool, log: Log) -> "Apps":
    """As ``load``, in a process that ``loader.prepare`` has prepared."""
    hooks.run(config, "pre-app", log)
    apps = _load_apps(config, need_app, log)
    hooks.run(config, "post-app", log)
    return apps


def _load_apps(config: Config, need_app: bool, log: Log) -> "Apps":
    from quaich.wsgi import loader

    started = time.monotonic()
    try:
        with _few_collections():
            apps = loader.load(config)
        if config.chdir2 is not None:
            loader.change_directory(config, "chdir2", config.chdir2)
    except LoadError as error:
        return _without(config, error, need_app, log)
    for failure in apps.failed:
        report(failure, log)
    names = ",".join(f"{point or '/'}" for point, _ in apps.mounts) or "/"
    log.info(
        f"application loaded seconds={time.monotonic() - started:.3f} pid={os.getpid()} "
        f"mounted={names}"
    )
    return apps


@contextmanager
def _few_collections() -> Iterator[None]:
    before = gc.get_threshold()
    # 0 means never.
    fewer = (max(before[0], _LOADED_BETWEEN) if before[0] else 0, *before[1:])
    gc.set_threshold(*fewer)
    try:
        yield
    finally:
        # The application may have set its own.
        if gc.get_threshold() == fewer:
            gc.set_threshold(*before)


def _without(config: Config, error: LoadError, need_app: bool, log: Log) -> "Apps":
    shortage = resources.shortage(config, error)
    if shortage:
        # No line of the application is at fault.
        error = LoadError(f"{error}; {shortage}")
    if need_app:
        raise error
    report(error, log)
    log.warning(
        "no application is loaded and every request gets a 500; mend what is said above and "
        "reload (need-app makes this fatal)"
    )
    from quaich.wsgi.loader import Apps

    return Apps(None, failed=(error,))


def report(error: LoadError, log: Log) -> None:
    """Log why something could not be loaded, the traceback first."""
    if error.detail:
        log.block(error.detail)
    log.error(str(error))
