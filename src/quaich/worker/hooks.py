"""Hooks performed: what the options ``hook-PHASE``, ``exec-PHASE`` and ``wait-for-*`` ask for.

Thin: what the texts mean is decided by ``config/hooks.py``.  Everything happens in the calling
process, so that an environment variable or a directory that is set stays set, except commands,
which ``/bin/sh`` runs and which are killed with the process that waits for them.  What fails is a
``HookError`` that names the option and the action.
"""

import errno
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import NoReturn

from quaich.config import hooks
from quaich.config.effective import Config
from quaich.errors import QuaichError
from quaich.log.server import Log
from quaich.sys import process
from quaich.sys.process import describe_end

BEFORE_BIND = ("asap", "pre-jail", "in-jail", "as-root")
AGAIN = ("asap", "in-jail", "as-root")
"""Those of ``BEFORE_BIND`` that a reload repeats."""

ACCEPTING = ("accepting", "accepting-once", "accepting1", "accepting1-once")
"""Those of a worker that accepts."""

_POLL = 0.05


class HookError(QuaichError):
    """A hook that failed where that is fatal."""


class Exit(QuaichError):
    """The action ``exit``: end with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"exit:{status} of a hook")
        self.status = status


def run(config: Config, phase: str, log: Log) -> None:
    """Do everything that the configuration asks for in a phase, in its order."""
    if phase == "as-root":
        _wait(config, log)
    field = phase.replace("-", "_")
    place = _prefix(config, f"hook-{phase}")
    for text in getattr(config, f"hook_{field}"):
        action = hooks.parse(text, phase)
        log.info(f"hook={phase} {action.shown}")
        try:
            perform(action, log)
        except OSError as error:
            shown = action.shown if action.hidden else text
            reason = (error.strerror or str(error)).lower()
            raise HookError(f"{place}hook-{phase} = {shown}: {reason}") from None
    place = _prefix(config, f"exec-{phase}")
    for command in getattr(config, f"exec_{field}", ()):
        log.info(f"exec={phase} {command}")
        try:
            shell(command)
        except OSError as error:
            raise HookError(f"{place}exec-{phase} = {command}: {error}") from None


def accepting(config: Config, slot: int, replaces: bool, log: Log) -> None:
    """The phases of a worker that accepts; ``replaces`` is whether its slot had one before."""
    for phase in ACCEPTING:
        if (slot == 1 or "1" not in phase) and not (replaces and phase.endswith("-once")):
            run(config, phase, log)


def wanted(config: Config, phase: str) -> bool:
    """Whether there is anything to do in a phase."""
    field = phase.replace("-", "_")
    return bool(getattr(config, f"hook_{field}") or getattr(config, f"exec_{field}", ()))


def _prefix(config: Config, option: str) -> str:
    place = config.place_of(option)
    return f"{place}: " if place else ""


def perform(action: hooks.Action, log: Log) -> None:
    """Do one action; OSError when it fails."""
    _PERFORMERS[action.name](action.words, log)


def shell(command: str) -> None:
    """Run a command and wait for it; OSError when it fails."""
    # Not the subprocess module: a zygote would keep its memory for as long as it lives.
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _execute(command, parent)
    try:
        _, status = os.waitpid(pid, 0)
    except ChildProcessError:
        return  # the application ignores SIGCHLD: how it ended is not to be known
    if status:
        raise OSError(f"the command ended with {describe_end(status)}")


def _execute(command: str, parent: int) -> NoReturn:
    try:
        signal.set_wakeup_fd(-1)
        process.reset_signals()
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        if process.die_with_parent(parent):
            os.execv("/bin/sh", ["/bin/sh", "-c", command])
    finally:
        os._exit(127)


# The actions.


def _safeexec(words: tuple[str, ...], log: Log) -> None:
    try:
        shell(words[0])
    except OSError as error:
        log.warning(f"safeexec:{words[0]}: {error}; that is not fatal")


def _print(words: tuple[str, ...], log: Log) -> None:
    sys.stdout.write(f"{words[0]}\n")
    sys.stdout.flush()


def _create(words: tuple[str, ...], log: Log) -> None:
    os.close(os.open(words[0], os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666))


def _writer(flags: int, end: str = "") -> Callable[[tuple[str, ...], Log], None]:
    def write(words: tuple[str, ...], log: Log) -> None:
        fd = os.open(words[0], os.O_WRONLY | os.O_CLOEXEC | flags, 0o666)
        try:
            os.write(fd, f"{words[1]}{end}".encode("utf-8", "surrogateescape"))
        finally:
            os.close(fd)

    return write


def _write_fifo(words: tuple[str, ...], log: Log) -> None:
    """Write to a FIFO; that nobody reads it, as an instance that is gone does, is no failure."""
    try:
        _writer(os.O_NONBLOCK)(words, log)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        log.warning(f"writefifo:{words[0]}: nobody reads it; that is not fatal")


def _spin(words: tuple[str, ...], log: Log) -> None:
    """Write to a FIFO as soon as there is a reader."""
    while True:
        try:
            _writer(os.O_NONBLOCK)(words, log)
            return
        except OSError:
            time.sleep(_POLL)


def _chown(words: tuple[str, ...], log: Log) -> None:
    # It loads every compression there is, which no server needs.
    import shutil

    user, group = (int(each) if each.isdecimal() else each for each in words[1:])
    try:
        shutil.chown(words[0], user, group)
    except LookupError as error:
        raise OSError(str(error)) from None


def _sticky(words: tuple[str, ...], log: Log) -> None:
    os.chmod(words[0], os.stat(words[0]).st_mode & 0o7777 | 0o1000)


def _putenv(words: tuple[str, ...], log: Log) -> None:
    name, equals, value = words[0].partition("=")
    if equals:
        os.environ[name] = value
    else:
        os.environ.pop(name, None)


def _die(words: tuple[str, ...], log: Log) -> None:
    raise HookError(f"die:{words[0]}")


def _exit(words: tuple[str, ...], log: Log) -> None:
    raise Exit(int(words[0]))


def _await(words: tuple[str, ...], log: Log, what: str, there: Callable[[str], bool]) -> None:
    path, seconds = words
    if there(path):
        return
    log.info(f"waiting for={path} seconds={seconds}")
    deadline = time.monotonic() + int(seconds)
    while not there(path):
        if time.monotonic() >= deadline:
            raise OSError(f"{what} {path} is not there after {seconds} s")
        time.sleep(_POLL)


def _waiter(what: str, there: Callable[[str], bool]) -> Callable[[tuple[str, ...], Log], None]:
    def wait(words: tuple[str, ...], log: Log) -> None:
        _await(words, log, what, there)

    return wait


def _connects(address: str) -> bool:
    host, colon, port = address.rpartition(":")
    tcp = bool(colon) and port.isdecimal() and "/" not in address
    with socket.socket(socket.AF_INET if tcp else socket.AF_UNIX, socket.SOCK_STREAM) as trial:
        trial.settimeout(1.0)
        try:
            trial.connect((host or "127.0.0.1", int(port)) if tcp else address)
        except OSError:
            return False
    return True


def _has_interface(name: str) -> bool:
    try:
        socket.if_nametoindex(name)
    except OSError:
        return False
    return True


_PERFORMERS: dict[str, Callable[[tuple[str, ...], Log], None]] = {
    "exec": lambda words, log: shell(words[0]),
    "safeexec": _safeexec,
    "print": _print,
    "log": lambda words, log: log.info(words[0]),
    "hostname": lambda words, log: socket.sethostname(words[0]),
    "die": _die,
    "exit": _exit,
    "unlink": lambda words, log: os.unlink(words[0]),
    "create": _create,
    "mkdir": lambda words, log: os.mkdir(words[0]),
    "chdir": lambda words, log: os.chdir(words[0]),
    "sticky": _sticky,
    "write": _writer(os.O_CREAT | os.O_TRUNC),
    "writen": _writer(os.O_CREAT | os.O_TRUNC, "\n"),
    "append": _writer(os.O_CREAT | os.O_APPEND),
    "appendn": _writer(os.O_CREAT | os.O_APPEND, "\n"),
    "writefifo": _write_fifo,
    "spinningfifo": _spin,
    "chmod": lambda words, log: os.chmod(words[0], int(words[1], 8)),
    "chown": _chown,
    "chown2": _chown,
    "putenv": _putenv,
    "wait_for_fs": _waiter("the path", os.path.exists),
    "wait_for_file": _waiter("the file", os.path.isfile),
    "wait_for_dir": _waiter("the directory", os.path.isdir),
    "wait_for_socket": _waiter("the socket", _connects),
    # It is the plan that gives the signal its meaning.
    "unix_signal": lambda words, log: None,
}


def _wait(config: Config, log: Log) -> None:
    """Everything that ``wait-for-*`` asks for; all is polled, one after the other."""
    for option, seconds, what, there in (
        ("interface", config.wait_for_interface_timeout, "the interface", _has_interface),
        ("fs", config.wait_for_fs_timeout, "the path", os.path.exists),
        ("file", config.wait_for_fs_timeout, "the file", os.path.isfile),
        ("dir", config.wait_for_fs_timeout, "the directory", os.path.isdir),
        ("mountpoint", config.wait_for_fs_timeout, "the mount point", os.path.ismount),
        ("socket", config.wait_for_socket_timeout, "the socket", _connects),
    ):
        for each in getattr(config, f"wait_for_{option}"):
            try:
                _await((each, str(seconds)), log, what, there)
            except OSError as error:
                place = _prefix(config, f"wait-for-{option}")
                raise HookError(f"{place}wait-for-{option} = {each}: {error}") from None
