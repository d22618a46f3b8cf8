"""Keeps the log file: opens it again, sets it aside, and hands the new one to every process.

What is due is decided by ``log.rotation``; names and sizes are looked at once a second, if anything
asks for it.  A file that cannot be renamed or opened is a line in the log, which goes on in the
file as it is, and is tried again later.
"""

import contextlib
import os
import stat
import time

from quaich.config.effective import Config
from quaich.errors import QuaichError
from quaich.log import rotation
from quaich.log.board import Board
from quaich.log.file import Target, redirect
from quaich.log.rotation import Step
from quaich.master.side import BaseSide
from quaich.master.touches import INTERVAL, Touches
from quaich.master.vocabulary import Action, Meaning, Perform, StartZygote
from quaich.sys.privileges import Identity, acting_as
from quaich.worker.logswitch import SIGNAL


class LogKeeper(BaseSide):
    """The side that keeps the log; ``owner`` is who the file is opened as."""

    def __init__(self, target: Target, owner: Identity, board: Board) -> None:
        self._target = target
        self._owner = owner
        self._board = board
        self._due = 0.0
        self._failures = 0
        self._reopen = False
        self._rotate = False
        self._touches = Touches()
        self._posted = False
        self._told: set[int] = set()

    def due(self) -> float | None:
        """The next look, where there is something to look at."""
        return self._due if self._reopen or self._rotate or self._looks(self._config()) else None

    def turn(self, now: float) -> None:
        """Look at the files, do what is due, and tell processes that were not told yet."""
        config = self._config()
        if now >= self._due and config is not None:
            self._due = now + INTERVAL
            reopen, rotate = self._touches.look(config, now)
            self._reopen |= reopen
            self._rotate |= rotate
            size = os.fstat(2).st_size
            step = rotation.step(
                size=size, most=config.log_maxsize, reopen=self._reopen, rotate=self._rotate
            )
            if step is not Step.NOTHING:
                self._do(step, config, now)
        if self._posted:
            self._tell()

    def heed(self, action: Action, now: float) -> bool:
        """A reload, or what was asked for by a letter or a command."""
        match action:
            case StartZygote(_, True):
                config = self._config()
                if config is not None and config.log_reopen:
                    self._do(Step.REOPEN, config, now)
            case Perform(Meaning.REOPEN | Meaning.ROTATE as meaning, ticket):
                config = self._config()
                step = Step.REOPEN if meaning is Meaning.REOPEN else Step.ROTATE
                trouble = self._do(step, config, now) if config else "the server stops"
                self.house.answer(ticket, not trouble, trouble or f"{meaning.value}: done")
                return True
        return False

    def close(self) -> None:
        """Nobody is told any more."""
        self._board.close()

    def _config(self) -> Config | None:
        return self.house.config(self.house.plan.current)

    def _looks(self, config: Config | None) -> bool:
        return config is not None and bool(
            config.log_maxsize or self._touches.due(config) is not None
        )

    def _do(self, step: Step, config: Config, now: float) -> str:
        """Do it; what went wrong, if anything."""
        self._reopen = self._rotate = False
        try:
            with acting_as(self._owner):
                text = self._switch(step, config)
        except (OSError, QuaichError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            trouble = f"log={self._target.name} cannot be {_DONE[step]}: {reason.lower()}"
            self.house.log.warning(trouble)
            self._reopen, self._rotate = step is Step.REOPEN, step is Step.ROTATE
            self._failures += 1
            self._due = now + rotation.pause(self._failures)
            return trouble
        self._failures = 0
        self._posted = True
        self._told.clear()
        self.house.log.info(text)
        self._tell()
        return ""

    def _switch(self, step: Step, config: Config) -> str:
        """Open the file, the old one set aside before; the fact for the log."""
        name = self._target.name
        text = f"log={name} reopened"
        # The file itself, where a link leads to it.
        path = os.path.realpath(name)
        aside = None
        if step is Step.ROTATE and _is_ours(path):
            aside = rotation.backup(path, config.log_backupname, int(time.time()), os.path.lexists)
            os.rename(path, aside)
            text = f"log={name} rotated to={aside}"
        try:
            fd = self._target.open()
            self._board.post(fd)
        except BaseException:
            if aside is not None:
                with contextlib.suppress(OSError):
                    os.rename(aside, path)
            raise
        redirect(fd)
        return text

    def _tell(self) -> None:
        """The zygotes and workers that do not know of the new file yet."""
        alive = {
            each.pid
            for generation in self.house.plan.generations.values()
            for each in generation.processes()
        }
        for pid in alive - self._told:
            # Not reaped yet, so the pid cannot be another's.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, SIGNAL)
        self._told = alive


_DONE = {Step.REOPEN: "reopened", Step.ROTATE: "rotated"}


def _is_ours(path: str) -> bool:
    """Whether a path names the regular file that is written to; otherwise it is set aside."""
    try:
        there, ours = os.lstat(path), os.fstat(2)
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(ours.st_mode):
        raise QuaichError("it is not a regular file")
    return os.path.samestat(there, ours)
