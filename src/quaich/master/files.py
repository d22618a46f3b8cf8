"""The files and sockets of a server: opened in uWSGI's order, removed when they should not stay.

Pid files are removed at the end, and with ``vacuum`` (always in the modern door) the UNIX sockets
are; a start that fails removes whatever it made.  Files of the ``...2`` options are made as the
user that the workers run as: the master keeps its privileges, and lends itself that user's.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from quaich import __version__
from quaich.config.base import WARNING
from quaich.config.effective import Config
from quaich.errors import QuaichError
from quaich.log.board import Board
from quaich.log.courier.plan import carries_server, plain_file
from quaich.log.file import Target, redirect
from quaich.log.server import log_of
from quaich.master.courierhouse import CourierHouse, wanted
from quaich.master.instance import Locks
from quaich.master.logkeeper import LogKeeper
from quaich.master.pidfile import PidFile
from quaich.master.side import BaseSide
from quaich.master.vocabulary import Action, Meaning, Perform
from quaich.net.listen import (
    BoundListener,
    SocketOptions,
    UnixRights,
    backlog,
    open_listeners,
    read_somaxconn,
    remove_file,
)
from quaich.stats.figures import Sink
from quaich.sys.privileges import Identity, acting_as
from quaich.values import replace
from quaich.worker import hooks, startup

_PIDFILES = (("pidfile", False), ("safe-pidfile", False))
_PIDFILES_AS_USER = (("pidfile2", True), ("safe-pidfile2", True))
_NOBODY = Identity(None, None, ())


class Files:
    """What the server has open on disk and on the network.

    ``inherited`` are descriptors with their names, ``in_background`` whether the server left the
    terminal: its UNIX sockets are then for everybody, as uWSGI's are.
    """

    def __init__(
        self, config: Config, inherited: Mapping[int, str], in_background: bool = False
    ) -> None:
        self.config = config
        self.log = log_of(config)
        self.listeners: list[BoundListener] = []
        self.locks = Locks()
        self._inherited = inherited
        self._in_background = in_background
        self._identity = _NOBODY
        self._pidfiles: list[tuple[PidFile, bool]] = []
        self._logfile: tuple[Target, Identity] | None = None
        self.courier: CourierHouse | None = None

    def open(self) -> None:
        """Open the log, bind the sockets, write the pid files.

        In this order: a second start of the same server fails at its sockets, and leaves the pid
        file of the first as it is.
        """
        config = self.config
        self._lock(("flock", "flock-wait"))
        if config.umask is not None:
            os.umask(config.umask)
        self._identity = startup.identity(config)
        option, name = _log_of(config)
        if carries_server(config):
            self._start_courier()
        elif name is not None:
            self.open_log(option, name)
        elif self._in_background:
            # It was opened before the terminal was left.
            name = config.daemonize2 or config.daemonize or ""
            self._logfile = (self.target(name), _NOBODY)
        if wanted(config) and self.courier is None:
            self._start_courier()
        self._lock(("flock2", "flock-wait2"))
        self.log.info(
            f"quaich={__version__} python={sys.version.split()[0]} pid={os.getpid()} "
            f"door={config.door}"
        )
        for note in config.notes:
            (self.log.warning if note.severity == WARNING else self.log.info)(str(note))
        if os.geteuid() == 0 and config.uid is None:
            self.log.warning("the application runs as root; set uid and gid to run it as a user")
        for phase in hooks.BEFORE_BIND:
            hooks.run(config, phase, self.log)
        self._bind()
        self._write_pidfiles((*_PIDFILES, *_PIDFILES_AS_USER))
        if config.logto2 is not None and not self._through_courier:
            self.open_log("logto2", config.logto2, as_user=True)

    def resume(self, listeners: Sequence[BoundListener], courier: Any = None) -> None:
        """Take over what is open already, in a master that was executed anew."""
        config = self.config
        self.listeners = list(listeners)
        self._identity = startup.identity(config)
        if courier is not None:
            self.courier = self._courier_house()
            self.courier.resume(courier)
            self.log = log_of(config, self.courier.mailbox)
        for option, as_user in (*_PIDFILES, *_PIDFILES_AS_USER):
            path = getattr(config, option.replace("-", "_"))
            if path is not None:
                pidfile = PidFile.adopt(os.path.abspath(path), config.place_of(option), option)
                self._pidfiles.append((pidfile, as_user))
        in_background = config.daemonize2 or config.daemonize
        if self._through_courier:
            return
        if config.logto2 is not None:
            self._logfile = (self.target(config.logto2), self._identity)
        elif _log_of(config)[1] is not None:
            self._logfile = (self.target(_log_of(config)[1] or ""), _NOBODY)
        elif self._in_background and in_background is not None:
            self._logfile = (self.target(in_background), _NOBODY)

    def _lock(self, options: tuple[str, str]) -> None:
        """Keep other instances away, where that is wanted."""
        for option in options:
            path = getattr(self.config, option.replace("-", "_"))
            if path is not None:
                place = self.config.place_of(option)
                self.locks.take(path, "wait" in option, option, place, self.log.info)

    def target(self, name: str) -> Target:
        """A log as the configuration wants it."""
        config = self.config
        owner = None
        identity = startup.identity(config)
        if config.logfile_chown and os.geteuid() == 0:
            owner = (
                -1 if identity.uid is None else identity.uid,
                -1 if identity.gid is None else identity.gid,
            )
        target = Target(name, config.logfile_chmod, owner)
        return target if target.udp else Target(os.path.abspath(name), target.mode, owner)

    def open_target(self, option: str, name: str, owner: Identity = _NOBODY) -> int:
        """A descriptor of a log; a ``QuaichError`` that names the option where there is none."""
        place = self.config.place_of(option)
        prefix = f"{place}{': ' if place else ''}{option} = "
        try:
            with acting_as(owner):
                return self.target(name).open(self.config.log_truncate)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise QuaichError(f"{prefix}{name}: {reason}") from None
        except QuaichError as error:
            raise QuaichError(f"{prefix}{error}") from None

    @property
    def _through_courier(self) -> bool:
        """Whether it is the courier that keeps the log."""
        return self.courier is not None and carries_server(self.config)

    def _courier_house(self) -> CourierHouse:
        config = self.config
        otherwise = None
        name = config.logto2 or config.logto
        if name is None and self._in_background:
            name = config.daemonize2 or config.daemonize
        if name is not None and carries_server(config):
            otherwise = self.target(name)
            if config.logto2 is not None and self._identity.uid is not None:
                who = (self._identity.uid, -1 if self._identity.gid is None else self._identity.gid)
                otherwise = replace(otherwise, owner=who)
        return CourierHouse(config, self.target, otherwise)

    def sinks(self) -> list[Sink]:
        """Where the courier takes lines, and with what success."""
        if self.courier is None:
            return []
        return [Sink(name, *counts) for name, counts in self.courier.counters().items()]

    def _start_courier(self) -> None:
        house = self._courier_house()
        self.log = house.open()
        self.courier = house

    def open_log(self, option: str, name: str, as_user: bool = False) -> None:
        """Log there from here on."""
        owner = self._identity if as_user else _NOBODY
        redirect(self.open_target(option, name, owner))
        self.log = log_of(self.config, self.courier.mailbox if self.courier else None)
        self._logfile = (self.target(name), owner)

    @property
    def has_log(self) -> bool:
        """Whether there is a log file to keep."""
        return self._logfile is not None and not self._logfile[0].udp

    def log_keeper(self, board: Board) -> LogKeeper:
        """Who keeps the log file."""
        assert self._logfile is not None
        return LogKeeper(*self._logfile, board)

    def rewrite_pidfiles(self) -> list[str]:
        """Write them once more; what went wrong."""
        troubles = []
        for pidfile, as_user in self._pidfiles:
            try:
                with acting_as(self._identity if as_user else _NOBODY):
                    pidfile.write()
            except QuaichError as error:
                troubles.append(str(error))
        return troubles

    def _write_pidfiles(self, options: tuple[tuple[str, bool], ...]) -> None:
        for option, as_user in options:
            path = getattr(self.config, option.replace("-", "_"))
            if path is None:
                continue
            pidfile = PidFile(os.path.abspath(path), self.config.place_of(option), option)
            with acting_as(self._identity) if as_user else nullcontext():
                other = pidfile.write()
            self._pidfiles.append((pidfile, as_user))
            if other is not None and option != "safe-pidfile":
                self.log.warning(f"{option} = {path}: it named pid {other}, which still runs")

    def _rights(self) -> UnixRights:
        config = self.config
        mode = config.chmod_socket
        if mode is None and self._in_background and config.umask is None:
            mode = 0o777
        return UnixRights(mode, config.chown_socket, config.place_of("chown_socket"))

    def _bind(self) -> None:
        config = self.config
        queue = backlog(config.listen, config.place_of("listen") or None, read_somaxconn())
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
            for fd, name in self._inherited.items():
                self.log.info(f"inherited fd={fd} name={name or '-'}")
            open_listeners(
                config.listeners,
                queue=queue,
                rights=self._rights(),
                options=_socket_options(config),
                inherited=list(self._inherited),
                protocol=config.protocol,
                on_open=self._opened,
            )
        finally:
            os.fchdir(before)
            os.close(before)

    def _opened(self, listener: BoundListener) -> None:
        self.listeners.append(listener)
        tls = "" if listener.tls is None else " tls=on"
        self.log.info(f"listening {listener.name} protocol={listener.protocol}{tls}")

    def leftovers(self) -> tuple[tuple[str, int, int], ...]:
        """The files to remove if the master cannot do it any more."""
        files = [(pidfile.path, *pidfile.inode) for pidfile, _ in self._pidfiles]
        if self.config.vacuum:
            for each in self.listeners:
                if each.path is not None and each.inode is not None:
                    files.append((each.path, *each.inode))
        return tuple(files)

    def close(self, failed: bool) -> None:
        """Close everything, and remove what should not be left behind."""
        for pidfile, as_user in self._pidfiles:
            with acting_as(self._identity) if as_user else nullcontext():
                pidfile.remove()
        for listener in self.listeners:
            os.close(listener.fd)
            if listener.path is not None and listener.inode and (failed or self.config.vacuum):
                remove_file(listener.path, listener.inode)
        if self.courier is not None:
            self.courier.end()
            self.courier = None
            self.log = log_of(self.config)


def _log_of(config: Config) -> tuple[str, str | None]:
    """The file that everything is logged to, and the option that names it."""
    plain = plain_file(config)
    return ("logto", config.logto) if plain is None else ("logger", plain)


def _socket_options(config: Config) -> SocketOptions:
    return SocketOptions(
        defer=not config.no_defer_accept,
        reuse_port=config.reuse_port,
        freebind=config.freebind,
        keepalive=config.so_keepalive,
        send_buffer=config.socket_sndbuf,
        receive_buffer=config.socket_rcvbuf,
        fast_open=config.tcp_fast_open,
        abstract=config.abstract_socket,
    )


class PidFileSide(BaseSide):
    """The side that writes the pid files once more when asked."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def heed(self, action: Action, now: float) -> bool:
        """Only that."""
        if not isinstance(action, Perform) or action.meaning is not Meaning.PIDFILES:
            return False
        troubles = self._files.rewrite_pidfiles()
        for each in troubles:
            self.house.log.warning(each)
        if not troubles:
            self.house.log.info("pid files written again")
        self.house.answer(action.ticket, not troubles, "; ".join(troubles) or "pid files: written")
        return True
