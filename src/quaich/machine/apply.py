"""Performs the steps of a setup, one after the other, each whole or not at all.

Directories and files are made beside symbolic links that somebody else may have placed, never
through them.  The first step that fails ends it; what was done before it stays, and the next run
goes on from there.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable

from quaich.errors import QuaichError
from quaich.machine.plan import DIRECTORY, FILE, Step

# Installing over a slow line.
_COMMAND_SECONDS = 1800.0
_SHOWN = 4000


class CommandFailed(QuaichError):
    """A command that a step consists of failed; ``detail`` is the end of what it said."""

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail


def apply(steps: tuple[Step, ...], tell: Callable[[str], None]) -> None:
    """Perform every step, telling of each; raises QuaichError with the step that failed."""
    for number, step in enumerate(steps, 1):
        tell(f"{number}/{len(steps)} {step.what}")
        try:
            _perform(step)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise QuaichError(f"setup: {step.what}: {reason}") from None


def _perform(step: Step) -> None:
    if step.kind == DIRECTORY:
        _directory(step.path, step.mode)
    elif step.kind == FILE:
        _file(step.path, step.text, step.mode)
    for command in step.commands:
        _run(command)


def _directory(path: str, mode: int) -> None:
    parent = os.path.dirname(path)
    if not os.path.isdir(parent):
        # A user's base directories belong to nobody else (XDG), those of the system exist.
        os.makedirs(parent, 0o700 if os.geteuid() else 0o755)
    try:
        os.mkdir(path, mode)
    except FileExistsError:
        pass
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fchmod(fd, mode)
    finally:
        os.close(fd)


def _file(path: str, text: str, mode: int) -> None:
    parent = os.path.dirname(path)
    os.makedirs(parent, 0o755, exist_ok=True)
    fd, name = tempfile.mkstemp(dir=parent, prefix=".quaich-")
    try:
        with open(fd, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(fd, mode)
            os.fsync(fd)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _run(command: tuple[str, ...]) -> None:
    # An ordinary PATH may lack where useradd is.
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
    program = shutil.which(command[0], path=path)
    if program is None:
        raise QuaichError(f"setup: {command[0]} is not installed")
    env = {**os.environ, "PATH": path, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            [program, *command[1:]],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        text = f"setup: {' '.join(command)}: not done in {_COMMAND_SECONDS:.0f} s"
        raise CommandFailed(text) from None
    if done.returncode != 0:
        output = done.stdout.decode("utf-8", "replace")[-_SHOWN:]
        text = f"setup: {' '.join(command)}: exit status {done.returncode}"
        raise CommandFailed(text, output)
