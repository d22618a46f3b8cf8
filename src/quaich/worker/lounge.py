"""The lounge: where a worker that leaves puts its idle clients, for the workers that stay.

A client with keep-alive may ask its next question at any moment, also in the one in which a server
closes on it.  So a worker that leaves closes no connection that is between two requests: it sends
the descriptor, and what has arrived of a next head, to whoever reads first.  The lounge is one
socket pair that the master makes for the server's life and every worker inherits; what nobody has
read yet stays in the kernel, also while there is no worker at all.

One guest is one packet: a line of JSON, then the octets that were read already; the descriptor goes
beside it.  Who sends runs application code and may be of another version, so what is not understood
is closed, never guessed at.  Nothing here waits.
"""

import array
import errno
import json
import os
import socket
from collections.abc import Callable

from quaich.values import dataclass

ROOM = 32768
"""The most octets of a head that travel; who has sent more stays where it is."""

_VERSION = 1
_LINE = 4096
_FULL = (errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM, errno.ETOOMANYREFS, errno.EINTR)


@dataclass(frozen=True)
class Guest:
    """A connection between two requests.

    ``door`` and ``protocol`` name the listener it came by; ``http`` says what it speaks; ``served``
    is how many requests were answered, ``left`` the seconds it has for the next; ``buffer`` is what
    was read of that.
    """

    door: str
    protocol: str
    address: str
    port: int
    http: bool
    served: int
    left: float
    buffer: bytes


def encode(guest: Guest) -> bytes:
    """The packet for a guest."""
    line = json.dumps(
        [
            *(_VERSION, guest.door, guest.protocol, guest.address, guest.port),
            *(guest.http, guest.served, guest.left),
        ]
    )
    return line.encode("ascii") + b"\n" + guest.buffer


def decode(packet: bytes) -> Guest:
    """The guest in a packet; raises ValueError when there is none."""
    line, end, buffer = packet.partition(b"\n")
    try:
        version, door, protocol, address, port, http, served, left = json.loads(line)
    except (ValueError, TypeError, RecursionError):
        raise ValueError("it is no guest") from None
    if not end or version != _VERSION:
        raise ValueError(f"it is a guest of version {str(version)[:20]}, not {_VERSION}")
    kinds = [type(each) for each in (door, protocol, address, port, http, served, left)]
    if kinds != [str, str, str, int, bool, int, float]:
        raise ValueError("a field of it is of another type")
    if not 0 <= port < 65536 or not 0 <= served < 1 << 31 or not 0.0 <= left < 1e9:
        raise ValueError("a number of it is out of bounds")
    if len(buffer) > ROOM:
        raise ValueError(f"it brings {len(buffer)} octets, more than {ROOM}")
    return Guest(door, protocol, address, port, http, served, left, buffer)


def open_pair() -> tuple[int, int]:
    """A new lounge: the descriptors to read guests from, and to send them to."""
    reader, writer = socket.socketpair(
        socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
    )
    # Room for many at once; the kernel grants what its limit allows.
    writer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    return reader.detach(), writer.detach()


class Lounge:
    """A worker's place at the lounge; ``heirs`` tells whether anybody will read it."""

    def __init__(self, reader: int, writer: int, heirs: Callable[[], bool]) -> None:
        self.fd = reader
        self.heirs = heirs
        self._reader = socket.socket(fileno=reader)
        self._writer = socket.socket(fileno=writer)

    def offer(self, guest: Guest, fd: int) -> bool:
        """Send a guest; False when there is no room now.  Raises OSError when there is no lounge.

        The descriptor stays the sender's to close.
        """
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))
        try:
            self._writer.sendmsg([encode(guest)], [rights], socket.MSG_NOSIGNAL)
        except OSError as error:
            if error.errno in _FULL:
                return False
            raise
        return True

    def take(self) -> tuple[Guest, int] | None:
        """A guest and its descriptor, None when nobody waits.

        Raises OSError when there is no descriptor left to take one with, and ValueError for a
        packet that is none; that one is gone.
        """
        # Without room for it the kernel would take the packet and throw the descriptor away.
        os.close(os.dup(self.fd))
        try:
            packet, ancillary, _, _ = self._reader.recvmsg(
                ROOM + _LINE, socket.CMSG_SPACE(array.array("i").itemsize), socket.MSG_CMSG_CLOEXEC
            )
        except (BlockingIOError, InterruptedError):
            return None
        fds = array.array("i")
        for level, kind, data in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
        try:
            if len(fds) != 1:
                raise ValueError(f"it brings {len(fds)} descriptors")
            guest = decode(packet)
            try:
                whole = socket.socket(fileno=fds[0])
            except OSError:
                raise ValueError("its descriptor is no socket") from None
            is_stream = whole.type == socket.SOCK_STREAM
            whole.setblocking(False)
            whole.detach()
            if not is_stream:
                raise ValueError("its descriptor is no stream")
        except ValueError:
            for fd in fds:
                os.close(fd)
            raise
        return guest, fds[0]

    def disown(self) -> None:
        """Forget the descriptors, which somebody else in this process goes on using."""
        self._reader.detach()
        self._writer.detach()

    def close(self) -> None:
        """Leave the lounge."""
        self._reader.close()
        self._writer.close()
