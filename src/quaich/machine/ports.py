"""Who listens on which TCP port, by ``/proc``, as far as this user may see."""

import os
from collections.abc import Iterable, Iterator

from quaich.values import dataclass

_LISTEN = "0A"


@dataclass(frozen=True)
class Listener:
    """A listening socket: ``is_local`` if only this machine reaches it, pid 0 if it is unknown."""

    port: int
    is_local: bool
    pid: int = 0
    command: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The program, for people."""
        return os.path.basename(self.command[0].split(":")[0]) if self.command else ""


def rows(text: str) -> Iterator[tuple[int, bool, str]]:
    """Port, whether only this machine reaches it, and inode, of a table's listening sockets."""
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 10 or fields[3] != _LISTEN:
            continue
        host, _, port = fields[1].rpartition(":")
        # The address is in the machine's order of octets, four at a time.
        is_local = host.endswith("7F") if len(host) == 8 else host == "0" * 24 + "01000000"
        if len(host) == 32 and host[:24] == "0000000000000000FFFF0000":
            is_local = host.endswith("7F")
        yield int(port, 16), is_local, fields[9]


def listeners(wanted: Iterable[int] | None = None) -> list[Listener]:
    """Every listening socket, or those on these ports."""
    ports = None if wanted is None else set(wanted)
    found: dict[str, tuple[int, bool]] = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as file:
                text = file.read()
        except OSError:
            continue
        for port, is_local, inode in rows(text):
            if ports is None or port in ports:
                found[inode] = (port, is_local)
    owners = _owners(set(found)) if found else {}
    return [
        Listener(port, is_local, *owners.get(inode, (0, ())))
        for inode, (port, is_local) in found.items()
    ]


def _owners(inodes: set[str]) -> dict[str, tuple[int, tuple[str, ...]]]:
    """The first process that holds each of these sockets."""
    names = {f"socket:[{inode}]": inode for inode in inodes}
    found: dict[str, tuple[int, tuple[str, ...]]] = {}
    for pid in sorted(map(int, filter(str.isdecimal, os.listdir("/proc")))):
        held = {names[link] for link in _links(pid) & names.keys()} - found.keys()
        if held:
            found |= dict.fromkeys(held, (pid, _command(pid)))
    return found


def _links(pid: int) -> set[str]:
    """What the descriptors of a process are; those that are closed meanwhile are left out."""
    links = set()
    try:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                links.add(os.readlink(f"/proc/{pid}/fd/{fd}"))
            except FileNotFoundError:
                continue
    except OSError:
        return set()
    return links


def _command(pid: int) -> tuple[str, ...]:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read(4096).decode("utf-8", "replace").split("\0")
    except OSError:
        return ()
    return tuple(filter(None, words))
