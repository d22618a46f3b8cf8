"""The other servers: their own virtual environment, and how each is started for one process.

Each is one row: what it is, which setups it can serve and its command for one.  What cannot be
installed or started here is left out of a measurement, with the reason.
"""

import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.scenarios import FLOOR, GATHERING, Protocol, Setup

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv-bench"
APPS = ROOT / "tests" / "apps"
SCENES = ROOT / "bench" / "apps"

RUN = "import sys, {0}, {1}; {0}.run({1}.application, '127.0.0.1', int(sys.argv[1]))"
# Frozen, as a server can: no collection looks at what was imported, which is cheaper.
CALLED = (
    "import sys; sys.path[:0] = {0}; import alone, floor_wsgi, gc, {1}; gc.collect(); gc.freeze(); "
    "floor_wsgi.serve({1}.application, alone.environ(), int(sys.argv[1]))"
)


@dataclass(frozen=True)
class Ask:
    """What a server is to be started for."""

    setup: Setup
    port: int
    directory: Path  # its own, for sockets, logs and whatever it wants to write

    @property
    def app(self) -> str:
        return f"{self.setup.module}:application"

    @property
    def bind(self) -> str:
        return str(self.directory / "socket") if self.setup.unix else f"127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return str(self.directory / "requests.log")

    @property
    def threads(self) -> str:
        return str(self.setup.threads)


@dataclass(frozen=True)
class Peer:
    name: str
    package: str
    argv: Callable[[Ask], list[str]]
    note: str = ""
    more: tuple[str, ...] = ()  # packages beside it
    debian: tuple[str, ...] = ()  # what building it needs
    keeps: bool = True  # connections, between requests
    holds: bool = False  # a connection that asks nothing can occupy the process
    threads: bool = True  # can have several
    logs: bool = True  # can write a request log
    protocols: tuple[Protocol, ...] = ("http",)
    obstacle: Callable[[], str] = lambda: ""  # why it cannot run on this machine
    only: tuple[str, ...] = ()  # these scenarios alone: a variant that tells nothing of others

    def serves(self, setup: Setup, scenario: str, kind: str) -> bool:
        return (
            (not self.only or scenario in self.only)
            and (not setup.peers or self.name in setup.peers)
            and setup.protocol in self.protocols
            and (self.threads or setup.threads == 1)
            and (self.logs or not setup.log)
            and (kind == "full" or (self.keeps and not self.holds))
        )


def _bin(name: str) -> str:
    return str(VENV / "bin" / name)


def _uwsgi(ask: Ask, *more: str) -> list[str]:
    log = ["--logto", ask.log] if ask.setup.log else ["--disable-logging"]
    many = ["--threads", ask.threads] if ask.setup.threads > 1 else []
    return [_bin("uwsgi"), "-w", ask.app, "--master", "--processes", "1", *log, *many, *more]


def _uwsgi_kept(ask: Ask) -> list[str]:
    if ask.setup.protocol == "uwsgi":
        return _uwsgi(ask, "--socket", ask.bind)
    kept = ("--http-keepalive=75", "--add-header", "Connection: keep-alive")
    return _uwsgi(ask, "--http11-socket", ask.bind, *kept)


def _gunicorn(kind: str, *more: str) -> Callable[[Ask], list[str]]:
    def argv(ask: Ask) -> list[str]:
        log = ["--access-logfile", ask.log] if ask.setup.log else []
        # By default it forgets an idle connection after 2 s, and has no more than 1000.
        kept = ["--keep-alive", "75", "--worker-connections", "2000"]
        many = ["--threads", ask.threads] if kind == "gthread" else []
        command = [_bin("gunicorn"), "-b", ask.bind, "-w", "1", "-k", kind, "--no-control-socket"]
        return [*command, *kept, *many, *log, *more, ask.app]

    return argv


def _granian(ask: Ask) -> list[str]:
    log = ["--access-log"] if ask.setup.log else ["--no-access-log"]
    where = ["--host", "127.0.0.1", "--port", str(ask.port)]
    many = ["--workers", "1", "--blocking-threads", ask.threads, "--backlog", "2048"]
    return [_bin("granian"), "--interface", "wsgi", *where, *many, *log, ask.app]


def _waitress(ask: Ask) -> list[str]:
    many = ["--threads", ask.threads, "--connection-limit", "2000"]
    return [_bin("waitress-serve"), "--listen", ask.bind, *many, ask.app]


def _cheroot(ask: Ask) -> list[str]:
    many = ["--threads", ask.threads, "--max-threads", ask.threads]
    return [_bin("cheroot"), "--bind", ask.bind, *many, "--timeout", "75", ask.app]


