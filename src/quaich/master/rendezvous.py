"""Where a server and the commands that look for it meet: a directory of control sockets.

Each server has ``PID.sock`` in it, which only its user may connect to.  The directory belongs to
that user, and one that is somebody else's, a link, or that others may write to is passed over.  For
root it is /run/quaich, which others may pass through, since the sockets of deployed sites are below
it and nginx's workers are not root; for others the user's own run directory, or else a directory in
/tmp.
"""

import os
import socket
import stat
from collections.abc import Iterator, Mapping

from quaich.patterns import pattern

_NAME = pattern(r"([1-9][0-9]{0,9})\.sock")
_MOST_SWEPT = 256


def directories(uid: int, environ: Mapping[str, str]) -> list[str]:
    """Where the sockets of a user's servers may be, the best place first."""
    found = ["/run/quaich"] if uid == 0 else []
    if uid != 0:
        own = environ.get("XDG_RUNTIME_DIR", "")
        found = [f"{path}/quaich" for path in (own, f"/run/user/{uid}") if path.startswith("/")]
    return [*dict.fromkeys(found), f"/tmp/quaich-{uid}"]


def name(directory: str, pid: int) -> str:
    """The socket of a server."""
    return f"{directory}/{pid}.sock"


def prepare(uid: int, environ: Mapping[str, str]) -> tuple[str, str]:
    """The first directory that can be used, made if need be; or nothing, and why not."""
    reasons = []
    for path in directories(uid, environ):
        try:
            os.mkdir(path, 0o700 if uid else 0o711)
        except FileExistsError:
            pass
        except OSError as error:
            reasons.append(f"{path}: {(error.strerror or str(error)).lower()}")
            continue
        fault = fault_of(path, uid)
        if not fault:
            return path, ""
        reasons.append(f"{path}: {fault}")
    return "", "; ".join(reasons)


def fault_of(path: str, uid: int) -> str:
    """Why a directory is not safe to meet in; empty when it is."""
    try:
        info = os.lstat(path)
    except OSError as error:
        return (error.strerror or str(error)).lower()
    if not stat.S_ISDIR(info.st_mode):
        return "not a directory"
    if info.st_uid != uid:
        return f"it belongs to user {info.st_uid}"
    if info.st_mode & 0o022:
        return f"others may write to it (mode {stat.S_IMODE(info.st_mode):o}, expected 700)"
    return ""


def servers(directory: str) -> Iterator[tuple[int, str]]:
    """The pid and the socket of each server that may be there."""
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return
    for each in names:
        match = _NAME.fullmatch(each)
        if match:
            yield int(match[1]), f"{directory}/{each}"


def sweep(directory: str) -> None:
    """Remove the sockets nobody listens on: those of servers that were killed."""
    for index, (_, path) in enumerate(servers(directory)):
        if index >= _MOST_SWEPT:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
            try:
                probe.connect(path)
            except ConnectionRefusedError:
                _unlink(path)
            except OSError:
                pass  # its queue is full, or it is gone by now


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass  # somebody else was faster
