"""Running the programs that a deployment needs: as the site's user, bounded, gone with it.

A program gets an environment made for it and no terminal; its output is kept, and shown where it
fails.  It is killed with everything that it started when its time is over, and by the kernel when
the deployment itself is killed.
"""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from quaich.deploy.faults import ApplicationFault
from quaich.sys import privileges, process
from quaich.values import dataclass

_KEPT = ("LANG", "TZ", "TMPDIR")
# What of the caller's environment a build may need besides: where packages are to be had.
_FOR_BUILDS = ("PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSH_AUTH_SOCK")
_FOR_BUILDS_PREFIXES = ("PIP_", "UV_", "GIT_SSH")
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SHOWN = 8000


@dataclass(frozen=True)
class Actor:
    """Who runs programs: ``uid`` None is whoever runs this."""

    uid: int | None = None
    gid: int | None = None
    groups: tuple[int, ...] = ()
    home: str = ""

    def owner(self) -> tuple[int, int] | None:
        """For chown, or None where nothing is to be given away."""
        if self.uid is None:
            return None
        return self.uid, -1 if self.gid is None else self.gid


def actor(user: str, group: str) -> Actor:
    """The user and group of a site; whoever runs this, where that is not root or none is said."""
    home = os.environ.get("HOME", "/")
    if os.geteuid() != 0 or not (user or group):
        return Actor(home=home)
    found = privileges.find(user or None, group or None, "[site] user", "[site] group")
    if found.uid is not None:
        try:
            home = pwd.getpwuid(found.uid).pw_dir
        except KeyError:
            home = "/"
    return Actor(found.uid, found.gid, found.groups, home)


def environment(by: Actor, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment that programs begin with: nothing of the caller's that is not needed.

    What root has on its PATH another user may not be able to run.
    """
    kept = {key: value for key, value in environ.items() if key in _KEPT or key.startswith("LC_")}
    path = environ.get("PATH", "") if os.geteuid() != 0 else ""
    return {"PATH": path or _PATH, "LANG": "C.UTF-8", **kept, "HOME": by.home}


def build_environment(by: Actor, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of programs that fetch packages and sources."""
    more = {
        key: value
        for key, value in environ.items()
        if key in _FOR_BUILDS or key.startswith(_FOR_BUILDS_PREFIXES) or key.lower() in _PROXIES
    }
    return {**environment(by, environ), **more}


def program(name: str, by: Actor, env: Mapping[str, str]) -> str | None:
    """The path of a program that the actor may run, if it is on the PATH.

    What root finds may lie in a home that nobody else can look into.
    """
    found = shutil.which(name, path=env.get("PATH"))
    if found is None or by.uid is None:
        return found
    path = os.path.realpath(found)
    while path != "/":
        if not os.stat(path).st_mode & stat.S_IXOTH:
            return None
        path = os.path.dirname(path)
    return found


def quaich_command() -> list[str]:
    """How this quaich is called from elsewhere."""
    return [sys.executable, "-m", "quaich"]


def quaich_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment with which ``quaich_command`` finds this quaich and no other."""
    home = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    if "site-packages" in home or "dist-packages" in home:
        return dict(environ)
    return {**environ, "PYTHONPATH": home}


def bound_to_parent(signals: Collection[int] = ()) -> Any:
    """For ``preexec_fn``: the kernel kills the program when this process ends.

    ``signals`` are those that are blocked in the program.
    """
    parent = os.getpid()
    # What the call needs is loaded now: another user may not be able to read it.
    process.outlive_parent()

    def bind() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, signals)
        if not process.die_with_parent(parent):
            os._exit(1)

    return bind


def identity(by: Actor) -> dict[str, Any]:
    """The arguments by which subprocess becomes the actor."""
    if by.uid is None and by.gid is None:
        return {}
    return {"user": by.uid, "group": by.gid, "extra_groups": list(by.groups)}


def run(
    argv: Sequence[str],
    *,
    what: str,
    by: Actor,
    env: Mapping[str, str],
    cwd: str,
    timeout: float = 1800.0,
) -> str:
    """Run a program to its end; its output.  Raises ApplicationFault, named ``what``."""
    status, output = outcome(argv, by=by, env=env, cwd=cwd, timeout=timeout, what=what)
    if status:
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        raise ApplicationFault(f"{what}: {last_line(output) or how}", output[-_SHOWN:])
    return output


def outcome(
    argv: Sequence[str],
    *,
    what: str,
    by: Actor,
    env: Mapping[str, str],
    cwd: str,
    timeout: float,
) -> tuple[int, str]:
    """Run a program to its end; its exit status and its output, both streams in one."""
    child = None
    try:
        # A signal that comes while it is started waits until there is something to kill.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            child = subprocess.Popen(
                argv,
                cwd=cwd,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=bound_to_parent(before),
                **identity(by),
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        output, _ = child.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        _kill(child)
        raise ApplicationFault(f"{what}: not finished after {timeout:g} s; it was ended") from None
    except (OSError, subprocess.SubprocessError) as error:
        _kill(child)
        words = (getattr(error, "strerror", "") or str(error)).lower()
        raise ApplicationFault(f"{what}: {argv[0]}: {words}") from None
    except BaseException:
        _kill(child)
        raise
    return child.returncode, output.decode("utf-8", "replace")


def last_line(output: str) -> str:
    """The line of a program's output that most likely says what went wrong."""
    found = [line.strip() for line in output.splitlines() if line.strip()]
    # pip's notices come after its error.
    told = [line for line in found if line.startswith(("ERROR:", "error:"))]
    return (told or found or [""])[-1]


def _kill(child: "subprocess.Popen[bytes] | None") -> None:
    if child is None:
        return
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.communicate()
