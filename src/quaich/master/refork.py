"""Zygotes that were asked for, and are not forked yet: the performing half of a refork.

A refork is a reload whose zygote is not executed but forked from the one that serves, so to the
plan it is a generation like any other.  The channel of the new zygote goes to the old one with the
request, and is read only when the kernel has confirmed who is at its other end.
"""

import socket
from collections.abc import Collection

from quaich.worker import messages


class Reforks:
    """What is under way, by generation."""

    def __init__(self) -> None:
        self._asked: dict[int, tuple[int, socket.socket]] = {}

    def ask(
        self, generation: int, count: int, zygote: int, channel: socket.socket, scoreboard: int
    ) -> None:
        """Ask a zygote for that of a generation, to answer ``count`` requests; raises OSError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            ours.setblocking(False)
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            packet = messages.encode(messages.Refork(generation, count))
            socket.send_fds(channel, [packet], [theirs.fileno(), scoreboard])
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._asked[generation] = (zygote, ours)

    def born(self, generation: int, parent: int) -> socket.socket | None:
        """Our end of the channel of a zygote that was forked; None where nobody wants it."""
        zygote, ours = self._asked.get(generation, (0, None))
        if ours is None or zygote != parent:
            return None
        del self._asked[generation]
        return ours

    def orphaned(self, ended: Collection[int]) -> list[int]:
        """The generations whose parent is among the processes that ended."""
        return [number for number, (zygote, _) in self._asked.items() if zygote in ended]

    def drop(self, generation: int) -> bool:
        """Nobody waits for it any more; whether anybody did."""
        _, ours = self._asked.pop(generation, (0, None))
        if ours is None:
            return False
        ours.close()
        return True
