"""``wsgi.file_wrapper``: a file the application hands over, for the kernel to send."""

import io
import os
import stat
from collections.abc import Iterator
from typing import Any


class FileWrapper:
    """PEP 3333's file wrapper: an iterable of blocks, and a note to the server that it may use
    sendfile(2) when ``region`` finds a real file behind it."""

    def __init__(self, filelike: Any, block_size: int = 32768) -> None:
        self.filelike = filelike
        self.block_size = block_size if block_size > 0 else 32768
        # At once, and with Python's own words: the mistake is in the caller's line.
        self.read = filelike.read
        if hasattr(filelike, "close"):
            self.close = filelike.close

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        data: bytes = self.read(self.block_size)
        if not data:
            raise StopIteration
        return data

    def region(self) -> tuple[int, int, int] | None:
        """Descriptor, offset and count of what is left of a regular file, or None.

        None also where the kernel gives no size (``/proc``), and for what only reads through a
        file, such as ``GzipFile``: its descriptor is that of other octets than it reads.  And for
        one in text mode, which is a mistake that reading it shows.
        """
        if hasattr(self.filelike, "encoding"):
            return None
        if isinstance(self.filelike, io.BufferedIOBase) and not isinstance(
            self.filelike, (io.BufferedReader, io.BufferedRandom)
        ):
            return None
        try:
            fd = self.filelike.fileno()
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode) or status.st_size == 0:
                return None
            offset = self.filelike.tell()
        except (AttributeError, OSError, ValueError, TypeError):
            return None
        if not isinstance(offset, int) or not isinstance(fd, int):
            return None
        return fd, offset, max(0, status.st_size - offset)