def _mod_wsgi(ask: Ask) -> list[str]:
    root = ask.directory / "apache"
    apache = Path("/usr/sbin/apache2")  # which apxs calls httpd
    httpd = ["--httpd-executable", str(apache)] if apache.exists() else []
    user = ["--user", "www-data", "--group", "www-data"] if os.getuid() == 0 else []
    log = ["--access-log", "--log-directory", str(ask.directory)] if ask.setup.log else []
    return [
        *(_bin("mod_wsgi-express"), "start-server", "--host", "127.0.0.1"),
        *("--port", str(ask.port), "--processes", "1", "--threads", ask.threads),
        *("--server-root", str(root), "--python-path", str(SCENES), "--keep-alive-timeout", "75"),
        *("--max-clients", "1100", *user, *log, *httpd),
        *("--application-type", "module", ask.setup.module),
    ]


def _hidden() -> str:
    """Apache's children give up root, and then have to read the interpreter."""
    home = Path(sys.base_prefix)
    if os.getuid() != 0 or all(each.stat().st_mode & 1 for each in (home, *home.parents)):
        return ""
    return f"its user www-data could not read {home}; run as another user than root"


def _inside(module: str) -> Callable[[Ask], list[str]]:
    """A server that is started by a function of its module."""

    def argv(ask: Ask) -> list[str]:
        return [_bin("python"), "-c", RUN.format(module, ask.setup.module), str(ask.port)]

    return argv


def _quaich(ask: Ask) -> list[str]:
    script = Path(sys.executable).parent / "quaich"
    command = [str(script)] if script.exists() else [sys.executable, "-m", "quaich"]
    listen = {"http": "--http-socket", "uwsgi": "--socket", "fastcgi": "--fastcgi-socket"}
    log = ["--logto", ask.log] if ask.setup.log else ["--disable-logging"]
    many = ["--threads", ask.threads] if ask.setup.threads > 1 else []
    # What an application needs is the same installation for everybody.
    pages = ["--pythonpath", str(site())] if ask.setup.module != "scenes" else []
    return [
        *(*command, listen[ask.setup.protocol], ask.bind, "-w", ask.app),
        *("--master", "--processes", "1", *log, *many, *pages),
    ]


QUAICH = Peer("quaich", "", _quaich, protocols=("http", "uwsgi", "fastcgi"))
PEERS = (
    Peer(
        "uwsgi",
        "uwsgi",
        _uwsgi_kept,
        "http11-socket: keeps connections, and serves one until it is closed",
        holds=True,
        protocols=("http", "uwsgi"),
    ),
    Peer(
        "uwsgi-close",
        "uwsgi",
        lambda ask: _uwsgi(ask, "--http-socket", ask.bind, "--add-header", "Connection: close"),
        "http-socket: closes every connection",
        keeps=False,
        only=("hello", "close", "chunks", "sleep", "logged"),
    ),
    Peer(
        "uwsgi-router",
        "uwsgi",
        lambda ask: _uwsgi(ask, "--http", ask.bind, "--http-keepalive", "--http-auto-chunked"),
        "http: a router process in front of the worker, as uWSGI is run without nginx",
    ),
    Peer(
        "gunicorn-sync",
        "gunicorn",
        _gunicorn("sync", "--http-parser", "python"),
        "closes every connection",
        keeps=False,
        threads=False,
    ),
    Peer("gunicorn-gthread", "gunicorn", _gunicorn("gthread", "--http-parser", "python")),
    Peer(
        "gunicorn-gthread-h1c",
        "gunicorn",
        _gunicorn("gthread", "--http-parser", "fast"),
        "with its parser in C, gunicorn_h1c",
        more=("gunicorn_h1c",),
    ),
    Peer("granian", "granian", _granian),
    Peer("bjoern", "bjoern", _inside("bjoern"), debian=("libev-dev",), threads=False, logs=False),
    Peer(
        "fastwsgi",
        "fastwsgi",
        _inside("fastwsgi"),
        "never calls close() of what an application returns: Django is not told of a request's end",
        threads=False,
        logs=False,
    ),
    Peer("waitress", "waitress", _waitress, logs=False),
    Peer(
        "cheroot",
        "cheroot",
        _cheroot,
        "keeps ten connections, and its thread waits for the first request of a new one",
        holds=True,
        logs=False,
    ),
    Peer(
        "mod_wsgi", "mod_wsgi", _mod_wsgi, debian=("apache2-dev", "apache2-bin"), obstacle=_hidden
    ),
)


def floors(directory: Path) -> tuple[Peer, Peer]:
    """What is compiled into this directory: a program, and a module for what calls applications."""

    def argv(ask: Ask) -> list[str]:
        if ask.setup.packages:
            home = str(ROOT / "bench")
            code = CALLED.format([str(directory), home], ask.setup.module)
            return [_bin("python"), "-c", code, str(ask.port)]
        return [str(directory / FLOOR), ask.bind if ask.setup.unix else str(ask.port)]

    floor = Peer(
        FLOOR,
        "",
        argv,
        "native/floor.c: parses nothing and calls nothing, the kernel's price; in flask and django "
        "native/floor_wsgi.c: parses nothing and calls the application, the price of both",
        protocols=("http", "uwsgi"),
        only=(
            *("hello", "10k", "close", "post64k", "post10m", "1m", "file", "chunks", "idle"),
            *("paced", "flask", "django", "nginx-uwsgi-tcp", "nginx-uwsgi-unix", "nginx-http"),
        ),
    )
    gathering = Peer(
        GATHERING,
        "",
        lambda ask: [str(directory / FLOOR), "gather", str(ask.port)],
        "native/floor.c, here gathering a body in memory and then copying it in blocks of 64 KiB: "
        "the least for a server that gives no application thread to a slow client",
        only=("post64k", "post10m"),
    )
    return floor, gathering


