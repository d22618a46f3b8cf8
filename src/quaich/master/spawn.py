"""Executing a zygote: a fresh interpreter that inherits exactly what it was given.

The new interpreter must find this very quaich and must not take a module from the directory it is
started in, which belongs to the application and may shadow the standard library: so it is started
on a line of code that empties that entry before it imports anything.
"""

import os
import signal
import sys

from quaich.sys.process import reset_signals
from quaich.worker.zygote import Bootstrap

_HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_CODE = (
    "import sys; sys.path[:] = [p for p in sys.path if p]; "
    "sys.path += [p for p in sys.argv[2:] if p not in sys.path]; "
    "from quaich.worker.zygote import main; main()"
)


def spawn(bootstrap: Bootstrap) -> int:
    """Start a zygote; its pid.  Raises OSError when there can be no more processes."""
    file = os.memfd_create("quaich-bootstrap", 0)
    try:
        os.write(file, bootstrap.to_json().encode())
        # A signal for the child must not run our handlers in it, before it is executed.
        everything = signal.valid_signals()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, everything)
        try:
            pid = os.fork()
            if pid == 0:
                _execute(bootstrap, file)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    finally:
        os.close(file)
    return pid


def _execute(bootstrap: Bootstrap, file: int) -> None:
    try:
        signal.set_wakeup_fd(-1)
        # A group of its own: what the terminal sends (^C) is the master's to interpret.
        os.setpgid(0, 0)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        for fd in bootstrap.descriptors():
            os.set_inheritable(fd, True)
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            if signal.getsignal(number) is signal.SIG_IGN and number != signal.SIGPIPE:
                signal.signal(number, signal.SIG_DFL)
        reset_signals()
        os.execv(sys.executable, [sys.executable, "-c", _CODE, str(file), _HOME])
    finally:
        os._exit(127)
