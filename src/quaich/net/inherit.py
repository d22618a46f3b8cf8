"""Listening sockets that a parent opened: ``fd://N``, and systemd's and Upstart's activation.

systemd names the process they are meant for (LISTEN_PID), how many there are, from descriptor 3
(LISTEN_FDS), and what each is called (LISTEN_FDNAMES); Upstart's socket bridge numbers the one it
passes (UPSTART_FDS).  A descriptor that is not a listening stream socket is refused.
"""

import os
import socket
from collections.abc import Iterable, MutableMapping

from quaich.errors import BindError
from quaich.net.address import Address, Kind, tcp_name

FIRST = 3


def take(environ: MutableMapping[str, str], pid: int) -> dict[int, str]:
    """The descriptors that were passed to this process, each with its name or nothing.

    The variables are removed, so that no child takes them for its own.
    """
    meant_for = environ.pop("LISTEN_PID", "")
    count = environ.pop("LISTEN_FDS", "")
    names = environ.pop("LISTEN_FDNAMES", "").split(":")
    upstart = environ.pop("UPSTART_FDS", "")
    if meant_for == str(pid) and count.isdecimal():
        numbers: Iterable[int] = range(FIRST, FIRST + int(count))
        written = f"LISTEN_FDS = {count}"
    elif "socket" in environ.get("UPSTART_EVENTS", "").split():
        numbers = [int(word) for word in upstart.split() if word.isdecimal()]
        written = f"UPSTART_FDS = {upstart}"
        names = []
    else:
        return {}
    found = {}
    for index, fd in enumerate(numbers):
        try:
            os.set_inheritable(fd, False)
        except (OSError, OverflowError):
            raise BindError(f"{written}: descriptor {fd} is not open") from None
        found[fd] = names[index] if index < len(names) else ""
    return found


def adopt(fd: int, named: str) -> socket.socket:
    """The listening socket behind a descriptor; ``named`` is how the error calls it."""
    try:
        # A duplicate outside 0-2 leaves the standard descriptors free to be what they are.
        sock = socket.socket(fileno=os.dup(fd))
    except OSError as error:
        raise BindError(f"{named}: descriptor {fd} is not a socket ({error.strerror})") from None
    try:
        if sock.type != socket.SOCK_STREAM:
            raise BindError(f"{named}: descriptor {fd} is not a stream socket")
        if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise BindError(f"{named}: descriptor {fd} is a socket that does not listen")
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def name_of(sock: socket.socket) -> str:
    """The address a socket is bound to, as ``net.address`` writes it."""
    bound = sock.getsockname()
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        return tcp_name(bound[0], bound[1])
    if isinstance(bound, bytes):
        return "@" + bound.strip(b"\0").decode("utf-8", "backslashreplace")
    return str(bound)


def is_bound_to(sock: socket.socket, address: Address, directory: str) -> bool:
    """Whether a socket has the address that was configured (in ``directory``)."""
    if address.kind is Kind.INHERITED:
        return False
    if address.kind is Kind.TCP:
        return name_of(sock) == address.name
    if sock.family != socket.AF_UNIX:
        return False
    if address.kind is Kind.ABSTRACT:
        return name_of(sock) == address.name
    return os.path.join(directory, str(sock.getsockname())) == os.path.join(directory, address.path)
