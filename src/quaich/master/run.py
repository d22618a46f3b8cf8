"""Starting the server: files and sockets first, then the supervisor, or one worker without it.

Whatever was made is removed when the start fails; when the server ends, the pid file is, and with
``vacuum`` (always in the modern door) the UNIX sockets are.
"""

import os
import platform
import signal
from collections.abc import Callable
from dataclasses import replace
from types import FrameType

from quaich import __version__
from quaich.config.base import WARNING
from quaich.config.codes import diagnose
from quaich.config.effective import Config
from quaich.errors import LoadError, QuaichError
from quaich.log.server import Log, redirect
from quaich.master import launch, upgrade
from quaich.master.daemonhouse import DaemonHouse
from quaich.master.estate import Estate, State
from quaich.master.hookside import HookSide, at_exit, master_start
from quaich.master.loop import Master
from quaich.master.pidfile import PidFile
from quaich.net.inherit import take_systemd
from quaich.net.listen import (
    BoundListener,
    UnixRights,
    backlog,
    open_listeners,
    read_somaxconn,
    remove_file,
)
from quaich.stats.scoreboard import Scoreboard
from quaich.sys import privileges, process
from quaich.worker import hooks, naming, script, startup
from quaich.worker.process import run_worker

# uWSGI's exit status of a server without a master that is told to stop.
_STOPPED_ALONE = 30
_NEED_MASTER = ("max-requests", "max-worker-lifetime", "reload-on-rss", "reload-on-as")


class _Interrupted(BaseException):
    """A signal asked to stop before there was anything to stop."""


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise _Interrupted


def start(config: Config, reload: Callable[[], Config]) -> int:
    """Serve until told to stop; the exit status.  ``reload`` reads the configuration again."""
    process.open_standard_descriptors()
    process.reset_signals()
    if script.wanted(config):
        return _run_script(config)
    config = _with_master(config)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
        signal.signal(number, _interrupt)
    supervised = config.master or config.processes > 1
    server = _Server(config)
    try:
        server.open()
        naming.show(config, naming.MASTER if supervised else naming.worker(1))
        if supervised:
            process.adopt_orphans()
            estate = Estate(tuple(server.listeners), server.leftovers())
            return _supervise(server, estate, reload)
        status = _serve_alone(config, server)
        server.close(failed=False)
        return status
    except _Interrupted:
        server.close(failed=True)
        return 0 if supervised else _STOPPED_ALONE
    except BaseException:
        server.close(failed=True)
        raise


def resume(reload: Callable[[], Config]) -> int:
    """Go on as the master that this process was before it was executed anew; the exit status.

    Where the state is only to be tried, the status says whether it can be read.
    """
    only_tried = os.environ.pop(upgrade.TRY, "")
    file = int(os.environ.pop(upgrade.RESUME))
    try:
        state = State.from_data(upgrade.read(file))
    except ValueError as error:
        raise QuaichError(str(error)) from None
    if only_tried:
        return 0
    os.close(file)
    server = _Server(state.config)
    server.resume(state)
    naming.show(state.config, naming.MASTER)
    server.log.info(
        f"quaich={__version__} python={platform.python_version()} pid={os.getpid()} goes on "
        f"generation={state.plan.current}"
    )
    return _supervise(server, state.estate, reload, state)


def _supervise(
    server: "_Server", estate: Estate, reload: Callable[[], Config], state: State | None = None
) -> int:
    if state is None:
        master_start(server.config, server.log)
    sides = (HookSide(server.config), DaemonHouse())
    status = Master(
        server.config, lambda: _with_master(reload()), estate, server.log, sides, state=state
    ).run()
    server.close(failed=status != 0)
    return status


def _run_script(config: Config) -> int:
    """Run what the configuration asks for in place of serving."""
    log = Log()
    startup.drop_privileges(config, log)
    python = startup.interpreter(config)
    if python is None:
        return script.execute(config, log)
    file = os.memfd_create("quaich-config", 0)
    os.write(file, config.to_json().encode())
    launch.execute("quaich.worker.script", file, python)
    return 1


def _with_master(config: Config) -> Config:
    """The configuration with a master, where the application needs another interpreter than this.

    Without that need, and where the interpreter cannot be told, it is returned as it is.
    """
    if config.master or config.processes > 1:
        return config
    try:
        python = startup.interpreter(config)
    except LoadError:
        return config
    if python is None:
        return config
    text = f"the application is run by {python}, under a master; SIGTERM stops it"
    note = diagnose("QX002", text, config.place_of("virtualenv"), "virtualenv")
    # The other note says what is not so any more.
    notes = [each for each in config.notes if each.code != "QX001"]
    return replace(config, master=True, die_on_term=True, notes=(*notes, note))


