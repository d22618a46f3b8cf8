"""What a process may ask of the kernel about itself and its family, and its own descriptors.

A call the kernel refuses is an OSError.
"""

import os
import signal
from collections.abc import Callable
from typing import Any

from quaich.sys.family import prctl

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38


set_handler: Callable[[int, Any], Any] = getattr(signal.signal, "__wrapped__", signal.signal)
"""``signal.signal`` without the Python around it, that makes each number a member of an enumeration
and back: what runs in each worker is paid for in each worker's memory."""


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(parent: int, number: int = signal.SIGKILL) -> bool:
    """Be signalled by the kernel when the parent ends; False when ``parent`` is gone already.

    The kernel forgets the wish in a fork and in a change of user, so it comes after both.
    """
    prctl(_PR_SET_PDEATHSIG, number)
    return os.getppid() == parent


def outlive_parent() -> None:
    """Take back ``die_with_parent``."""
    prctl(_PR_SET_PDEATHSIG, 0)


def gain_no_privileges() -> None:
    """Make set-user-ID and set-group-ID programs run without their extra powers, for good."""
    prctl(_PR_SET_NO_NEW_PRIVS, 1)


def open_standard_descriptors() -> None:
    """Open /dev/null where 0, 1 or 2 is closed.

    Otherwise the first socket would get the number 2, and a traceback would go to a client.
    """
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            if null != fd:
                os.dup2(null, fd)
                os.close(null)
            os.set_inheritable(fd, True)


def reset_handlers() -> None:
    """Leave no handler of this process in a child, and nothing ignored that Python does not."""
    kept = {signal.SIGKILL, signal.SIGSTOP, signal.SIGPIPE, signal.SIGXFSZ}
    for number in signal.valid_signals() - kept:
        if signal.getsignal(number) not in (signal.SIG_DFL, None):
            signal.signal(number, signal.SIG_DFL)


def reset_signals() -> None:
    """Undo what a parent may have left behind: blocked or ignored signals.

    ``nohup`` ignores SIGHUP on purpose; a server told by SIGHUP to reload needs it all the same.
    """
    for number in (signal.SIGCHLD, signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def describe_end(status: int) -> str:
    """How a process ended, as a fact for the log: ``exit=1`` or ``signal=SIGSEGV``."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            return f"signal={signal.Signals(number).name}"
        except ValueError:
            return f"signal={number}"
    return f"exit={os.WEXITSTATUS(status)}"


def let_go(fd: int) -> None:
    """Hold what a descriptor stands for no more; its number stays taken, so it is no other's."""
    null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.dup2(null, fd, inheritable=False)
    finally:
        os.close(null)


def memory() -> tuple[int, int]:
    """Octets of this process's address space, and of it in memory; 0 where /proc is not."""
    try:
        with open("/proc/self/statm", "rb") as file:
            pages = file.read().split()
    except OSError:
        return 0, 0
    size = os.sysconf("SC_PAGE_SIZE")
    return int(pages[0]) * size, int(pages[1]) * size