def quaich_argv(port: int, *more: str) -> list[str]:
    """quaich for the other measurements: tests/apps/hello.py over HTTP, no request log."""
    return [*_quaich(Ask(Setup("hello", "hello"), port, Path())), *more]


def quaich_build() -> str:
    """Whether the quaich of this interpreter is compiled."""
    import quaich

    home = Path(quaich.__file__).parent
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    hot = [each for each in home.rglob("*.pxd") if each.stem != "__init__"]
    fast = [each for each in hot if each.with_name(each.stem + suffix).exists()]
    return "compiled" if hot and len(fast) == len(hot) else "uncompiled"


def speaks_fastcgi() -> bool:
    """Whether the quaich of this interpreter has a FastCGI socket."""
    from quaich.config import options
    from quaich.config.options.row import PLANNED, REFUSED

    return any(
        row.name == "fastcgi-socket" and row.relation not in (PLANNED, REFUSED)
        for row in options.TABLE
    )


def site() -> Path:
    """Where the peers' environment keeps its packages."""
    return VENV / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"


def headers() -> str:
    """Where the headers of the peers' Python are."""
    code = "import sysconfig; print(sysconfig.get_path('include'))"
    done = subprocess.run(
        [_bin("python"), "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.strip()


def install(packages: Sequence[str], debian: Sequence[str] = ()) -> dict[str, str]:
    """Install what is missing; the reason for each package that could not be."""
    python = VENV / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True, timeout=120)
    missing = [package for package in packages if not version(package)]
    if missing and debian:
        _debian(debian)
    failed = {}
    for package in missing:
        print(f"installing {package} into {VENV.name}", file=sys.stderr)
        try:
            done = subprocess.run(
                [str(python), "-m", "pip", "install", "-qq", "setuptools", "wheel", package],
                capture_output=True,
                text=True,
                timeout=600,
                check=False,
            )
        except subprocess.TimeoutExpired:
            failed[package] = "cannot be installed: pip did not end within 10 minutes"
            continue
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:] or ["no message"]
            failed[package] = f"cannot be installed: {last[0]}"
    return failed


def _debian(packages: Sequence[str]) -> None:
    """What some peers are built against; without it their own installation says what is missing."""
    subprocess.run(
        ["sh", "-c", '. scripts/lib.sh; apt_install "$@"', "sh", *packages],
        cwd=ROOT,
        timeout=600,
        check=False,
    )


def version(package: str) -> str | None:
    python = VENV / "bin" / "python"
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    done = subprocess.run(
        [str(python), "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else None


def of(peer: Peer) -> str:
    """The version that will be measured."""
    if peer.name == QUAICH.name:
        import quaich

        return f"{quaich.__version__} {quaich_build()}"
    return (version(peer.package) or "") if peer.package else ""


PASS = {
    "uwsgi": "include uwsgi_params; uwsgi_pass upstream;",
    "http": "proxy_http_version 1.1; proxy_set_header Connection ''; proxy_pass http://upstream;",
    "fastcgi": (
        "fastcgi_keep_conn on; fastcgi_param PATH_INFO $document_uri; "
        "fastcgi_param REQUEST_METHOD $request_method; fastcgi_param QUERY_STRING $query_string; "
        "fastcgi_param REQUEST_URI $request_uri; fastcgi_param SERVER_NAME $server_name; "
        "fastcgi_param SERVER_PORT $server_port; fastcgi_param SERVER_PROTOCOL $server_protocol; "
        "fastcgi_param SCRIPT_NAME ''; fastcgi_pass upstream;"
    ),
}


def nginx(ask: Ask) -> str:
    """What stands between the braces of nginx's http block."""
    # uWSGI's protocol has one request per connection.
    kept = "" if ask.setup.protocol == "uwsgi" else "keepalive 16; keepalive_requests 1000000;"
    server = f"unix:{ask.bind}" if ask.setup.unix else ask.bind
    return (
        f"upstream upstream {{ server {server}; {kept} }}\n"
        "server { listen 127.0.0.1:PORT; access_log off; keepalive_requests 1000000; "
        f"location / {{ {PASS[ask.setup.protocol]} }} }}"
    )


def machine() -> str:
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    kernel = Path("/proc/sys/kernel/osrelease").read_text().strip()
    python = sys.version.split()[0]
    return f"{found[1] if found else 'unknown processor'}, Linux {kernel}, CPython {python}"
