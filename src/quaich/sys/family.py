"""Children and parents: a fork whose child belongs to a grandparent, what goes before, prctl(2).

All have a half in C, for the sake of memory: every object that is touched between a fork and its
end is on a page that is copied, and the interpreter touches many for a call.  In C the process in
between has no memory of its own (vfork), which would be as much to make as that of a child.
"""

import errno
import os
import struct
from contextlib import suppress
from functools import cache
from typing import Any

try:
    import cython
except ImportError:
    from quaich.sys import cy as cython

_PID = struct.Struct("=i")

forking = False
"""Whether it is us who forks, in the parent and in the child until ``fork_away`` returns."""


def prctl(operation: int, a: int = 0, b: int = 0, c: int = 0, d: int = 0) -> None:
    """Ask the kernel something about this process; OSError where it refuses."""
    if cython.compiled:
        error: int = c_prctl(operation, a, b, c, d)  # type: ignore[name-defined]
    else:
        error = _prctl(operation, a, b, c, d)
    if error:
        raise OSError(error, f"prctl({operation}): {os.strerror(error)}")


def fork_away(count: int, pids: list[int]) -> int:
    """Fork processes that are orphans at once, for who adopts orphans; -1, or its index in each.

    Their pids are added to ``pids``, a negative errno for one that cannot be.  The process in
    between, the parent of them all, has ended when this returns.
    """
    global forking
    forking = True
    try:
        if cython.compiled:
            index: int = c_fork_away(count, pids)  # type: ignore[name-defined]
        else:
            index = _fork_away(count, pids)
    finally:
        forking = False
    return index


def release_memory() -> None:
    """Give the kernel the memory that is free, where the C library knows how to.

    What is free before a fork is there twice after it: each process writes to it for itself.
    """
    if cython.compiled:
        c_release_memory()  # type: ignore[name-defined]
    else:
        trim = getattr(_libc(), "malloc_trim", None)
        if trim is not None:
            trim(0)


@cache
def _libc() -> Any:
    # The standard library has no prctl.  Imported by the first call, once for all workers.
    import ctypes

    return ctypes.CDLL(None, use_errno=True)


def _prctl(operation: int, *arguments: int) -> int:
    import ctypes

    if _libc().prctl(operation, *map(ctypes.c_ulong, arguments)) != 0:
        return ctypes.get_errno()
    return 0


def _fork_away(count: int, pids: list[int]) -> int:
    try:
        report, reporter = os.pipe()
    except OSError as error:
        pids += [-(error.errno or errno.EMFILE)] * count
        return -1
    between = _fork_or_error()
    if between == 0:
        os.close(report)
        for index in range(count):
            child = _fork_or_error()
            if child == 0:
                os.close(reporter)
                return index
            os.write(reporter, _PID.pack(child))
        os._exit(0)
    os.close(reporter)
    with open(report, "rb") as file:
        told = file.read()
    # One that was killed in between has not told everything.
    pids += [pid for (pid,) in _PID.iter_unpack(told)]
    pids += [between if between < 0 else -errno.ECHILD] * (count - len(told) // _PID.size)
    if between > 0:
        # Where the application ignores SIGCHLD the call fails, after it has waited.
        with suppress(ChildProcessError):
            os.waitpid(between, 0)
    return -1


def _fork_or_error() -> int:
    try:
        return os.fork()
    except OSError as error:
        return -(error.errno or errno.EAGAIN)
