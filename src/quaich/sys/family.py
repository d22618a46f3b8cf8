"""Children and parents: a fork whose child belongs to a grandparent, what goes before, prctl(2).

All have a half in C, for the sake of memory: every object that is touched between a fork and its
end is on a page that is copied, and the interpreter touches many for a call.
"""

import errno
import os
import struct
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


def fork_away() -> int:
    """Fork a process that is an orphan at once, for who adopts orphans; its pid, or 0 in it.

    The process in between, its parent, has ended when this returns.  OSError where there can be no
    more processes.
    """
    global forking
    forking = True
    try:
        if cython.compiled:
            child: int = c_fork_away()  # type: ignore[name-defined]
        else:
            child = _fork_away()
    finally:
        forking = False
    if child < 0:
        raise OSError(-child, os.strerror(-child))
    return child


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


def _fork_away() -> int:
    report, reporter = os.pipe()
    try:
        between = os.fork()
        if between == 0:
            child = _fork_or_error()
            if child == 0:
                return 0
            os.write(reporter, _PID.pack(child))
            os._exit(0)
        os.close(reporter)
        reporter = -1
        told = os.read(report, _PID.size)
    finally:
        for fd in (report, reporter):
            if fd >= 0:
                os.close(fd)
    try:
        os.waitpid(between, 0)
    except ChildProcessError:
        pass  # the application ignores SIGCHLD: the call still waited
    # One that was killed in between has told nothing.
    return _PID.unpack(told)[0] if len(told) == _PID.size else -errno.ECHILD


def _fork_or_error() -> int:
    try:
        return os.fork()
    except OSError as error:
        return -(error.errno or errno.EAGAIN)
