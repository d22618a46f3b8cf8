"""Executing the master anew, in place: another version of quaich goes on as the same process.

The process id, the children, the sockets and every open file stay; the state goes through a file in
memory.  Before it is too late to go back, a child tries whether the installed version can read that
state, so that an installation that is broken, or cannot go on from this one, changes nothing.  The
master does not wait for that child; what its end leads to is decided in ``succession``.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from quaich import __version__
from quaich.log.server import Log
from quaich.master.estate import State
from quaich.master.side import BaseSide
from quaich.master.vocabulary import Action, EndTrial, Tried, Try
from quaich.sys import process
from quaich.values import replace

RESUME = "QUAICH_RESUME"
"""The environment variable that names the descriptor of the state."""

TRY = "QUAICH_RESUME_TRY"
"""Set where the state is only to be read."""

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def installed() -> tuple[int, ...]:
    """What changes when another version is installed where this one was read from."""
    try:
        info = os.stat(os.path.join(_PACKAGE, "__init__.py"))
    except OSError:
        return ()
    return info.st_ino, info.st_mtime_ns, info.st_size


def _argv() -> list[str]:
    # The interpreter by its whole path: a virtual environment is found by it.
    return [sys.executable, *sys.orig_argv[1:]]


def write(state: Any) -> int:
    """A descriptor of a file in memory that holds the state."""
    file = os.memfd_create("quaich-state", os.MFD_CLOEXEC)
    try:
        os.write(file, json.dumps({"quaich": __version__, "state": state}).encode())
    except BaseException:
        os.close(file)
        raise
    return file


def read(file: int) -> Any:
    """What ``write`` was given; ValueError when it is nothing of the kind."""
    data = json.loads(os.pread(file, os.fstat(file).st_size, 0))
    return data["state"]


def begin(state: Any) -> tuple[int, int]:
    """Begin to try, in a child, whether the installed version can go on from a state.

    The child's pid, and where its last words can be read.  Raises OSError where there is no child.
    """
    file = write(state)
    try:
        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return _fork(file, writer), reader
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
    finally:
        os.close(file)


def _fork(file: int, output: int) -> int:
    master = os.getpid()
    # A signal for the child must not run our handlers in it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
        if pid == 0:
            _try(file, output, master)
        return pid
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _try(file: int, output: int, master: int) -> NoReturn:
    try:
        signal.set_wakeup_fd(-1)
        process.reset_handlers()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        # What it writes fits into the pipe, or is not worth waiting for.
        for fd in (1, 2):
            os.dup2(output, fd)
        os.set_inheritable(file, True)
        if process.die_with_parent(master):
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            environ = {**os.environ, RESUME: str(file), TRY: "1"}
            os.execve(sys.executable, _argv(), environ)
    except OSError as error:
        os.write(2, f"{sys.executable}: {(error.strerror or str(error)).lower()}".encode())
    finally:
        os._exit(127)


def outcome(how: str, output: int) -> str:
    """Why the installed version cannot go on, by the end of the child; empty when it can."""
    if how == "exit=0":
        return ""
    try:
        lines = os.read(output, 65536).decode("utf-8", "replace").strip().splitlines()
    except OSError:
        lines = []
    return lines[-1] if lines else f"the installed version ends with {how}"


class Trials(BaseSide):
    """Performs the trials: one child at a time, and whoever was killed and has not ended yet.

    ``state`` gives what there is to go on from.
    """

    def __init__(self, state: Callable[[], State]) -> None:
        self._state = state
        # What this master is, or could not become.
        self._known = self._tried = installed()
        self._trial = 0
        self._pid = 0
        self._output = -1
        self._killed: set[int] = set()

    @property
    def outdated(self) -> bool:
        """Whether another version is installed that is worth a trial."""
        return installed() not in ((), self._known)

    def heed(self, action: Action, now: float) -> bool:
        """Begin a trial, or end it."""
        match action:
            case Try(number):
                self._begin(number)
            case EndTrial():
                self._known = self._tried
                self.close()
        return False

    def died(self, pid: int, how: str) -> bool:
        """The trial is over, unless another version was installed during it."""
        if pid in self._killed:
            self._killed.remove(pid)
            return True
        if not self._pid or pid != self._pid:
            return False
        reason = outcome(how, self._output)
        self._pid = 0
        self.close()
        if installed() != self._tried:
            self._begin(self._trial)
        else:
            self.house.tell(Tried(self._trial, reason))
        return True

    def close(self) -> None:
        """Nobody waits for a trial any more."""
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            self._killed.add(self._pid)
            self._pid = 0
        if self._output >= 0:
            os.close(self._output)
            self._output = -1

    def _begin(self, number: int) -> None:
        self._trial, self._tried = number, installed()
        try:
            self._pid, self._output = begin(self._state().to_data())
        except OSError as error:
            self.house.tell(Tried(number, (error.strerror or str(error)).lower()))


def become(state: State, signals: Callable[[], list[str]], log: Log) -> tuple[str, list[str]]:
    """Become the installed version.  It returns where that cannot be: why, and which signals came.

    ``signals`` takes those that came and were not looked at yet.
    """
    log.info(f"pid={os.getpid()} is executed anew")
    # From here on a signal waits for the one that will be here; those that came are told.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    missed: list[str] = []
    try:
        missed = signals()
        execute(replace(state, signals=missed).to_data(), state.descriptors)
    except OSError as error:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return (error.strerror or str(error)).lower(), missed


def execute(state: Any, descriptors: Iterable[int]) -> NoReturn:
    """Become the installed version, with every signal blocked; OSError where that cannot be."""
    file = write(state)
    try:
        for fd in (file, *descriptors):
            os.set_inheritable(fd, True)
        sys.stdout.flush()
        sys.stderr.flush()
        os.execve(sys.executable, _argv(), {**os.environ, RESUME: str(file)})
    except BaseException:
        # Whoever is started next must not hold what is the master's alone: its lifeline above all.
        os.close(file)
        for fd in descriptors:
            os.set_inheritable(fd, False)
        raise
