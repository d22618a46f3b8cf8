"""The sockets to zygotes and their workers: what they say becomes events of the plan.

A channel belongs to one zygote and is shared by the workers that were forked from it; it outlives
the zygote, and is read until the last of them has ended.  The kernel says who speaks, and who
speaks for another is not heard.
"""

import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from quaich.master import vocabulary as facts
from quaich.master.side import House
from quaich.worker import messages

_CREDENTIALS = struct.Struct("=3i")
# Packets read from one channel at a time: a worker that floods it does not hold up the others.
_BATCH = 64


@dataclass(frozen=True)
class Channel:
    """The master's end of the socket to a zygote."""

    generation: int
    zygote: int
    socket: socket.socket


class Channels:
    """All of them; a generation sends by the newest of its own."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._all: list[Channel] = []

    def __iter__(self) -> Iterator[Channel]:
        return iter(self._all)

    def add(self, channel: Channel) -> None:
        """Read from a channel from now on."""
        self._all.append(channel)
        self._house.watch(channel.socket.fileno(), partial(self._read, channel))

    def send(self, generation: int, message: messages.Message) -> None:
        """Tell the zygote of a generation; OSError where it does not listen."""
        for channel in reversed(self._all):
            if channel.generation == generation:
                channel.socket.send(messages.encode(message), socket.MSG_NOSIGNAL)
                return

    def read_all(self) -> None:
        """Hear what everybody has said by now."""
        for channel in list(self._all):
            self._read(channel)

    def forget(self, generation: int) -> None:
        """Nobody of a generation is left."""
        for channel in [each for each in self._all if each.generation == generation]:
            self._close(channel)

    def _close(self, channel: Channel) -> None:
        self._all.remove(channel)
        self._house.unwatch(channel.socket.fileno())
        channel.socket.close()

    def _read(self, channel: Channel) -> None:
        space = socket.CMSG_SPACE(_CREDENTIALS.size)
        for _ in range(_BATCH):
            try:
                packet, ancillary, _, _ = channel.socket.recvmsg(messages.LIMIT, space)
            except BlockingIOError:
                return
            except OSError:
                packet, ancillary = b"", []
            if not packet and not ancillary:
                self._close(channel)
                return
            for level, kind, data in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
                    sender, _, _ = _CREDENTIALS.unpack(data)
                    self._hear(channel, packet, sender)

    def _hear(self, channel: Channel, packet: bytes, sender: int) -> None:
        try:
            message = messages.decode(packet)
        except ValueError as error:
            self._house.log.warning(f"pid={sender} sent what is {error}")
            return
        tell = self._house.tell
        number = channel.generation
        match message:
            case messages.Ready(slot):
                tell(facts.Ready(number, slot, sender))
            case _ if sender != channel.zygote:
                self._house.log.warning(f"pid={sender} spoke for a zygote; ignored")
            case messages.Loaded():
                tell(facts.Loaded(number, sender))
            case messages.LoadFailed(reason, status):
                tell(facts.LoadFailed(number, sender, reason, status))
            case messages.Forked(slot, pid) if _is_child(pid):
                tell(facts.Forked(number, slot, pid))
            case messages.Forked(slot, _):
                tell(facts.ForkFailed(number, slot, "it ended at once"))
            case messages.ForkFailed(slot, reason):
                tell(facts.ForkFailed(number, slot, reason))
            case messages.Fork():
                pass  # ours to say; nobody obeys it here


def _is_child(pid: int) -> bool:
    """Whether a process is a child of ours that was not waited for yet."""
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except OSError:
        return False
    return True
