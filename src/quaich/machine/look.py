"""Finds what the plan of a setup is made from; changes nothing."""

import grp
import importlib.util
import os
import pwd
import shutil
import stat
import sys
from collections.abc import Iterable, Mapping

from quaich.machine import system as systems
from quaich.machine.plan import TMPFILES, Entry, Facts, Places
from quaich.machine.system import System

_SYSTEM_PYTHONS = ("/usr/bin/", "/bin/", "/usr/libexec/")
_RELEASE = ("/etc/os-release", "/usr/lib/os-release")
_MOST = 1 << 16


def system() -> System:
    """The system that this is."""
    return systems.read(next(filter(None, map(text_of, _RELEASE)), ""))


def facts(places: Places, environ: Mapping[str, str], command: tuple[str, ...]) -> Facts:
    """Everything that a plan wants to know."""
    found = system()
    base = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    paths = [places.config, places.state, places.run, places.log, places.nginx, places.unit]
    return Facts(
        system=found,
        uid=os.geteuid(),
        command=command,
        has_venv=has_venv(),
        has_nginx=nginx() is not None,
        manager=manager(places.is_system, environ),
        venv_package=systems.venv_package(
            found, sys.version_info[:2], base.startswith(_SYSTEM_PYTHONS)
        ),
        accounts=frozenset(each.pw_name for each in pwd.getpwall()),
        groups=frozenset(each.gr_name for each in grp.getgrall()),
        entries=_entries([*paths, TMPFILES]),
        is_nginx_enabled=_is_nginx_enabled(found),
        is_nginx_running=is_nginx_running(),
        lingers=_lingers(),
    )


def has_venv() -> bool:
    """Whether this Python can make a virtual environment with pip in it."""
    return all(importlib.util.find_spec(each) is not None for each in ("venv", "ensurepip"))


def nginx() -> str | None:
    """The nginx program; an ordinary user's PATH often lacks where it is."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))
    return shutil.which("nginx", path=path)


def manager(is_system: bool, environ: Mapping[str, str]) -> bool:
    """Whether systemd runs: the machine's, or this user's own."""
    if is_system:
        return os.path.isdir("/run/systemd/system")
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    return runtime.startswith("/") and os.path.exists(f"{runtime}/systemd/private")


def is_nginx_running() -> bool:
    """Whether the system's nginx runs: the process that its pid file names."""
    pid = text_of("/run/nginx.pid").strip()
    return pid.isdecimal() and "nginx" in text_of(f"/proc/{pid}/cmdline")


def _lingers() -> bool:
    try:
        return os.path.exists(f"/var/lib/systemd/linger/{pwd.getpwuid(os.geteuid()).pw_name}")
    except KeyError:
        return False


def _is_nginx_enabled(found: System) -> bool:
    """Debian starts what it installs; elsewhere a link says whether it is started."""
    if found.family != systems.RHEL:
        return True
    return os.path.lexists("/etc/systemd/system/multi-user.target.wants/nginx.service")


def _entries(paths: Iterable[str]) -> dict[str, Entry]:
    entries = {}
    for path in filter(None, paths):
        try:
            state = os.lstat(path)
        except OSError:
            continue
        kind = "other"
        if stat.S_ISDIR(state.st_mode):
            kind = "directory"
        elif stat.S_ISREG(state.st_mode):
            kind = "file"
        text = text_of(path) if kind == "file" else ""
        entries[path] = Entry(kind, state.st_uid, stat.S_IMODE(state.st_mode), text)
    return entries


def text_of(path: str) -> str:
    """The beginning of a file; empty if it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(_MOST)
    except OSError:
        return ""
