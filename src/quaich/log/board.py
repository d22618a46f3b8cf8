"""How every process gets the log file that the master has opened anew.

A worker may not open the file itself, having given up its privileges.  So the master posts the
descriptor where all of them can take it: as the one message in the queue of a socket whose other
end they inherit.  Taking does not consume it (MSG_PEEK), so that any number of processes take the
same, each whenever it is told to look.
"""

import os
import socket
import struct

_INT = struct.Struct("=i")
_FLAGS = socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC


class Board:
    """The master's end; ``fd`` is what the others inherit, ``descriptors`` are both.

    A master that is executed anew goes on with the same two.
    """

    def __init__(self, descriptors: tuple[int, int] | None = None) -> None:
        if descriptors is None:
            self._pin, self._notice = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        else:
            self._pin, self._notice = (socket.socket(fileno=each) for each in descriptors)
        self.fd = self._notice.fileno()
        self.descriptors = (self._pin.fileno(), self._notice.fileno())

    def post(self, fd: int) -> None:
        """Put a descriptor up in place of the one before it; OSError when that cannot be."""
        while True:
            try:
                old = _receive(self._notice, 0)
            except BlockingIOError:
                break
            for each in old:
                os.close(each)
        socket.send_fds(self._pin, [b"!"], [fd], socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)

    def close(self) -> None:
        """Take it down."""
        self._pin.close()
        self._notice.close()


def _receive(sock: socket.socket, flags: int) -> list[int]:
    # socket.recv_fds does not hand on its flags in every version of Python.
    _, ancillary, _, _ = sock.recvmsg(1, socket.CMSG_SPACE(_INT.size), flags | _FLAGS)
    return [
        _INT.unpack(data)[0]
        for level, kind, data in ancillary
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS) and len(data) == _INT.size
    ]


def take(fd: int) -> None:
    """In any process that inherited ``fd``: write to the posted file from here on.

    Where nothing is posted, or no descriptor is free, everything stays as it is.
    """
    try:
        with socket.socket(fileno=os.dup(fd)) as notice:
            fds = _receive(notice, socket.MSG_PEEK)
    except OSError:
        return
    for each in fds:
        os.dup2(each, 1)
        os.dup2(each, 2)
        os.close(each)
