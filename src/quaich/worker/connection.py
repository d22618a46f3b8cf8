"""One client connection: what has arrived, what is being answered, what waits to leave.

A connection belongs to the thread that took it out of the engine's table, and to nobody while it is
parked there; so nothing here is locked.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextvars import Context
from typing import Any, Protocol

try:
    import cython
except ImportError:
    from quaich.sys import cy as cython

from quaich.log.request import Answered
from quaich.sys.io import Acceptor
from quaich.wire.chunked import ChunkedDecoder
from quaich.wire.fastcgi import Responder
from quaich.wire.http1 import Head
from quaich.wsgi.call import Exchange

if not cython.compiled:
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

    ``protocol`` is ``http``, ``uwsgi``, ``scgi``, ``fastcgi`` or ``auto`` (the first octet tells
    HTTP from uwsgi); ``environ`` holds the variables that are the same for every request that comes
    in by it; ``size`` is what those variables count in a request log line; ``head_limit`` is the
    most octets of variables in a FastCGI request; ``opening`` makes what reads a connection before
    its protocol does, None where nothing has to; ``old`` that a client spoke HTTP/1.0.
    """

    def __init__(
        self,
        acceptor: Acceptor,
        name: str,
        protocol: str,
        environ: dict[str, Any],
        port: str,
        head_limit: int = 65535,
    ) -> None:
        self.acceptor = acceptor
        self.fd = acceptor.fd
        self.name = name
        self.protocol = protocol
        self.http = protocol in ("http", "auto")
        self.auto = protocol == "auto"
        self.cgi = protocol in ("scgi", "fastcgi")
        self.fastcgi = protocol == "fastcgi"
        self.head_limit = head_limit
        self.opening: Callable[[Connection], Filter | None] | None = None
        self.environ = environ
        self.old = False
        server = str(environ.get("SERVER_NAME", ""))
        self.size = 16 + 44 + len(server) + len(port)


class Region:
    """Part of an open file that waits to be sent; ``framed`` that its record has begun."""

    def __init__(self, fd: int, offset: int, count: int) -> None:
        self.fd = fd
        self.offset = offset
        self.count = count
        self.framed = False


class Writer(Protocol):
    """Who sends for a connection when its application calls ``write``."""

    def is_home(self, connection: "Connection") -> bool:
        """Whether the caller is in the thread that answers on ``connection``."""

    def write_through(self, connection: "Connection", data: bytes) -> None:
        """Send or queue ``data``; waits while too much is queued; raises OSError."""


class Layer(Protocol):
    """What stands between a reply and the octets that leave, where that is not nothing."""

    def encode(self, data: bytes) -> bytes:
        """The octets to send for the next part of a reply."""

    def last(self, page: bytes) -> bytes:
        """The octets to send for the last that is said on the connection."""

    def farewell(self) -> bytes:
        """The octets by which the connection ends in good order."""


class Filter(Protocol):
    """What reads the octets of a connection before its protocol does; ``answer`` is to be sent."""

    answer: bytes

    def read(self, conn: "Connection", data: bytes) -> bytes | None:
        """What of ``data`` is for the protocol, None at its end; raises ProtocolError."""


class Connection:
    """The state of one connection; see the states above.

    ``seen`` is how much of ``buffer`` was searched for the end of a head; ``served`` how many
    requests were answered; ``unread`` how much of the request stays in the kernel; ``missing`` the
    octets of a body still to come; ``heard`` when octets of it came last; ``out`` what the kernel
    did not take yet, ``out_offset`` how much of its first item it took; ``queued`` what the kernel
    was seen to hold for the client; ``iterator`` an application's reply that is not exhausted,
    ``context`` and ``home`` the context and the thread it began in; ``suspended`` that it waits
    with that iterator; ``gone`` that the client cannot be reached any more, ``broken`` that it was
    the application that broke off; ``hung`` that it was reported to send no more; ``opened`` that
    the first octets of its next reply are sent; ``guarded`` that its close is an error to the
    client, whoever closes; ``unserved`` that there was no application for the request; ``layer``
    what encodes all that is sent, None where nothing has to be, ``fastcgi`` the same where that is
    it; ``filter`` reads before the protocol; ``variables`` are for the environ of every request.
    """

    def __init__(self, fd: int, door: Door, address: str, port: int, writer: Writer) -> None:
        self.open(fd, door, address, str(port), writer)

    def open(self, fd: int, door: Door, address: str, port: str, writer: Writer) -> None:
        """What the constructor does; a method, since compiled code calls it without packing."""
        self.fd = fd
        self.writer = writer
        self.door = door
        self.meet(address, port)
        self.http = door.http
        self.state = HEAD
        self.buffer = b""
        self.seen = 0
        self.served = 0
        self.deadline = 0.0
        self.watched = False
        self.writing = False
        self.gone = False
        self.hung = False
        self.opened = False
        self.suspended = False
        self.head: Head | None = None
        self.environ: dict[str, Any] | None = None
        self.decoder: ChunkedDecoder | Responder | None = None
        self.unread = 0
        self.missing = 0
        self.body: list[bytes] | None = None
        self.body_size = 0
        self.body_began = 0.0
        self.heard = 0.0
        self.spool: Any = None
        self.out: deque[bytes | Region] | None = None
        self.out_offset = 0
        self.out_size = 0
        self.queued = 0
        self.exchange: Exchange | None = None
        self.result: Any = None
        self.iterator: Iterator[bytes] | None = None
        self.context: Context | None = None
        self.home = -1
        self.began = 0
        self.app_ended = 0
        self.record: Answered | None = None
        self.how = ""
        self.unserved = False
        self.broken = False
        self.guarded = False
        self.layer: Layer | None = None
        self.filter: Filter | None = None
        self.variables: dict[str, Any] | None = None
        self.fastcgi: Responder | None = None
        if door.fastcgi:
            self.fastcgi = self.layer = Responder(door.head_limit)

    def meet(self, address: str, port: str) -> None:
        """Learn who the client is."""
        self.address = address
        self.port = port
        self.trusted = address == "" or address.startswith("127.") or address == "::1"

    def is_home(self) -> bool:
        """This and the next make the connection the sink of its exchange."""
        return self.writer.is_home(self)

    def write_through(self, data: bytes) -> None:
        """See ``Sink``."""
        self.writer.write_through(self, data)
