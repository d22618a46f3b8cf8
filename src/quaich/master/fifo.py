"""The master's FIFO: a file into which an operator, or a hook, writes letters.

Of several FIFOs one is listened to, and only that one exists by our doing: another server may be
behind the others.  A digit switches.  The file is made anew, for its owner alone, also where a FIFO
is there already, as uWSGI does; anything else in its place is refused.  One that vanishes is made
again; one that another server has taken over is left to it.
"""

import errno
import os
import stat
from collections.abc import Sequence
from typing import Any

from quaich.errors import QuaichError
from quaich.master.fleet import Phase
from quaich.master.letters import Ignored, Letter, Switch, read
from quaich.master.side import BaseSide, House
from quaich.master.vocabulary import Asked, Meaning
from quaich.net.listen import remove_file

INTERVAL = 2.0
"""Seconds between two looks whether the file is still there."""

_MODE = 0o600
_BURST = 4096


class Fifo(BaseSide):
    """The FIFOs of ``master-fifo``, by slot; ``paths`` are as seen from ``directory``."""

    name = "fifo"

    def __init__(
        self, paths: Sequence[str], *, directory: str = "", place: str = "", vacuum: bool = False
    ) -> None:
        self._paths = [os.path.abspath(os.path.join(directory, path)) for path in paths]
        self._shown = list(paths)
        self._place = place
        self._vacuum = vacuum
        self._slot = 0
        self._fd = -1
        self._inode = (0, 0)
        self._due = 0.0
        self._attached = False

    def open(self) -> None:
        """Make the first FIFO; raises QuaichError where that cannot be."""
        try:
            self._fd, self._inode = _make(self._paths[0])
        except OSError as error:
            raise QuaichError(self._error(0, error)) from None

    def leftovers(self) -> tuple[tuple[str, int, int], ...]:
        """The file to remove if the master is killed."""
        return ((self._paths[self._slot], *self._inode),)

    def carry(self) -> tuple[Any, list[int]]:
        """The slot that is listened to, and its open file."""
        if self._fd < 0:
            return None, []
        return [self._slot, self._fd, *self._inode], [self._fd]

    def resume(self, state: Any) -> None:
        """Go on listening."""
        if state is not None:
            self._slot, self._fd, *inode = state
            self._inode = (inode[0], inode[1])

    def attach(self, house: House) -> None:
        """Listen."""
        super().attach(house)
        self._attached = True
        if self._fd >= 0:
            house.watch(self._fd, self._read)

    def due(self) -> float | None:
        """The file may be taken away at any time."""
        return self._due if self._fd >= 0 else None

    def turn(self, now: float) -> None:
        """Make it again where it was taken away."""
        if now < self._due or self._fd < 0:
            return
        self._due = now + INTERVAL
        if os.path.lexists(self._paths[self._slot]):
            return
        if self._listen(self._slot):
            self.house.log.info(f"fifo={self._shown[self._slot]} was gone; made again")

    def close(self) -> None:
        """Stop listening; with vacuum, remove what is ours."""
        if self._fd < 0:
            return
        os.close(self._fd)
        self._fd = -1
        if self._vacuum or not self._attached:
            remove_file(self._paths[self._slot], self._inode)

    def _read(self) -> None:
        try:
            data = os.read(self._fd, _BURST)
        except OSError:
            return
        for word in read(data):
            place = f"fifo={self._shown[self._slot]}"
            match word:
                case Letter(letter, meaning):
                    self._ask(place, letter, meaning)
                case Switch(slot):
                    self._switch(place, slot)
                case Ignored(text):
                    self.house.log.warning(f"{place} {text}")

    def _ask(self, place: str, letter: str, meaning: Meaning) -> None:
        word = meaning.value.replace(" ", "-")
        if meaning is Meaning.DRAIN and self.house.plan.phase is Phase.DRAINING:
            self.house.log.info(f"{place} letter={letter} action={word}, which is under way")
            return
        self.house.log.info(f"{place} letter={letter} action={word}")
        self.house.tell(Asked(meaning))

    def _switch(self, place: str, slot: int) -> None:
        if slot >= len(self._paths):
            most = len(self._paths) - 1
            expected = f"expected 0 to {most}" if most else "there is one master-fifo, 0"
            self.house.log.warning(f"{place} letter={slot} ignored: {expected}")
        elif slot != self._slot:
            # The file of the slot that is left stays, as in uWSGI: its name is for another server.
            if self._listen(slot):
                self.house.log.info(f"fifo={self._shown[slot]} is listened to, slot={slot}")

    def _listen(self, slot: int) -> bool:
        try:
            fd, inode = _make(self._paths[slot])
        except OSError as error:
            self.house.log.error(self._error(slot, error))
            return False
        self.house.unwatch(self._fd)
        os.close(self._fd)
        self._fd, self._inode, self._slot = fd, inode, slot
        self.house.watch(fd, self._read)
        return True

    def _error(self, slot: int, error: OSError) -> str:
        place = f"{self._place}: " if self._place else ""
        reason = (error.strerror or str(error)).lower()
        if error.errno == errno.EEXIST:
            reason = "a file that is not a FIFO is there; remove it or choose another path"
        return f"{place}master-fifo = {self._shown[slot]}: {reason}"


def _make(path: str) -> tuple[int, tuple[int, int]]:
    """Make a FIFO, and open it so that it never ends: ourselves we are its last writer."""
    try:
        if stat.S_ISFIFO(os.lstat(path).st_mode):
            os.unlink(path)
    except FileNotFoundError:
        pass
    os.mkfifo(path, _MODE)
    fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    info = os.fstat(fd)
    if not stat.S_ISFIFO(info.st_mode) or info.st_uid != os.geteuid():
        os.close(fd)
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    return fd, (info.st_dev, info.st_ino)
