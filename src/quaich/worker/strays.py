"""Processes that the application forks, which may live as long as they like: what they let go of.

A listening socket that one of them held would outlive the server: clients would wait in a queue
that nobody accepts from, and the next start would find the address in use.  The worker lets go of
more (``Gate.forsake``), as clients of its own are at stake.

What is let go of keeps its number, so that nobody closes another's descriptor by it.  Programs that
the application starts are no concern: nothing of the server's is inherited through an exec.
"""

import os
from collections.abc import Collection

from quaich.sys import family
from quaich.sys.process import let_go


def watch(fds: Collection[int]) -> None:
    """From here on whoever is forked, but for our own processes, lets go of these."""

    def forsake() -> None:
        if not family.forking:
            let_go_of(fds)

    os.register_at_fork(after_in_child=forsake)


def let_go_of(fds: Collection[int]) -> None:
    """Hold none of them; where there is no descriptor to do it with, they are closed at an exit."""
    try:
        for fd in fds:
            let_go(fd)
    except OSError:
        pass
