"""One client connection: what has arrived, what is being answered, what waits to leave.

A connection belongs to the thread that took it out of the engine's table, and to nobody while it is
parked there; so nothing here is locked.
"""

from collections import deque
from collections.abc import Iterator
from contextvars import Context
from typing import Any, Protocol

from quaich.sys.io import Acceptor
from quaich.wire.chunked import ChunkedDecoder
from quaich.wire.http1 import Head
from quaich.wsgi.call import Exchange

HEAD = 0
"""A request head is due, or part of one is here."""
BODY = 1
"""A head is read; its body is being gathered."""
REPLY = 2
"""A reply is due: the application runs, or its octets wait for the kernel."""
LINGER = 3
"""Answered and half closed; what the client still sends is thrown away for a moment, since
closing on unread input would make the kernel throw away the answer too."""


class Door:
    """A listening socket as the worker sees it.

    ``protocol`` is ``http``, ``uwsgi`` or ``auto`` (the first octet decides); ``environ`` holds the
    variables that are the same for every request that comes in by it; ``size`` is what those
    variables count in a request log line.
    """

    def __init__(
        self, acceptor: Acceptor, name: str, protocol: str, environ: dict[str, Any], port: str
    ) -> None:
        self.acceptor = acceptor
        self.fd = acceptor.fd
        self.name = name
        self.protocol = protocol
        self.http = protocol != "uwsgi"
        self.auto = protocol == "auto"
        self.environ = environ
        server = str(environ.get("SERVER_NAME", ""))
        self.size = 16 + 44 + len(server) + len(port)


class Region:
    """Part of an open file that waits to be sent."""

    def __init__(self, fd: int, offset: int, count: int) -> None:
        self.fd = fd
        self.offset = offset
        self.count = count


class Writer(Protocol):
    """Who sends for a connection when its application calls ``write``."""

    def write_through(self, connection: "Connection", data: bytes) -> None:
        """Send or queue ``data``; waits while too much is queued; raises OSError."""


class Connection:
    """The state of one connection; see the states above.

    ``seen`` is how much of ``buffer`` was searched for the end of a head; ``served`` how many
    requests were answered; ``missing`` the octets of a body still to come; ``out`` what the kernel
    did not take yet, ``out_offset`` how much of its first item it took; ``iterator`` an
    application's reply that is not exhausted, ``context`` and ``home`` the context and the thread
    it began in; ``suspended`` that it waits with that iterator; ``gone`` that the client cannot be
    reached any more, ``broken`` that it was the application that broke off; ``unserved`` that there
    was no application for the request.
    """

    def __init__(self, fd: int, door: Door, address: str, port: int, writer: Writer) -> None:
        self.fd = fd
        self.writer = writer
        self.door = door
        self.address = address
        self.port = str(port)
        self.http = door.http
        self.trusted = address == "" or address.startswith("127.") or address == "::1"
        self.state = HEAD
        self.buffer = b""
        self.seen = 0
        self.served = 0
        self.deadline = 0.0
        self.watched = False
        self.writing = False
        self.gone = False
        self.suspended = False
        self.head: Head | None = None
        self.environ: dict[str, Any] | None = None
        self.decoder: ChunkedDecoder | None = None
        self.missing = 0
        self.body: list[bytes] | None = None
        self.body_size = 0
        self.body_began = 0.0
        self.spool: Any = None
        self.out: deque[bytes | Region] | None = None
        self.out_offset = 0
        self.out_size = 0
        self.exchange: Exchange | None = None
        self.result: Any = None
        self.iterator: Iterator[bytes] | None = None
        self.context: Context | None = None
        self.home = -1
        self.began = 0
        self.app_ended = 0
        self.record: tuple[Any, ...] | None = None
        self.how = ""
        self.unserved = False
        self.broken = False

    def write_through(self, data: bytes) -> None:
        """The sink of this connection's exchange."""
        self.writer.write_through(self, data)
