"""An installed nginx: where it is, what it can do, and where sites belong in it.

The machine's own is described by its binary and its main configuration; a private one lives below a
prefix, in files that are all quaich's.  Nothing is changed here.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping

from quaich.nginx import abilities, lintfacts
from quaich.nginx.abilities import Abilities
from quaich.nginx.errors import NginxError
from quaich.nginx.tree import Disk, Tree, parse
from quaich.values import dataclass

__all__ = ["Nginx", "NginxError", "private", "remarks", "system"]

_ALSO = "/usr/sbin:/usr/local/sbin:/usr/local/nginx/sbin"
_SYSTEMD = "/run/systemd/system"
# Dynamic modules that are worth loading into an nginx of quaich's own.
_USEFUL = ("http_brotli_filter", "http_brotli_static")
_TIMEOUT = 20


@dataclass(frozen=True)
class Nginx:
    """One nginx.

    ``config`` is its main file; ``sites`` the directory of site files and ``enabled`` that of the
    links to them, or empty where the files themselves are read; ``snippets`` holds what site files
    include.  ``error_log`` is empty when it is no file.  ``unit`` is the service that starts it, or
    empty.  ``is_private`` says that its main file is quaich's as well; ``port`` is where its sites
    listen when nothing else is said; ``loads`` are the modules that a private one loads.
    """

    program: str
    abilities: Abilities
    prefix: str
    config: str
    sites: str
    enabled: str
    snippets: str
    pidfile: str
    error_log: str
    unit: str = ""
    is_private: bool = False
    port: int = 80
    loads: tuple[str, ...] = ()


def system(environ: Mapping[str, str] | None = None) -> Nginx:
    """The nginx of the machine; raises NginxError when there is none, or none that can be used."""
    program, output = _found(os.environ if environ is None else environ)
    given = abilities.settings(output)
    prefix = given.get("prefix", "/usr/local/nginx")
    config = os.path.join(prefix, given.get("conf-path", "conf/nginx.conf"))
    if not os.path.exists(config):
        raise NginxError(f"{config}: the configuration of {program} is not there; reinstall nginx")
    tree = parse(Disk(), config)
    sites, enabled = _sites(tree, os.path.dirname(config))
    loaded = tuple(each.args[0] for each in tree.all("load_module") if each.args)
    return Nginx(
        program=program,
        abilities=_abilities(output, loaded, _spool(given, prefix)),
        prefix=prefix,
        config=config,
        sites=sites,
        enabled=enabled,
        snippets=os.path.join(os.path.dirname(config), "quaich"),
        pidfile=os.path.join(prefix, _said(tree, "pid") or given.get("pid-path", "logs/nginx.pid")),
        error_log=_log(prefix, _said(tree, "error_log") or given.get("error-log-path", "")),
        unit="nginx.service" if _has_systemd() else "",
    )


def private(prefix: str, port: int) -> Nginx:
    """An nginx of quaich's own below ``prefix``, for a port that needs no privilege."""
    program, output = _found(os.environ)
    given = abilities.settings(output)
    directory = os.path.join(given.get("prefix", "/"), given.get("modules-path", "modules"))
    paths = (os.path.join(directory, f"ngx_{each}_module.so") for each in _USEFUL)
    loads = tuple(path for path in paths if os.path.exists(path))
    return Nginx(
        program=program,
        abilities=_abilities(output, loads, f"{prefix}/tmp"),
        prefix=prefix,
        config=f"{prefix}/nginx.conf",
        sites=f"{prefix}/sites",
        enabled="",
        snippets=f"{prefix}/quaich",
        pidfile=f"{prefix}/nginx.pid",
        error_log=f"{prefix}/error.log",
        is_private=True,
        port=port,
        loads=loads,
    )


def remarks(nginx: Nginx) -> list[str]:
    """What an operator should know of this nginx, a line each."""
    flawed = lintfacts.flawed(nginx.program, nginx.abilities.version)
    if not flawed:
        return []
    return [f"{flawed} lacks the repair of its uwsgi module ({lintfacts.FLAW}); update it"]


def _found(environ: Mapping[str, str]) -> tuple[str, str]:
    """The program and what it says of itself."""
    program = shutil.which("nginx", path=f"{environ.get('PATH', '')}:{_ALSO}")
    if program is None:
        raise NginxError(
            "nginx is not installed; install it (apt install nginx, dnf install nginx)"
        )
    try:
        done = subprocess.run(
            [program, "-V"], capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NginxError(f"{program} cannot be run: {error}") from None
    if not abilities.version(done.stderr):
        said = (done.stderr.strip() or "nothing").splitlines()[-1]
        raise NginxError(f"{program} -V: expected a version, got: {said}")
    return program, done.stderr


def _abilities(output: str, loaded: tuple[str, ...], spool: str) -> Abilities:
    return Abilities(
        version=abilities.version(output),
        modules=abilities.modules(output, loaded),
        openssl=abilities.openssl(output),
        spool=spool,
        has_ipv6=_has_ipv6(),
    )


def _spool(given: Mapping[str, str], prefix: str) -> str:
    body = os.path.join(prefix, given.get("http-client-body-temp-path", "client_body_temp"))
    return os.path.dirname(body)


def _has_ipv6() -> bool:
    try:
        with open("/proc/net/if_inet6", encoding="ascii") as file:
            return bool(file.read(1))
    except OSError:
        return False


def _has_systemd() -> bool:
    return os.path.isdir(_SYSTEMD) and shutil.which("systemctl") is not None


def _said(tree: Tree, name: str) -> str:
    found = tree.all(name)
    return found[0].args[0] if found and found[0].args else ""


def _log(prefix: str, written: str) -> str:
    if not written or written == "stderr" or written.startswith(("syslog:", "memory:")):
        return ""
    return os.path.join(prefix, written)


def _sites(tree: Tree, directory: str) -> tuple[str, str]:
    """Where site files are written, and where links to them, if they need any."""
    included = [
        os.path.join(directory, each.args[0])
        for http in tree.all("http")
        for each in http.all("include")
        if each.args
    ]
    for each in included:
        where, _, pattern = each.rpartition("/")
        available = os.path.join(os.path.dirname(where), "sites-available")
        if where.endswith("/sites-enabled") and pattern in ("*", "*.conf"):
            # Where every file is read, those of a change under way must be elsewhere.
            apart = available if os.path.isdir(available) else f"{directory}/quaich/sites"
            return apart, where
    for each in included:
        where, _, pattern = each.rpartition("/")
        if pattern in ("*.conf", "quaich-*.conf"):
            return where, ""
    raise NginxError(
        f"{tree.place}: expected http {{ include ...; }} of a directory of sites, such as "
        f"{directory}/conf.d/*.conf"
    )
