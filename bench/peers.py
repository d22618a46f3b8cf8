"""The other servers: their own virtual environment, and how each is started for one process.

Every one serves the same application with its request log off.  What cannot be installed here is
left out of a measurement, with the reason.
"""

import re
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv-bench"
APPS = ROOT / "tests" / "apps"

BJOERN = "import sys, bjoern, hello; bjoern.run(hello.application, '127.0.0.1', int(sys.argv[1]))"


@dataclass(frozen=True)
class Peer:
    name: str
    package: str
    argv: Callable[[int], list[str]]
    note: str = ""
    keeps: bool = True  # connections, between requests


def _bin(name: str) -> str:
    return str(VENV / "bin" / name)


PEERS = (
    Peer(
        "uwsgi",
        "uwsgi",
        lambda port: [
            *(_bin("uwsgi"), "--http11-socket", f"127.0.0.1:{port}", "-w", "hello"),
            *("--master", "--processes", "1", "--disable-logging", "--http-keepalive=75"),
            *("--add-header", "Connection: keep-alive"),
        ],
        "http11-socket: keeps connections, and serves one until it is closed",
    ),
    Peer(
        "uwsgi-close",
        "uwsgi",
        lambda port: [
            *(_bin("uwsgi"), "--http-socket", f"127.0.0.1:{port}", "-w", "hello"),
            *("--master", "--processes", "1", "--disable-logging"),
            *("--add-header", "Connection: close"),
        ],
        "http-socket: closes every connection",
        keeps=False,
    ),
    Peer(
        "uwsgi-router",
        "uwsgi",
        lambda port: [
            *(_bin("uwsgi"), "--http", f"127.0.0.1:{port}", "-w", "hello"),
            *("--master", "--processes", "1", "--disable-logging", "--http-keepalive"),
        ],
        "http: a router process in front of the worker",
    ),
    Peer(
        "gunicorn",
        "gunicorn",
        lambda port: [
            *(_bin("gunicorn"), "-b", f"127.0.0.1:{port}", "-w", "1"),
            *("-k", "gthread", "--threads", "2", "hello:application"),
        ],
        "gthread: its sync workers close every connection",
    ),
    Peer(
        "granian",
        "granian",
        lambda port: [
            *(_bin("granian"), "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)),
            *("--workers", "1", "--no-access-log", "hello:application"),
        ],
    ),
    Peer(
        "waitress",
        "waitress",
        lambda port: [
            *(_bin("waitress-serve"), "--listen", f"127.0.0.1:{port}", "hello:application"),
        ],
    ),
    Peer("bjoern", "bjoern", lambda port: [_bin("python"), "-c", BJOERN, str(port)]),
)


def quaich_argv(port: int, *more: str) -> list[str]:
    """quaich as the peers are started: from this interpreter's environment, no request log."""
    script = Path(sys.executable).parent / "quaich"
    command = [str(script)] if script.exists() else [sys.executable, "-m", "quaich"]
    return [
        *command,
        *("--http-socket", f"127.0.0.1:{port}", "-w", "hello"),
        *("--master", "--processes", "1", "--disable-logging", *more),
    ]


def quaich_build() -> str:
    """Whether the quaich of this interpreter is compiled."""
    import quaich

    home = Path(quaich.__file__).parent
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    hot = [each for each in home.rglob("*.pxd") if each.stem != "__init__"]
    fast = [each for each in hot if each.with_name(each.stem + suffix).exists()]
    return "compiled" if hot and len(fast) == len(hot) else "uncompiled"


def install(packages: Sequence[str]) -> dict[str, str]:
    """Install what is missing; the reason for each package that could not be."""
    python = VENV / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True, timeout=120)
    failed = {}
    for package in packages:
        if version(package):
            continue
        if package == "bjoern":
            _libev()
        print(f"installing {package} into {VENV.name}", file=sys.stderr)
        done = subprocess.run(
            [str(python), "-m", "pip", "install", "-qq", "setuptools", "wheel", package],
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:] or ["no message"]
            failed[package] = f"cannot be installed: {last[0]}"
    return failed


def _libev() -> None:
    """bjoern is built from source against libev's headers."""
    if not Path("/usr/include/ev.h").exists():
        subprocess.run(
            ["sh", "-c", ". scripts/lib.sh; apt_install libev-dev"],
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


def machine() -> str:
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    kernel = Path("/proc/sys/kernel/osrelease").read_text().strip()
    python = sys.version.split()[0]
    return f"{found[1] if found else 'unknown processor'}, Linux {kernel}, CPython {python}"
