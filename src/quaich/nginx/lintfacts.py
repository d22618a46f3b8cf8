"""What the machine says to a check of nginx's configuration: version, package, sockets, limits.

Each question has an answer that means "not known", and nothing is judged by it.  A distribution
repairs flaws without changing the version, so the package's list of changes is asked before it.
"""

import glob
import gzip
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Sequence

from quaich.nginx.lintmodel import App, Facts

FLAW = "CVE-2026-42946"
# The first versions of the stable and the mainline branch that are repaired.
_REPAIRED = (1, 30, 1)
_SECONDS = 20
_PATH = "/usr/sbin:/usr/local/sbin:/usr/local/nginx/sbin"
_VERSION = re.compile(r"nginx(?: version: [a-z]+)?/([0-9]+(?:\.[0-9]+)*)")
_MAX_CHANGES = 4 * 1024 * 1024


def program() -> str | None:
    """The nginx of this machine."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:{_PATH}")


def _output(*argv: str) -> tuple[int, str, str]:
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
            text=True,
            errors="replace",
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return 1, "", ""
    return done.returncode, done.stdout, done.stderr


def dump(binary: str, arguments: Sequence[str] = ()) -> tuple[str, str]:
    """What ``nginx -T`` prints, or nothing and why not."""
    status, text, why = _output(binary, "-T", *arguments)
    if status == 0:
        return text, ""
    lines = [each for each in why.splitlines() if "[emerg]" in each] or why.splitlines()
    return "", lines[0] if lines else "no answer"


def version_of(text: str) -> tuple[int, ...]:
    """The version in what ``nginx -v`` says; nothing when there is none."""
    match = _VERSION.search(text)
    return tuple(int(part) for part in match[1].split(".")) if match else ()


def version(binary: str) -> tuple[int, ...]:
    """The version of an nginx."""
    return version_of(_output(binary, "-v")[2])


def flawed(binary: str, found: tuple[int, ...]) -> str:
    """The package or the version, when it lacks the repair of the uwsgi module."""
    if not found or found >= _REPAIRED:
        return ""
    shown = f"nginx {'.'.join(map(str, found))}"
    if os.path.realpath(binary) == "/usr/sbin/nginx":
        status, text, _ = _output("dpkg-query", "-W", "-f=${Version}", "nginx")
        if status == 0 and text:
            changes = _changes("/usr/share/doc/nginx*/changelog.Debian.gz")
            return "" if changes is None or FLAW in changes else f"nginx {text}"
        status, text, _ = _output("rpm", "-q", "--changelog", "nginx")
        if status == 0:
            return "" if FLAW in text else shown
    return shown


def _changes(pattern: str) -> str | None:
    """The list of changes; None when it was not installed (as in images without documentation)."""
    texts = []
    for path in glob.glob(pattern):
        try:
            with gzip.open(path, "rt", encoding="utf-8", errors="replace") as file:
                texts.append(file.read(_MAX_CHANGES))
        except (OSError, EOFError):
            continue
    return "".join(texts) if texts else None


def mode(path: str) -> int:
    """The permissions of a socket; 0 when there is none that can be seen."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return 0
    return stat.S_IMODE(found.st_mode) if stat.S_ISSOCK(found.st_mode) else 0


def somaxconn() -> int:
    """The longest queue the kernel allows; 0 when it does not say."""
    try:
        with open("/proc/sys/net/core/somaxconn", encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return 0


def facts(here: bool, given: tuple[int, ...], apps: Sequence[App]) -> Facts:
    """What is known: of this machine's nginx when it is the one in question (``here``)."""
    if not here:
        return Facts(version=given, apps=apps)
    binary = program()
    found = given or (version(binary) if binary else ())
    return Facts(found, flawed(binary, found) if binary else "", somaxconn(), mode, apps)
