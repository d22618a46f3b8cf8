"""A child of the master that does one thing as the configured user, and ends.

The master may be root and must not wait: so what hooks ask of it while it supervises, and every
daemon, happens in a process of its own, with a group of its own, the directory of the application,
nothing to read from, and no longer a life than the master's.
"""

import os
import signal
from collections.abc import Callable
from typing import NoReturn

from quaich.config.effective import Config
from quaich.errors import QuaichError
from quaich.log.server import Log
from quaich.sys import process
from quaich.worker import startup


def start(
    config: Config,
    job: Callable[[], None],
    log: Log,
    *,
    chdir: str | None = None,
    stdin: bool = False,
    outlives: bool = False,
) -> int:
    """Begin the job in a child; its pid.  Raises OSError when there can be no more processes."""
    master = os.getpid()
    everything = signal.valid_signals()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, everything)
    try:
        pid = os.fork()
        if pid == 0:
            _run(config, job, log, chdir or config.chdir, stdin, 0 if outlives else master)
        return pid
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _run(
    config: Config, job: Callable[[], None], log: Log, chdir: str | None, stdin: bool, master: int
) -> NoReturn:
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        os.setsid()
        if not stdin:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            if signal.getsignal(number) is not signal.SIG_DFL:
                signal.signal(number, signal.SIG_DFL)
        startup.drop_privileges(config, log, quiet=True)
        if chdir is not None:
            os.chdir(chdir)
        # The change of user would have made the kernel forget it.
        if not master or process.die_with_parent(master):
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            job()
            status = 0
    except QuaichError as error:
        log.error(str(error))
        status = error.status
    except OSError as error:
        log.error(str(error))
    finally:
        os._exit(status)
