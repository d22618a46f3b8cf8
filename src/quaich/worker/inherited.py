"""What the application holds at the moment its workers are forked, and what becomes of it there.

A thread is not copied by a fork, while a connection or an event loop is one that all the workers
then share.  Both are mistakes that show late and far away, so they are named before they can.
``remarks`` decides from what ``look`` has seen; nothing is closed or stopped here.
"""

import os
import socket
import threading
from collections.abc import Collection, Sequence

from quaich.values import dataclass

_INSTEAD = "in each worker (post-fork = module:function), or use lazy-apps"
_EVENT_LOOP = "anon_inode:[eventpoll]"


@dataclass(frozen=True)
class Seen:
    """``threads`` are Python's, ``native`` the names of others; ``sockets`` and ``loops`` are what
    the descriptors besides the server's own are."""

    threads: tuple[str, ...] = ()
    native: tuple[str, ...] = ()
    sockets: tuple[str, ...] = ()
    loops: tuple[str, ...] = ()


def remarks(seen: Seen) -> Sequence[tuple[str, str]]:
    """The lines to log, as (level, text)."""
    found = []
    for name in seen.threads:
        found.append(
            ("warning", f"fork: the thread {name} is not in the workers; start it {_INSTEAD}")
        )
    if seen.native:
        names = ", ".join(sorted(set(seen.native)))
        found.append(
            (
                "info",
                f"fork: {len(seen.native)} threads of libraries are not in the workers: {names}",
            )
        )
    for name in seen.sockets:
        found.append(("warning", f"fork: the workers share {name}; open it {_INSTEAD}"))
    for name in seen.loops:
        found.append(("warning", f"fork: the workers share {name}; create it {_INSTEAD}"))
    return found


def descriptors() -> frozenset[tuple[int, str]]:
    """Every open descriptor of this process, with what it leads to; none where /proc is not."""
    found = []
    try:
        names = os.listdir("/proc/self/fd")
    except OSError:
        return frozenset()
    for name in names:
        try:
            found.append((int(name), os.readlink(f"/proc/self/fd/{name}")))
        except OSError:
            pass  # the one that listed them
    return frozenset(found)


def look(before: Collection[tuple[int, str]]) -> Seen:
    """What is held now that was not ``before``, when only the server's own was there."""
    here = threading.current_thread()
    threads = [each for each in threading.enumerate() if each is not here]
    # What Python knows of this one may be of the process it was forked from.
    known = {threading.get_native_id(), *(each.native_id for each in threads)}
    sockets = []
    loops = []
    for fd, target in sorted(descriptors()):
        if (fd, target) in before:
            continue
        if target.startswith("socket:"):
            sockets.append(f"{_describe(fd)} (fd {fd})")
        elif target == _EVENT_LOOP:
            loops.append(f"an event loop (fd {fd})")
    return Seen(
        tuple(each.name for each in threads),
        tuple(_name_of(task) for task in _tasks() if task not in known),
        tuple(sockets),
        tuple(loops),
    )


def _tasks() -> list[int]:
    try:
        return sorted(int(name) for name in os.listdir("/proc/self/task"))
    except OSError:
        return []


def _name_of(task: int) -> str:
    try:
        with open(f"/proc/self/task/{task}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return "one that has just ended"


def _describe(fd: int) -> str:
    with socket.socket(fileno=os.dup(fd)) as copy:
        if copy.family == socket.AF_UNIX and not copy.getsockname() and _peer(copy) == "":
            return "a pair of sockets"
        peer = _peer(copy)
        if peer:
            return f"the connection to {peer}"
        if copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return f"the listening socket {_address(copy.getsockname())}"
        return "a socket"


def _peer(connection: socket.socket) -> str | None:
    """Where it leads; empty where the other end has no name, None where there is no other end."""
    try:
        return _address(connection.getpeername())
    except OSError:
        return None


def _address(address: object) -> str:
    if isinstance(address, tuple) and len(address) >= 2:
        host, port = address[:2]
        return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"
    if isinstance(address, bytes):
        return "@" + address.lstrip(b"\0").decode("utf-8", "replace")
    return str(address)
