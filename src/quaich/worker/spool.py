"""Where request bodies go that are more than each client may have in memory.

A worker has room for two of them in memory; what finds none there, or has no known length, is
written to a file without a name.  A file costs three times as much: the kernel has to find pages
for it, and takes them back at its end.  So the rooms of a worker are never given back, and have
large pages where there are any; but between two bodies the kernel may take what is in them when it
needs memory.
"""

import errno
import io
import mmap
import os
from typing import Any

LARGE = 1 << 24
"""Octets of a room: who sends more can wait for a disk."""

ROOMS = 2
"""As many bodies come at a time that are no more than that, in most workers."""

_PRIVATE = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
_FREE = getattr(mmap, "MADV_FREE", None)
_HUGE = getattr(mmap, "MADV_HUGEPAGE", None)


class Spools:
    """Those of a worker; ``taken`` is how many of the rooms are."""

    def __init__(self) -> None:
        self.taken = 0
        self._spare: list[mmap.mmap] = []

    def open(self, length: int) -> Any:
        """A file for a body of this length, 0 for one that is not known; OSError where there can
        be none."""
        if 0 < length <= LARGE and self.taken < ROOMS:
            self.taken += 1
            memory = self._spare.pop() if self._spare else _made()
            return Room(self, memory, length)
        # No server needs it before the first large upload.
        import tempfile

        return tempfile.TemporaryFile(prefix="quaich-body-")

    def give_back(self, memory: mmap.mmap) -> None:
        """A body is not needed any more."""
        if _FREE is not None:
            memory.madvise(_FREE)
        self._spare.append(memory)
        self.taken -= 1


def _made() -> mmap.mmap:
    memory = mmap.mmap(-1, LARGE, _PRIVATE)
    if _HUGE is not None:
        try:
            memory.madvise(_HUGE)
        except OSError:
            pass  # a kernel without them
    return memory


class Room(io.RawIOBase):
    """A body in memory, as a file of at most its ``length``: what is behind that is another's.

    Octets can be received straight into ``memory``, from ``at`` on.  Reading is what a
    ``BufferedReader`` would do with more calls for each piece.
    """

    def __init__(self, spools: Spools, memory: mmap.mmap, length: int) -> None:
        self._spools = spools
        self.memory = memory
        self._length = length
        self.at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def writable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def write(self, data: Any) -> int:
        """As of any file; OSError at the end of the room."""
        end = self.at + len(data)
        if end > self._length:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.memory[self.at : end] = data
        self.at = end
        return len(data)

    def read(self, size: int | None = -1) -> bytes:
        """The same, and as many octets as are asked for, where there are."""
        start = self.at
        if size is None or size < 0 or size > self._length - start:
            size = max(0, self._length - start)
        if self.closed:
            raise ValueError("I/O operation on closed file")
        self.at = end = start + size
        return self.memory[start:end]

    def readall(self) -> bytes:
        """The same."""
        return self.read()

    def readinto(self, buffer: Any) -> int:
        """The same."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readline(self, size: int | None = -1) -> bytes:
        """The same."""
        end = self._length
        if size is not None and 0 <= size < end - self.at:
            end = self.at + size
        at, step = self.at, 512
        while at < end:
            # Looking for it in octets is many times as fast as in the memory itself.
            piece = self.memory[at : min(at + step, end)]
            found = piece.find(b"\n")
            if found >= 0:
                return self.read(at + found + 1 - self.at)
            at += len(piece)
            step = min(2 * step, 1 << 18)
        return self.read(max(0, end - self.at))

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """The same."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self.at, os.SEEK_END: self._length}[whence]
        if start + offset < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self.at = start + offset
        return self.at

    def close(self) -> None:
        """Give the room back; whoever still has the file reads nothing of the next body."""
        if not self.closed:
            super().close()
            self._spools.give_back(self.memory)
