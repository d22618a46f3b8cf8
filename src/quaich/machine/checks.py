"""From what was found on a machine to findings, each with its code; pure.

A finding has to be true: what could not be found out (None) is no finding.
"""

from collections.abc import Iterator

from quaich.config.base import Diagnostic
from quaich.config.codes import ERROR, diagnose
from quaich.machine.firewall import Firewall
from quaich.machine.ports import Listener
from quaich.values import dataclass

_GIB = 1 << 30
_MIB = 1 << 20
_SHORT_QUEUE = 1024
_FEW_FILES = 4096
_FEWEST_FILES = 1024
_WEB = 80

# Holes of nginx that a site served by quaich is exposed to, the module they are in, and the
# versions that mend them: the first of each branch.
_HOLES = (("CVE-2026-42946", "http_uwsgi_module", ((1, 30, 1), (1, 31, 0))),)
HOLES = tuple(name for name, _, _ in _HOLES)

# Modules that are left out by an option, and those that have to be asked for.
_LEFT_OUT = ("http_uwsgi_module", "http_proxy_module", "http_gzip_module")
_ASKED_FOR = ("http_ssl_module", "http_v2_module", "http_realip_module", "http_gzip_static_module")


@dataclass(frozen=True)
class Nginx:
    """``arguments`` of its build; ``mended`` are the holes that the changelog of its package names
    (None: there is none to read)."""

    version: tuple[int, ...]
    arguments: frozenset[str]
    package: str = ""
    mended: frozenset[str] | None = None
    is_running: bool = True


@dataclass(frozen=True)
class Disk:
    """A file system, by one of the paths that matter on it; in octets, inodes 0 if not counted."""

    path: str
    total: int
    free: int
    inodes: int
    inodes_free: int


@dataclass(frozen=True)
class SiteState:
    """A deployed site: its pid (0: it does not run), and what is known of its server."""

    name: str
    pid: int
    listen: int = 0
    files: int = 0
    variables: str = ""
    variables_mode: int = 0


@dataclass(frozen=True)
class Machine:
    """What was found; None and empty are what is not known."""

    nginx: Nginx | None
    has_venv: bool
    port: int
    somaxconn: int | None = None
    files: int | None = None
    synchronised: bool | None = None
    firewall: Firewall | None = None
    selinux: str = ""
    may_connect: bool | None = None
    disks: tuple[Disk, ...] = ()
    memory: tuple[int, int] | None = None
    sites: tuple[SiteState, ...] = ()
    listeners: tuple[Listener, ...] = ()
    steps_left: int = 0


def examine(machine: Machine) -> list[Diagnostic]:
    """Every finding."""
    return [
        *_nginx(machine),
        *_python(machine),
        *_kernel(machine),
        *_network(machine),
        *_room(machine),
        *_sites(machine),
    ]


def facts(machine: Machine) -> list[str]:
    """What is well, or only worth to know, for people."""
    found = []
    if machine.nginx is not None:
        package = f" (package {machine.nginx.package})" if machine.nginx.package else ""
        found.append(f"nginx {'.'.join(map(str, machine.nginx.version))}{package}")
    if machine.firewall is not None:
        found.append(f"firewall: {machine.firewall.tool or 'none'}")
    if machine.selinux:
        found.append(f"SELinux: {machine.selinux}")
    if machine.memory is not None:
        total, available = machine.memory
        found.append(f"memory: {available // _MIB} MiB of {total // _MIB} MiB available")
    for disk in machine.disks:
        found.append(f"disk of {disk.path}: {disk.free // _MIB} MiB of {disk.total // _MIB} free")
    running = sum(1 for site in machine.sites if site.pid)
    found.append(f"sites: {len(machine.sites)}, {running} running")
    return found


