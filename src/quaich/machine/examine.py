"""Finds out what the checks of a machine are made of; changes nothing.

What cannot be found out, because a tool is missing or this user may not ask, is None.
"""

import ctypes
import gzip
import os
import re
import resource
import shutil
import subprocess
from collections.abc import Iterable

from quaich.machine import firewall, look, ports, system
from quaich.machine.checks import HOLES, Disk, Machine, Nginx, SiteState
from quaich.machine.firewall import Firewall
from quaich.machine.system import System

_SECONDS = 10.0
_SOMAXCONN = "/proc/sys/net/core/somaxconn"
_MOST_CHANGELOG = 4 << 20
_UNSYNCHRONISED = 5
_TIMEX_OCTETS = 512


def machine(
    found: System,
    port: int,
    directories: Iterable[str],
    sites: tuple[SiteState, ...],
    steps_left: int,
) -> Machine:
    """Everything; ``port`` is the one that sites are reached on."""
    listeners = tuple(ports.listeners())
    somaxconn = look.text_of(_SOMAXCONN).strip()
    boolean = output("getsebool", "httpd_can_network_connect") or ""
    return Machine(
        nginx=_nginx(
            found,
            any(each.name == "nginx" and each.port in (port, 443) for each in listeners),
        ),
        has_venv=look.has_venv(),
        port=port,
        somaxconn=int(somaxconn) if somaxconn.isdecimal() else None,
        files=_files(),
        synchronised=_synchronised(),
        firewall=_firewall(),
        selinux=_selinux(),
        may_connect=boolean.strip().endswith("on") if boolean else None,
        disks=_disks(directories),
        memory=_memory(look.text_of("/proc/meminfo")),
        sites=sites,
        listeners=listeners,
        steps_left=steps_left,
    )


def output(*command: str) -> str | None:
    """What a command says on stdout and stderr; None if it is missing or fails."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
    program = shutil.which(command[0], path=path)
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, *command[1:]],
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


def _nginx(found: System, is_seen: bool) -> Nginx | None:
    program = look.nginx()
    text = output(program, "-V") if program else None
    match = re.search(r"nginx/(\d+(?:\.\d+)+)", text or "")
    if not program or text is None or match is None:
        return None
    package = mended = None
    if program.startswith("/usr/sbin/"):
        if found.family == system.DEBIAN:
            package = output("dpkg-query", "--show", "--showformat=${Version}", "nginx")
            mended = _changelog("/usr/share/doc/nginx/changelog.Debian.gz")
        elif found.family == system.RHEL:
            package = output("rpm", "-q", "--queryformat", "%{VERSION}-%{RELEASE}", "nginx")
            mended = output("rpm", "-q", "--changelog", "nginx")
    names = None if mended is None else frozenset(each for each in HOLES if each in mended)
    return Nginx(
        tuple(map(int, match[1].split("."))),
        frozenset(text.split()),
        (package or "").strip(),
        names,
        # A user who may not see whose a socket is cannot say that nginx does not run.
        is_seen or os.geteuid() != 0,
    )


def _changelog(path: str) -> str | None:
    try:
        with gzip.open(path, "rt", encoding="utf-8", errors="replace") as file:
            return file.read(_MOST_CHANGELOG)
    except (OSError, EOFError):
        return None


def _files() -> int:
    """How far what this user starts may raise its limit (max-fd)."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def _synchronised() -> bool | None:
    try:
        # Whatever its fields are on this machine, all zero asks and sets nothing.
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_OCTETS))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _UNSYNCHRONISED


def _firewall() -> Firewall | None:
    """Only root may ask for the rules."""
    if os.geteuid() != 0:
        return None
    status = output("ufw", "status", "verbose")
    if status is not None and (found := firewall.ufw(status)).tool:
        return found
    state = output("firewall-cmd", "--state")
    if state is not None:
        services = output("firewall-cmd", "--list-services") or ""
        found = firewall.firewalld(state, services, output("firewall-cmd", "--list-ports") or "")
        if found.tool:
            return found
    rules = output("nft", "list", "ruleset")
    if rules is not None:
        return firewall.nftables(rules)
    # Without any tool that could have made rules there are none.
    return None if shutil.which("iptables", path="/usr/sbin:/sbin") else Firewall()


def _selinux() -> str:
    text = look.text_of("/sys/fs/selinux/enforce").strip()
    return {"1": "enforcing", "0": "permissive"}.get(text, "")


def _disks(directories: Iterable[str]) -> tuple[Disk, ...]:
    """One for each file system that the directories, or what will hold them, are on."""
    found: dict[int, Disk] = {}
    for path in directories:
        while not os.path.exists(path) and path != "/":
            path = os.path.dirname(path)
        try:
            device = os.stat(path).st_dev
            state = os.statvfs(path)
        except OSError:
            continue
        total, free = state.f_blocks * state.f_frsize, state.f_bavail * state.f_frsize
        found.setdefault(device, Disk(path, total, free, state.f_files, state.f_favail))
    return tuple(found.values())


def _memory(text: str) -> tuple[int, int] | None:
    values = dict(re.findall(r"^(MemTotal|MemAvailable): +(\d+) kB$", text, re.MULTILINE))
    if len(values) < 2:
        return None
    return int(values["MemTotal"]) * 1024, int(values["MemAvailable"]) * 1024
