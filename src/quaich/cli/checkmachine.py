"""What the machine says to a configuration: paths, accounts, addresses and limits, nothing started.

A socket is bound for a moment and never listened on.  What cannot be known from here is left out:
a finding has to be true.
"""

import errno
import grp
import os
import pwd
import socket
import stat
from collections.abc import Iterator

from quaich.config.base import Diagnostic, ListenSpec
from quaich.config.codes import NOTE, WARNING, diagnose
from quaich.config.effective import Config
from quaich.errors import ConfigError
from quaich.log.file import Target
from quaich.machine.ports import listeners
from quaich.master.outlets import check as check_alarms
from quaich.master.statistics import check_reach, is_public
from quaich.net.address import Address, Kind, parse
from quaich.values import replace

_PERMISSIONS = ("QX404", "QX406", "QX411")
_WRITTEN = ("pidfile", "safe-pidfile", "logto", "daemonize", "daemonize2")
_KNOWN_SERVERS = ("quaich", "uwsgi")


def examine(config: Config) -> list[Diagnostic]:
    """Every finding about the machine."""
    found = [
        *(*_accounts(config), *_paths(config), *_listeners(config)),
        *(*_statistics(config), *_alarms(config)),
    ]
    if config.uid and os.geteuid() != 0:
        # It is meant to be started by root, who may do what this user may not.
        return [
            replace(each, severity=NOTE) if each.code in _PERMISSIONS else each for each in found
        ]
    return found


def _finding(config: Config, code: str, option: str, text: str) -> Diagnostic:
    return diagnose(code, f"{option}: {text}", config.place_of(option), option)


def _accounts(config: Config) -> Iterator[Diagnostic]:
    user, _, group = (config.chown_socket or "").partition(":")
    for option, name in (("uid", config.uid or ""), ("chown-socket", user)):
        if name and not name.isdecimal() and not _exists(pwd.getpwnam, name):
            yield _finding(config, "QX412", option, f"there is no user {name}")
    for option, name in (("gid", config.gid or ""), ("chown-socket", group)):
        if name and not name.isdecimal() and not _exists(grp.getgrnam, name):
            yield _finding(config, "QX412", option, f"there is no group {name}")
    if config.uid and os.geteuid() != 0 and not _is_me(config.uid):
        text = f"this check runs as user {os.geteuid()}, and only root can become {config.uid}"
        yield _finding(config, "QX413", "uid", text)


def _exists(lookup: object, name: str) -> bool:
    try:
        lookup(name)  # type: ignore[operator]
    except KeyError:
        return False
    return True


def _is_me(name: str) -> bool:
    try:
        uid = int(name) if name.isdecimal() else pwd.getpwnam(name).pw_uid
    except KeyError:
        return True  # reported as missing
    return uid == os.geteuid()


def _paths(config: Config) -> Iterator[Diagnostic]:
    home = os.path.abspath(config.chdir or ".")
    if config.chdir:
        yield from _directory(config, "chdir", config.chdir)
    if config.metrics_dir:
        yield from _directory(config, "metrics-dir", os.path.join(home, config.metrics_dir))
    if config.virtualenv:
        # The server changes directory first.
        path = os.path.join(home, config.virtualenv)
        yield from _directory(config, "virtualenv", path)
        if os.path.isdir(path) and not os.path.isdir(os.path.join(path, "lib")):
            yield _finding(config, "QX414", "virtualenv", f"{path} is no virtual environment")
    if config.wsgi_file:
        yield from _file(config, "wsgi-file", os.path.join(home, config.wsgi_file))
    for option in _WRITTEN:
        written = getattr(config, option.replace("-", "_"))
        if written and not Target(written).udp:
            yield from _to_be_written(config, option, written)


def _directory(config: Config, option: str, path: str) -> Iterator[Diagnostic]:
    if not os.path.isdir(path):
        what = "is no directory" if os.path.lexists(path) else "does not exist"
        yield _finding(config, "QX410", option, f"{path} {what}")
    elif not os.access(path, os.R_OK | os.X_OK):
        yield _finding(config, "QX411", option, f"{path} may not be entered by this user")


