"""What a worker prints, kept line by line: its stdout and stderr become a pipe of its own, which
the courier reads.

The reading end stays open here too: while there is no courier, what is printed waits in the pipe.
"""

import os
from collections.abc import Callable

from quaich.log.server import Log


def capture(log: Log) -> Callable[[], None]:
    """Do so; what to call when there is another courier."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    os.dup2(writer, 1)
    os.dup2(writer, 2)
    os.close(writer)

    def lend() -> None:
        log.lend(reader)

    lend()
    return lend
