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

# What applications read at a time; as much goes from a room to them without another copy.
_BLOCK = 1 << 16
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


def from_start(spool: Any) -> Any:
    """The whole body in a spool as an application's ``wsgi.input``; OSError as the disk has it."""
    spool.seek(0)
    return io.BufferedReader(spool, _BLOCK) if type(spool) is Room else spool


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

    def readall(self) -> bytes:
        """The same."""
        data = bytes(self._view[self._at :])
        self._at = len(self._view)
        return data

    def fill(self, fd: int, most: int) -> int:
        """Receive up to so many octets into it; 0 at the end of the stream, -1 when none is here
        yet; OSError."""
        try:
            got = os.readv(fd, (self._view[self._at : self._at + most],))
        except (BlockingIOError, InterruptedError):
            return -1
        self._at += got
        return got

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
