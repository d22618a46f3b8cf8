"""Going over to a log file that the master has opened anew: zygotes and workers, told by a signal.

SIGURG, which the kernel ignores by default: whoever is told before it can listen comes to no harm,
and looks once when it can.
"""

import signal
from collections.abc import Callable

from quaich.log import board

SIGNAL = signal.SIGURG


def listen(*actions: Callable[[], None]) -> Callable[[], None]:
    """Do all of that whenever the signal comes."""

    def act() -> None:
        for each in actions:
            each()

    signal.signal(SIGNAL, lambda number, frame: act())
    return act


def follow(fd: int) -> Callable[[], None]:
    """Take what is posted at ``fd`` now and whenever the signal comes; the taking."""

    def take() -> None:
        board.take(fd)

    signal.signal(SIGNAL, lambda number, frame: take())
    take()
    return take
