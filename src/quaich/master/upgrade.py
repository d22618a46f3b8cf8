"""Executing the master anew, in place: another version of quaich goes on as the same process.

The process id, the children, the sockets and every open file stay; the state goes through a file in
memory.  Before it is too late to go back, a child tries whether the installed version can read that
state, so that an installation that is broken, or cannot go on from this one, changes nothing.
"""

import json
import os
import select
import signal
import sys
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from quaich import __version__
from quaich.log.server import Log
from quaich.master.estate import State
from quaich.values import replace

RESUME = "QUAICH_RESUME"
"""The environment variable that names the descriptor of the state."""

TRY = "QUAICH_RESUME_TRY"
"""Set where the state is only to be read."""

_PATIENCE = 10.0
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def installed() -> tuple[int, ...]:
    """What changes when another version is installed where this one was read from."""
    try:
        info = os.stat(os.path.join(_PACKAGE, "__init__.py"))
    except OSError:
        return ()
    return info.st_ino, info.st_mtime_ns, info.st_size


def _argv() -> list[str]:
    # The interpreter by its whole path: a virtual environment is found by it.
    return [sys.executable, *sys.orig_argv[1:]]


def write(state: Any) -> int:
    """A descriptor of a file in memory that holds the state."""
    file = os.memfd_create("quaich-state", os.MFD_CLOEXEC)
    try:
        os.write(file, json.dumps({"quaich": __version__, "state": state}).encode())
    except BaseException:
        os.close(file)
        raise
    return file


def read(file: int) -> Any:
    """What ``write`` was given; ValueError when it is nothing of the kind."""
    data = json.loads(os.pread(file, os.fstat(file).st_size, 0))
    return data["state"]


def objection(state: Any) -> str:
    """Why the installed version cannot go on from this state; empty when it can."""
    file = write(state)
    try:
        return _try(file)
    finally:
        os.close(file)


def _try(file: int) -> str:
    reader, writer = os.pipe()
    environ = {**os.environ, RESUME: str(file), TRY: "1"}
    os.set_inheritable(file, True)
    try:
        pid = os.posix_spawn(
            sys.executable,
            _argv(),
            environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, writer, 1),
                (os.POSIX_SPAWN_DUP2, writer, 2),
            ],
        )
    except OSError as error:
        os.close(reader)
        return f"{sys.executable}: {(error.strerror or str(error)).lower()}"
    finally:
        os.close(writer)
    with os.fdopen(reader, "rb") as output:
        return _outcome(pid, output.fileno())


def _outcome(pid: int, output: int) -> str:
    child = os.pidfd_open(pid)
    try:
        poller = select.poll()
        poller.register(child, select.POLLIN)
        # What it writes fits into the pipe, or is not worth waiting for.
        ended = poller.poll(_PATIENCE * 1000)
        if not ended:
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
    finally:
        os.close(child)
    if not ended:
        return f"the installed version does not start within {_PATIENCE:g} s"
    if status == 0:
        return ""
    os.set_blocking(output, False)
    try:
        lines = os.read(output, 65536).decode("utf-8", "replace").strip().splitlines()
    except BlockingIOError:
        lines = []
    return lines[-1] if lines else f"the installed version ends with status {status}"


def become(state: State, signals: Callable[[], list[str]], log: Log) -> tuple[str, list[str]]:
    """Become the installed version.  It returns where that cannot be: why, and which signals came.

    ``signals`` takes those that came and were not looked at yet.
    """
    missed: list[str] = []
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        reason = objection(state.to_data())
        if reason:
            return reason, missed
        log.info(f"pid={os.getpid()} is executed anew")
        # From here on a signal waits for the one that will be here; those that came are told.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        missed = signals()
        execute(replace(state, signals=missed).to_data(), state.descriptors)
    except OSError as error:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return (error.strerror or str(error)).lower(), missed


def execute(state: Any, descriptors: Iterable[int]) -> NoReturn:
    """Become the installed version, with every signal blocked; OSError where that cannot be."""
    file = write(state)
    try:
        for fd in (file, *descriptors):
            os.set_inheritable(fd, True)
        sys.stdout.flush()
        sys.stderr.flush()
        os.execve(sys.executable, _argv(), {**os.environ, RESUME: str(file)})
    except BaseException:
        # Whoever is started next must not hold what is the master's alone: its lifeline above all.
        os.close(file)
        for fd in descriptors:
            os.set_inheritable(fd, False)
        raise
