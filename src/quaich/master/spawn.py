"""Starting a zygote: a fresh interpreter that inherits exactly what it was given.

It is the one that runs the master, or that of a virtual environment of another Python.  The latter
is the application's, so privileges are dropped before it is executed.  The first zygote of a server
is a fork instead, where that makes no difference to the application; see ``likeness``.
"""

import contextlib
import gc
import os
import signal
import socket
import sys
from typing import NoReturn

from quaich.config.effective import Config
from quaich.errors import LoadError, QuaichError
from quaich.log.server import Log
from quaich.master import launch, likeness
from quaich.sys import process
from quaich.worker import hooks, messages, resources, startup
from quaich.worker.bootstrap import Bootstrap


def spawn(bootstrap: Bootstrap, first: bool) -> int:
    """Start a zygote; its pid.  Raises OSError when there can be no more processes.

    ``first`` says that this process has been the server's from its start and had none yet.
    """
    # A signal for the child must not run our handlers in it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
        if pid == 0:
            _live(bootstrap, first)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return pid


def _live(bootstrap: Bootstrap, first: bool) -> NoReturn:
    try:
        signal.set_wakeup_fd(-1)
        if not bootstrap.config.honour_stdin:
            # A group of its own: what the terminal sends (^C) is the master's to interpret.
            os.setpgid(0, 0)
            null = os.open(os.devnull, os.O_RDONLY)
            os.dup2(null, 0)
        process.reset_handlers()
        process.reset_signals()
        python = _other_python(bootstrap.config)
        if first and python is None and likeness.possible():
            likeness.assume(bootstrap.descriptors())
            gc.disable()
            # A master does without this in its memory.
            from quaich.worker import zygote

            gc.enable()
            try:
                zygote.begin(bootstrap)
            except BaseException:
                sys.excepthook(*sys.exc_info())
                os._exit(1)
        if bootstrap.generation > 1:
            _repeat_hooks(bootstrap)
        if python is not None and bootstrap.config.chroot is not None:
            raise QuaichError(
                f"chroot: the application needs {python}, which is outside; start quaich with it"
            )
        if python is not None:
            resources.claim(bootstrap.config)
            startup.drop_privileges(bootstrap.config, Log())
        for fd in bootstrap.descriptors():
            os.set_inheritable(fd, True)
        file = os.memfd_create("quaich-bootstrap", 0)
        os.write(file, bootstrap.to_json().encode())
        launch.execute("quaich.worker.zygote", file, python)
    except (QuaichError, OSError) as error:
        _give_up(bootstrap, str(error), getattr(error, "status", 1))
    finally:
        os._exit(127)


def _repeat_hooks(bootstrap: Bootstrap) -> None:
    """What a start does before it binds; a reload does it here, where the master does not wait."""
    if not process.die_with_parent(bootstrap.master):
        os._exit(1)
    for phase in hooks.AGAIN:
        hooks.run(bootstrap.config, phase, Log())


def _give_up(bootstrap: Bootstrap, reason: str, status: int) -> None:
    packet = messages.encode(messages.LoadFailed(reason, status))
    with contextlib.suppress(OSError):
        socket.socket(fileno=bootstrap.channel).send(packet, socket.MSG_NOSIGNAL)


def _other_python(config: Config) -> str | None:
    try:
        return startup.interpreter(config)
    except LoadError:
        # The zygote finds the same, and it is the one that reports.
        return None
