"""Finding a running server: by site, control socket, pid file, configuration, or as the only one.

What is found is a path and, where a pid was read, the pid that must be behind it.  A pid file that
is stale, or names another program, finds nothing, and says so.
"""

import os
import socket
import struct
import time
from collections.abc import Mapping

from quaich.cli import procs
from quaich.config.effective import Config
from quaich.deploy.layout import SitePaths, layout
from quaich.errors import QuaichError
from quaich.master import rendezvous
from quaich.values import dataclass

_CONFIGURATIONS = (".ini", ".xml", ".yaml", ".yml", ".json", ".js", ".toml")
_CREDENTIALS = struct.Struct("=3i")
_CONNECT_SECONDS = 5.0
_PAUSE = 0.05


class NoServer(QuaichError):
    """There is no server to talk to."""

    status = 3


class Silent(QuaichError):
    """A server does not answer."""

    status = 4


@dataclass(frozen=True)
class Found:
    """A connection to a server, and its pid as the kernel says it."""

    sock: socket.socket
    pid: int
    path: str


def find(target: str | None, control: str | None, environ: Mapping[str, str]) -> Found:
    """Connect to the server that is meant; raises QuaichError where there is none, or several."""
    if control is not None:
        return connect(control)
    if target is None:
        return _only(environ)
    paths = site_paths(target, environ)
    if paths is not None:
        return _of_site(paths)
    if target.endswith(_CONFIGURATIONS):
        return _by_configuration(target, environ)
    return _by_pidfile(target, environ)


def site_paths(target: str | None, environ: Mapping[str, str]) -> SitePaths | None:
    """The paths of the deployed site that a bare word names, if there is such a site."""
    if target is None or "/" in target or "." in target:
        return None
    try:
        paths = layout(os.geteuid(), environ).site(target)
    except QuaichError:
        return None
    known = os.path.exists(paths.definition) or os.path.islink(paths.current)
    return paths if known else None


def _of_site(paths: SitePaths) -> Found:
    try:
        return connect(paths.control)
    except NoServer as error:
        if isinstance(error.__cause__, PermissionError):
            raise
        raise NoServer(f"{paths.name} does not run: quaich start {paths.name}") from None


def _by_configuration(path: str, environ: Mapping[str, str]) -> Found:
    from quaich.config.resolve import read_compatible
    from quaich.config.sources import Host

    config = read_compatible(["quaich", path], environ, Host()).config
    if config.control:
        return connect(control_path(config))
    if config.control is not None:
        raise NoServer(f"{path}: control = false; signal the server, or write to its master-fifo")
    pidfile = config.pidfile
    if pidfile is None:
        raise NoServer(f"{path}: it names neither a pidfile nor a control socket; add one of them")
    return _by_pidfile(pidfile, environ)


def control_path(config: Config) -> str:
    """Where a configuration has its control socket."""
    return os.path.join(config.chdir or "", config.control or "")


def _by_pidfile(path: str, environ: Mapping[str, str]) -> Found:
    if not os.path.exists(path):
        raise NoServer(f"{path}: no such file: the server does not run, or has another pidfile")
    pid = procs.pid_in(path)
    try:
        uid = os.stat(f"/proc/{pid}").st_uid
    except OSError:
        raise NoServer(f"{path}: pid {pid} does not run; the file is stale") from None
    refused = ""
    for directory in rendezvous.directories(uid, environ):
        try:
            found = connect(rendezvous.name(directory, pid))
        except NoServer as error:
            if isinstance(error.__cause__, PermissionError):
                refused = str(error)
            continue
        if found.pid == pid:
            return found
        found.sock.close()
    if refused or os.geteuid() not in (uid, 0):
        raise NoServer(f"{path}: pid {pid} belongs to another user; only that user and root may")
    if not procs.is_server(pid):
        raise NoServer(f"{path}: pid {pid} is another program; the file is stale")
    raise NoServer(
        f"{path}: pid {pid} has no control socket where it is looked for; name the one that its "
        "configuration has: --control PATH"
    )


def _only(environ: Mapping[str, str]) -> Found:
    found: dict[int, str] = {}
    uid = os.geteuid()
    for directory in rendezvous.directories(uid, environ):
        if rendezvous.fault_of(directory, uid):
            continue
        for pid, path in rendezvous.servers(directory):
            if pid not in found and _listens(path):
                found[pid] = path
    if not found:
        raise NoServer("no server of this user runs; name its pid file, configuration or --control")
    if len(found) > 1:
        shown = ", ".join(f"{path} (pid {pid})" for pid, path in sorted(found.items())[:20])
        raise QuaichError(
            f"several servers run; name one by pid file, configuration or --control, of {shown}"
        )
    return connect(next(iter(found.values())))


def _listens(path: str) -> bool:
    try:
        connect(path).sock.close()
    except QuaichError as error:
        return isinstance(error, Silent)
    return True


def _connect(sock: socket.socket, path: str) -> None:
    until = time.monotonic() + _CONNECT_SECONDS
    while True:
        try:
            sock.connect(path)
            return
        except BlockingIOError:
            # A UNIX socket whose queue is full says so at once, whatever the timeout.
            if time.monotonic() >= until:
                raise
            time.sleep(_PAUSE)


def connect(path: str) -> Found:
    """Connect to a control socket."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(_CONNECT_SECONDS)
    try:
        _connect(sock, path)
        data = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    except PermissionError as error:
        sock.close()
        raise NoServer(f"{path}: only the server's own user and root may use it") from error
    except (BlockingIOError, TimeoutError):
        sock.close()
        raise Silent(f"{path}: the server does not answer") from None
    except OSError as error:
        sock.close()
        refused = isinstance(error, ConnectionRefusedError)
        reason = "nobody listens" if refused else (error.strerror or str(error)).lower()
        raise NoServer(f"{path}: {reason}") from error
    pid, uid, _ = _CREDENTIALS.unpack(data)
    if os.geteuid() != 0 and uid not in (0, os.geteuid()):
        sock.close()
        raise NoServer(f"{path}: it belongs to user {uid}")
    return Found(sock, pid, path)