class _Server:
    """The files and sockets of a server."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.log = Log()
        self.listeners: list[BoundListener] = []
        self._pidfile: PidFile | None = None

    def open(self) -> None:
        """Open the log, write the pid file, bind the sockets: in uWSGI's order."""
        config = self.config
        if config.umask is not None:
            os.umask(config.umask)
        if config.logto is not None:
            try:
                redirect(config.logto)
            except OSError as error:
                place = config.place_of("logto")
                raise QuaichError(
                    f"{place}{': ' if place else ''}logto = {config.logto}: "
                    f"{(error.strerror or str(error)).lower()}"
                ) from None
        self.log.info(
            f"quaich={__version__} python={platform.python_version()} pid={os.getpid()} "
            f"door={config.door}"
        )
        for note in config.notes:
            (self.log.warning if note.severity == WARNING else self.log.info)(str(note))
        privileges.find(config.uid, config.gid, config.place_of("uid"), config.place_of("gid"))
        if os.geteuid() == 0 and config.uid is None:
            self.log.warning("the application runs as root; set uid and gid to run it as a user")
        for phase in hooks.BEFORE_BIND:
            hooks.run(config, phase, self.log)
        if config.pidfile is not None:
            self._write_pidfile(config.pidfile)
        self._bind()

    def resume(self, state: State) -> None:
        """Take over what the server owns already."""
        self.listeners = list(state.estate.listeners)
        if self.config.pidfile is not None:
            self._pidfile = PidFile.adopt(os.path.abspath(self.config.pidfile))

    def _write_pidfile(self, path: str) -> None:
        pidfile = PidFile(os.path.abspath(path), self.config.place_of("pidfile"))
        other = pidfile.write()
        self._pidfile = pidfile
        if other is not None:
            self.log.warning(f"pidfile = {path}: it named pid {other}, which still runs")

    def _bind(self) -> None:
        config = self.config
        queue = backlog(config.listen, config.place_of("listen") or None, read_somaxconn())
        rights = UnixRights(
            config.chmod_socket, config.chown_socket, config.place_of("chown_socket")
        )
        # A relative path of a socket starts at chdir, as under uWSGI; the master itself stays where
        # it is, because a reload reads its configuration from there.
        before = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if config.chdir is not None:
                try:
                    os.chdir(config.chdir)
                except OSError as error:
                    place = config.place_of("chdir")
                    raise QuaichError(
                        f"{place}{': ' if place else ''}chdir = {config.chdir}: "
                        f"{(error.strerror or str(error)).lower()}"
                    ) from None
            open_listeners(
                config.listeners,
                queue=queue,
                rights=rights,
                inherited=take_systemd(os.environ, os.getpid()),
                on_open=self._opened,
            )
        finally:
            os.fchdir(before)
            os.close(before)

    def _opened(self, listener: BoundListener) -> None:
        self.listeners.append(listener)
        self.log.info(f"listening {listener.name} protocol={listener.protocol}")

    def leftovers(self) -> tuple[tuple[str, int, int], ...]:
        """The files to remove if the master cannot do it any more."""
        files = []
        if self._pidfile is not None:
            files.append((self._pidfile.path, *self._pidfile.inode))
        if self.config.vacuum:
            for each in self.listeners:
                if each.path is not None and each.inode is not None:
                    files.append((each.path, *each.inode))
        return tuple(files)

    def close(self, failed: bool) -> None:
        """Close everything, and remove what should not be left behind."""
        if self._pidfile is not None:
            self._pidfile.remove()
        for listener in self.listeners:
            os.close(listener.fd)
            if listener.path is not None and listener.inode and (failed or self.config.vacuum):
                remove_file(listener.path, listener.inode)


def _serve_alone(config: Config, server: _Server) -> int:
    """The one worker of a server without a master, in this process."""
    startup.drop_privileges(config, server.log)
    for name in _NEED_MASTER:
        if getattr(config, name.replace("-", "_")):
            place = config.place_of(name)
            server.log.warning(
                f"{place}{': ' if place else ''}{name}: only a master can replace a worker; "
                "without effect (set master = true)"
            )
    hooks.run(config, "as-user", server.log)
    apps = startup.load(config, config.need_app, server.log)
    hooks.run(config, "post-fork", server.log)

    def ready() -> None:
        hooks.accepting(config, 1, False, server.log)
        server.log.info(f"worker=1 pid={os.getpid()} ready generation=1")

    status = run_worker(
        config=config,
        apps=apps,
        listeners=server.listeners,
        slot=1,
        seat=0,
        generation=1,
        scoreboard=Scoreboard.create(1, config.threads),
        lifeline=None,
        on_ready=ready,
        on_abandon=lambda: server.close(failed=False),
        log=server.log,
    )
    at_exit(config, server.log)
    return status
