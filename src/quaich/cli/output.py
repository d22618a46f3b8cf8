"""Output to a reader who may leave early (``quaich --help | head``)."""

import os
import sys
from typing import TextIO


def show(text: str, stream: TextIO | None = None) -> int:
    """Write it, and return 0: that nobody reads on is no failure."""
    stream = stream or sys.stdout
    try:
        stream.write(text)
        stream.flush()
    except OSError:
        # Whatever is still buffered would raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return 0
