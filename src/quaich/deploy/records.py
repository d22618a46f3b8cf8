"""What a site keeps about itself in files: written whole or not at all, and in order.

The journal is on the disk before the step it names begins, so that whoever comes next knows what
may have been begun; it is removed when the change is over.  The lock is the kernel's (``flock``),
so it ends with its process however that ends; what stands in it is for a reader only.
"""

import contextlib
import fcntl
import json
import os
import pwd
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from quaich.deploy.faults import reason
from quaich.deploy.layout import SitePaths
from quaich.errors import QuaichError
from quaich.values import dataclass


def write(path: str, text: str, mode: int = 0o644, owner: tuple[int, int] | None = None) -> None:
    """Replace a file by a new one, on the disk when this returns."""
    temporary = f"{path}.new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(fd, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
            file.flush()
            os.fchmod(fd, mode)
            if owner is not None:
                os.fchown(fd, *owner)
            os.fsync(fd)
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and not error.filename:
            error.filename = path
        raise
    sync_directory(os.path.dirname(path))


def link(path: str, target: str) -> None:
    """Make a symbolic link point there, without a moment in which it does not exist."""
    temporary = f"{path}.new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    os.symlink(target, temporary)
    os.replace(temporary, path)
    sync_directory(os.path.dirname(path))


def sync_directory(path: str) -> None:
    """See to it that what was renamed in a directory is on the disk."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def read(path: str) -> str | None:
    """The text of a file; None where there is none."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except FileNotFoundError:
        return None


def read_json(path: str) -> Any:
    """What a JSON file holds; None where there is none, QuaichError where it is damaged."""
    text = read(path)
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        raise QuaichError(f"{path}: damaged: expected JSON") from None


def remove(path: str) -> None:
    """Remove a file that may not be there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


@dataclass(frozen=True)
class Who:
    """Who makes a change: behind sudo, the person."""

    user: str
    uid: int
    pid: int


def who(environ: Mapping[str, str]) -> Who:
    """Who runs this process."""
    uid = os.getuid()
    if uid == 0 and environ.get("SUDO_UID", "").isdecimal():
        uid = int(environ["SUDO_UID"])
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    return Who(name, uid, os.getpid())


def moment(seconds: float) -> str:
    """A time for a reader of records, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


@contextlib.contextmanager
def locked(path: str, by: Who, what: str) -> Iterator[None]:
    """Hold the lock of a site; raises QuaichError with who has it."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        raise QuaichError(f"the site cannot be locked: {reason(error)}") from None
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise QuaichError(f"another change is under way: {_holder(fd)}; try again") from None
        os.ftruncate(fd, 0)
        holder = {"what": what, "user": by.user, "pid": by.pid, "since": moment(time.time())}
        os.pwrite(fd, json.dumps(holder).encode(), 0)
        yield
        os.ftruncate(fd, 0)
    finally:
        os.close(fd)


def _holder(fd: int) -> str:
    try:
        held = json.loads(os.pread(fd, 4096, 0))
        return f"{held['what']} by {held['user']} (pid {held['pid']}) since {held['since']}"
    except (ValueError, KeyError, TypeError):
        return "its holder has not said who it is"


def begin(paths: SitePaths, plan: Mapping[str, Any], begun: Sequence[str], by: Who) -> None:
    """Say in the journal which steps have begun, before the last of them does."""
    entry = {"plan": plan, "begun": list(begun), "user": by.user, "pid": by.pid}
    write(paths.journal, json.dumps(entry, indent=1) + "\n")


def audit(paths: SitePaths, by: Who, entry: Mapping[str, Any]) -> None:
    """Add a line about a change that is over, however it ended."""
    line = {"time": moment(time.time()), "user": by.user, "uid": by.uid, **entry}
    fd = os.open(paths.audit, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        os.write(fd, json.dumps(line).encode() + b"\n")
        os.fsync(fd)
    finally:
        os.close(fd)