def _file(config: Config, option: str, path: str) -> Iterator[Diagnostic]:
    if not os.path.isfile(path):
        what = "is no file" if os.path.lexists(path) else "does not exist"
        yield _finding(config, "QX410", option, f"{path} {what}")
    elif not os.access(path, os.R_OK):
        yield _finding(config, "QX411", option, f"{path} may not be read by this user")


def _to_be_written(config: Config, option: str, path: str) -> Iterator[Diagnostic]:
    directory = os.path.dirname(path) or "."
    if os.path.isdir(path):
        yield _finding(config, "QX410", option, f"{path} is a directory")
    elif not os.path.isdir(directory):
        yield _finding(config, "QX410", option, f"the directory {directory} does not exist")
    elif not os.access(path if os.path.lexists(path) else directory, os.W_OK):
        yield _finding(config, "QX411", option, f"{path} may not be written by this user")


def _listeners(config: Config) -> Iterator[Diagnostic]:
    for spec in config.listeners:
        try:
            address = parse(spec.address)
        except ConfigError as error:
            yield diagnose("QX403", f"{spec.option}: {error.message}", spec.place, spec.option)
            continue
        if address.kind is Kind.UNIX:
            yield from _unix(spec, address.path)
        elif address.kind is Kind.TCP:
            yield from _tcp(spec, address)


def _statistics(config: Config) -> Iterator[Diagnostic]:
    for text in config.stats:
        try:
            address = parse(text)
            check_reach(text, config.place_of("stats"), config.stats_public)
        except ConfigError as error:
            code = "QX415" if is_public(text) else "QX403"
            yield diagnose(code, error.message, config.place_of("stats"), "stats")
            continue
        if address.kind is Kind.TCP and is_public(text):
            yield _finding(config, "QX009", "stats", f"everybody who reaches {text} reads it")


def _alarms(config: Config) -> Iterator[Diagnostic]:
    try:
        check_alarms(config)
    except ConfigError as error:
        yield diagnose("QX416", error.message, error.place)


def _unix(spec: ListenSpec, path: str) -> Iterator[Diagnostic]:
    directory = os.path.dirname(path) or "."
    code, text = "QX405", ""
    if not os.path.isdir(directory):
        text = f"the directory {directory} does not exist"
    elif not os.access(directory, os.W_OK | os.X_OK):
        code, text = "QX406", f"this user may not create a socket in {directory}"
    else:
        try:
            if not stat.S_ISSOCK(os.lstat(path).st_mode):
                text = f"{path} exists and is no socket"
        except FileNotFoundError:
            pass
    if text:
        yield diagnose(code, f"{spec.option}: {text}", spec.place, spec.option)


def _tcp(spec: ListenSpec, address: Address) -> Iterator[Diagnostic]:
    def finding(code: str, text: str, severity: str = "") -> Diagnostic:
        return diagnose(code, f"{spec.option}: {text}", spec.place, spec.option, severity)

    try:
        found = socket.getaddrinfo(address.host, address.port, address.family, socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        yield finding("QX403", f"the name {address.host} cannot be resolved")
        return
    with socket.socket(address.family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if address.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            sock.bind(found[0][4])
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                owner = _owner(address.port)
                ours = any(name in owner for name in _KNOWN_SERVERS)
                text = f"{spec.address} is in use by {owner or 'a process of another user'}"
                yield finding("QX402", text, NOTE if ours else "" if owner else WARNING)
            elif error.errno == errno.EACCES:
                yield finding("QX404", f"port {address.port} needs root")
            else:
                yield finding("QX403", f"{spec.address}: {(error.strerror or '').lower()}")


def _owner(port: int) -> str:
    """The process that listens on a port, as far as this user may see: its pid and name."""
    for each in listeners([port]):
        if each.pid:
            return f"pid {each.pid} ({' '.join(each.command)[:60]})"
    return ""
