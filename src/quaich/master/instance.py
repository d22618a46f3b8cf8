"""A lock on a file, by which a second instance of a server is told from the first.

The lock is a POSIX record lock, as uWSGI's is, so the two keep each other out.  It is the
process's own: a child does not have it, and it ends with the process however that ends.
"""

import errno
import fcntl
import os
from collections.abc import Callable

from quaich.errors import QuaichError


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
