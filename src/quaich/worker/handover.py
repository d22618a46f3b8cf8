"""Connections to and from the lounge: a client of this worker as a guest, and a guest as a client.

Nothing here waits, and nothing here decides when: that is the engine's.
"""

import os
from collections.abc import Collection, Iterable

from quaich.log.server import Log
from quaich.worker.connection import Connection, Door, Writer
from quaich.worker.lounge import ROOM, Guest, Lounge


class Handover:
    """``doors`` are all doors of the server: a guest may have come by one that this worker does
    not accept at; ``writer`` sends for the connections."""

    def __init__(self, lounge: Lounge, doors: Iterable[Door], writer: Writer, log: Log) -> None:
        self.fd = lounge.fd
        self._lounge = lounge
        self._doors = {(door.name, door.protocol): door for door in doors}
        self._writer = writer
        self._log = log

    @property
    def doors(self) -> Collection[Door]:
        """All doors of the server."""
        return self._doors.values()

    def has_heirs(self) -> bool:
        """Whether anybody will read the lounge."""
        return self._lounge.heirs()

    def take(self, now: float) -> Connection | None:
        """A guest to go on with, None when nobody waits; OSError without a free descriptor."""
        while True:
            try:
                found = self._lounge.take()
            except ValueError as error:
                self._log.warning(f"the lounge held what is no connection ({error}); closed")
                continue
            if found is None:
                return None
            guest, fd = found
            door = self._doors.get((guest.door, guest.protocol))
            if door is None:
                # The door it came by is not one of this generation.
                os.close(fd)
                continue
            conn = Connection(fd, door, guest.address, guest.port, self._writer)
            conn.http = guest.http
            conn.served = guest.served
            conn.buffer = guest.buffer
            conn.deadline = now + guest.left
            return conn

    def fits(self, conn: Connection) -> bool:
        """Whether what has arrived of its next request can go with it."""
        if conn.filter is not None or conn.variables is not None:
            # No other process can go on with its encryption.
            return False
        if conn.fastcgi is not None and not conn.fastcgi.idle:
            return False
        return len(conn.buffer) <= ROOM

    def stays(self, conn: Connection) -> bool:
        """Whether it is between two requests, and no other can ever take it."""
        sealed = conn.filter is not None or conn.variables is not None
        return sealed and conn.served > 0 and not conn.buffer

    def offer(self, conn: Connection, now: float) -> bool:
        """Give a connection to others; it stays the caller's to close.  False if that cannot be."""
        guest = Guest(
            *(conn.door.name, conn.door.protocol, conn.address, int(conn.port)),
            http=conn.http,
            served=conn.served,
            left=max(0.0, conn.deadline - now),
            buffer=conn.buffer,
        )
        try:
            return self._lounge.offer(guest, conn.fd)
        except OSError as error:
            self._log.error(f"a connection cannot be handed over: {error.strerror}")
            return False

    def close(self) -> None:
        """Leave the lounge."""
        self._lounge.close()
