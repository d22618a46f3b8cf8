"""Where request bodies go that are more than each client may have in memory.

A worker has room for two of them in memory; what finds none there, or has no known length, is
written to a file without a name.  A file costs three times as much: the kernel has to find pages
for it, and takes them back at its end.  So the rooms of a worker are never given back; but between
two bodies the kernel may take what is in them when it needs memory.
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
            memory = self._spare.pop() if self._spare else mmap.mmap(-1, LARGE, _PRIVATE)
            return io.BufferedRandom(Room(self, memory, length), 1 << 16)
        # No server needs it before the first large upload.
        import tempfile

        return tempfile.TemporaryFile(prefix="quaich-body-")

    def give_back(self, memory: mmap.mmap) -> None:
        """A body is not needed any more."""
        if _FREE is not None:
            memory.madvise(_FREE)
        self._spare.append(memory)
        self.taken -= 1


class Room(io.RawIOBase):
    """A body in memory, as a file of at most its ``length``: what is behind that is another's."""

    def __init__(self, spools: Spools, memory: mmap.mmap, length: int) -> None:
        self._spools = spools
        self._memory = memory
        self._view = memoryview(memory)[:length]
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def writable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """As of any file."""
        size = max(0, min(len(buffer), len(self._view) - self._at))
        buffer[:size] = self._view[self._at : self._at + size]
        self._at += size
        return size

    def write(self, data: Any) -> int:
        """The same; OSError at the end of the room."""
        size = min(len(data), len(self._view) - self._at)
        if size < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._view[self._at : self._at + size] = data
        self._at += size
        return size

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """The same."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: len(self._view)}[whence]
        if start + offset < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._at = start + offset
        return self._at

    def close(self) -> None:
        """Give the room back; whoever still has the file reads nothing of the next body."""
        if not self.closed:
            super().close()
            self._view.release()
            self._spools.give_back(self._memory)
