"""A lock on a file, by which a second instance of a server is told from the first.

The lock is a POSIX record lock, as uWSGI's is, so the two keep each other out.  It is the
process's own: a child does not have it (so it is taken after the last fork of a start), and it ends
with the process however that ends.  It survives an execution of the process anew as long as its
descriptor does, which is why the locks are a side: what a side carries over stays open.
"""

import errno
import fcntl
import os
from collections.abc import Callable
from typing import Any

from quaich.errors import QuaichError
from quaich.master.side import BaseSide


class Locks(BaseSide):
    """The locks of a server, held to its end."""

    name = "locks"

    def __init__(self) -> None:
        self._held: list[int] = []

    def take(
        self, path: str, wait: bool, option: str, place: str, say: Callable[[str], None]
    ) -> None:
        """Lock one file more; see ``lock``."""
        self._held.append(lock(path, wait, option, place, say))

    def resume(self, state: Any) -> None:
        """Hold on to the descriptors of the locks."""
        self._held = list(state)

    def carry(self) -> tuple[Any, list[int]]:
        """The descriptors that must stay open."""
        return self._held, self._held


def lock(path: str, wait: bool, option: str, place: str, say: Callable[[str], None]) -> int:
    """Lock a file, which is made if it is missing; the descriptor that holds the lock."""
    where = f"{place}{': ' if place else ''}{option} = {path}"
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise QuaichError(f"{where}: {(error.strerror or str(error)).lower()}") from None
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return fd
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EAGAIN) or not wait:
            os.close(fd)
            reason = "another instance holds the lock"
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                reason = (error.strerror or str(error)).lower()
            raise QuaichError(f"{where}: {reason}") from None
    say(f"{option} = {path}: another instance holds the lock; waiting")
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX)
    except BaseException:
        os.close(fd)
        raise
    return fd