def _nginx(machine: Machine) -> Iterator[Diagnostic]:
    nginx = machine.nginx
    if nginx is None:
        yield diagnose("QX430", "nginx is not installed")
        return
    lacking = [name for name in _LEFT_OUT if f"--without-{name}" in nginx.arguments]
    lacking += [name for name in _ASKED_FOR if not _is_built(name, nginx.arguments)]
    for name, module, fixed in _HOLES:
        if module in lacking or is_mended(nginx.version, fixed):
            continue
        if nginx.package and nginx.mended is None:
            continue
        if name not in (nginx.mended or ()):
            what = nginx.package or ".".join(map(str, nginx.version))
            yield diagnose("QX431", f"nginx {what} lacks the fix of {name} ({module})")
    for name in lacking:
        option = f"--with-{name}" if name in _ASKED_FOR else f"without --without-{name}"
        yield diagnose("QX432", f"nginx is built without {name} ({option})")
    # A private nginx is started for the first site.
    if not nginx.is_running and (machine.port == _WEB or machine.sites):
        yield diagnose("QX433", f"no nginx listens on port {machine.port} or 443")


def _is_built(name: str, arguments: frozenset[str]) -> bool:
    return f"--with-{name}" in arguments or f"--with-{name}=dynamic" in arguments


def is_mended(version: tuple[int, ...], fixed: tuple[tuple[int, ...], ...]) -> bool:
    """Whether a version is one that a hole was mended in, or a later one."""
    if version >= max(fixed):
        return True
    return any(version[:2] == each[:2] and version >= each for each in fixed)


def _python(machine: Machine) -> Iterator[Diagnostic]:
    if not machine.has_venv:
        yield diagnose("QX434", "the Python that runs quaich has no venv or ensurepip")
    if machine.steps_left:
        plural = "s" if machine.steps_left > 1 else ""
        yield diagnose("QX447", f"quaich setup has {machine.steps_left} step{plural} left")


def _kernel(machine: Machine) -> Iterator[Diagnostic]:
    limit = machine.somaxconn
    if limit is not None and limit < _SHORT_QUEUE:
        yield diagnose("QX435", f"net.core.somaxconn is {limit}")
    if machine.files is not None and machine.files < _FEW_FILES:
        yield diagnose("QX436", f"a process started from here may open {machine.files} files")
    if machine.synchronised is False:
        yield diagnose("QX437", "the clock is not synchronised")


def _network(machine: Machine) -> Iterator[Diagnostic]:
    firewall = machine.firewall
    if firewall is not None and not firewall.tool:
        yield diagnose("QX438", "no firewall is active on this machine")
    elif firewall is not None and firewall.lets_in(machine.port) is False:
        yield diagnose("QX439", f"{firewall.tool} has no rule that opens port {machine.port}")
    if machine.selinux == "enforcing" and machine.may_connect is False:
        yield diagnose("QX440", "SELinux is enforcing and httpd_can_network_connect is off")
    seen = set()
    for each in machine.listeners:
        is_wanted = each.port in (machine.port, 443) and not each.is_local
        if is_wanted and each.name and each.name != "nginx" and each.pid not in seen:
            seen.add(each.pid)
            yield diagnose("QX445", f"port {each.port} belongs to {each.name} (pid {each.pid})")


def _room(machine: Machine) -> Iterator[Diagnostic]:
    for disk in machine.disks:
        if disk.free * 10 < disk.total and disk.free < 2 * _GIB:
            severity = ERROR if disk.free < 100 * _MIB else ""
            text = f"{disk.free // _MIB} MiB of {disk.total // _MIB} are free"
            yield diagnose("QX441", text, disk.path, severity=severity)
        if disk.inodes and disk.inodes_free * 20 < disk.inodes:
            text = f"{disk.inodes_free} of {disk.inodes} inodes are free"
            yield diagnose("QX442", text, disk.path)
    if machine.memory is not None:
        total, available = machine.memory
        if available * 20 < total or available < 64 * _MIB:
            text = f"{available // _MIB} MiB of {total // _MIB} are available"
            yield diagnose("QX443", text)


def _sites(machine: Machine) -> Iterator[Diagnostic]:
    for site in machine.sites:
        if not site.pid:
            yield diagnose("QX444", "its server does not run", site.name)
        if machine.somaxconn is not None and site.listen > machine.somaxconn:
            text = f"listen = {site.listen} and net.core.somaxconn is {machine.somaxconn}"
            yield diagnose("QX401", text, site.name)
        if site.pid and site.files and site.files < _FEWEST_FILES:
            yield diagnose("QX436", f"its server may open {site.files} files", site.name)
        if site.variables_mode & 0o077:
            text = f"{site.variables} has mode {site.variables_mode:o}"
            yield diagnose("QX446", text, site.name)
