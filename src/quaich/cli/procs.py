"""Whether a process is one of ours to signal, and the signal, without a chance to hit another.

A pid may be anybody's by the time it is read from a file.  What is signalled is held by a
descriptor of the process, and must be called quaich or uwsgi, or hold quaich's scoreboard, which no
change of its name can hide.
"""

import os
import select
import signal
from collections.abc import Sequence

from quaich.config.base import printable
from quaich.errors import QuaichError

_NAMES = ("quaich", "uwsgi")
_BOARD = "/memfd:quaich-scoreboard"


def is_server_command(argv: Sequence[str]) -> bool:
    """Whether a command line is that of a server, run as itself or by an interpreter."""
    rest = list(argv)
    if not rest:
        return False
    if _named(rest[0]):
        return True
    if not os.path.basename(rest[0]).startswith(("python", "pypy")):
        return False
    rest = rest[1:]
    while rest and rest[0].startswith("-"):
        if rest[0] == "-m":
            return rest[1:2] == ["quaich"]
        if rest[0] == "-c":
            return False
        rest = rest[2:] if rest[0] in ("-X", "-W") else rest[1:]
    return bool(rest) and _named(rest[0])


def _named(program: str) -> bool:
    # A process may have renamed itself to "uWSGI master"; behind a path there is a file's name.
    name = os.path.basename(program).lower()
    return any(
        name == each or name.startswith((f"{each} ", f"{each}-", f"{each}_")) for each in _NAMES
    )


def command_of(pid: int) -> list[str]:
    """The command line of a process; empty when it is gone or cannot be seen."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            data = file.read(65536)
    except OSError:
        return []
    return [os.fsdecode(each) for each in data.rstrip(b"\0").split(b"\0")] if data else []


def is_server(pid: int) -> bool:
    """Whether a process is a server."""
    return is_server_command(command_of(pid)) or _holds_scoreboard(pid)


def _holds_scoreboard(pid: int) -> bool:
    try:
        names = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return False
    for name in names:
        try:
            if os.readlink(f"/proc/{pid}/fd/{name}").startswith(_BOARD):
                return True
        except OSError:
            pass  # closed by now
    return False


def pid_in(path: str) -> int:
    """The pid that a file holds; raises QuaichError where there is none.

    It may be 1: the server of a container.
    """
    try:
        # A FIFO would be waited for.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            text = (file.read(64) or b"").strip()
    except OSError as error:
        raise QuaichError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    if not text.isdigit() or not 0 < int(text) < 2**31:
        shown = printable(text[:20].decode("latin-1"))
        raise QuaichError(f'{path}: expected the pid of a server, got "{shown}"')
    return int(text)


def send(pid: int, number: signal.Signals, source: str) -> None:
    """Signal a server, whose pid is from ``source``; raises QuaichError where it is none."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        raise QuaichError(f"{source}: pid {pid} does not run; the file is stale") from None
    except OSError as error:
        raise QuaichError(f"{source}: pid {pid}: {(error.strerror or '').lower()}") from None
    try:
        if not is_server(pid):
            argv = command_of(pid)
            shown = f' ("{printable(" ".join(argv))[:60]}")' if argv else ""
            raise QuaichError(
                f"{source}: pid {pid}{shown} is neither quaich nor uWSGI; it was not signalled"
            )
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        raise QuaichError(f"{source}: pid {pid} does not run; the file is stale") from None
    except PermissionError:
        raise QuaichError(
            f"{source}: pid {pid} belongs to another user; only that user and root may signal it"
        ) from None
    finally:
        os.close(handle)


def wait_end(pid: int, seconds: float | None) -> bool:
    """Wait until a process has ended; False when it has not in time."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return True
    try:
        poller = select.poll()
        poller.register(handle, select.POLLIN)
        return bool(poller.poll(None if seconds is None else max(0.0, seconds) * 1000))
    finally:
        os.close(handle)
