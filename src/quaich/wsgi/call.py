"""One call of an application: ``start_response``, ``write`` and the framing of what they send.

An ``Exchange`` turns an application's status, headers and body into octets; it knows no socket.
It holds the application to its word: a body longer than the promised Content-Length is cut, a
shorter one closes the connection, and both leave a ``complaint`` for the log.
"""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

try:
    import cython
except ImportError:
    from quaich.sys import cy as cython

from quaich.errors import ApplicationError
from quaich.wire.reply import (
    CGI_OPENING,
    LAST_CHUNK,
    OPENING,
    ReplyHead,
    Start,
    check_head,
    chunk,
    content_length,
    has_no_body,
)

ExcInfo = tuple[type[BaseException], BaseException, TracebackType]


class Sink(Protocol):
    """What ``write`` sends to: returns when the octets are sent or safely queued."""

    def is_home(self) -> bool:
        """Whether the caller is in the thread that the request is answered in."""

    def write_through(self, data: bytes) -> None:
        """Send ``data``, waiting if too much is queued already; raises OSError."""


if not cython.compiled:
    from quaich.wire.reply import CHUNKED, NO_BODY, SIZED, UNTIL_CLOSE

    # What the server adds to a head.
    _LENGTH = 1
    _CODING = 2
    _STAMP = 4
    _CLOSE = 8
    _KEEP = 16
    # And that a front reads it.
    _CGI = 32


class Stamp:
    """The Server and Date fields of the current second, ready to be put into a reply."""

    def __init__(self) -> None:
        self.server = b"\r\nServer: quaich"
        self.date = b""

    def renew(self, second: int) -> None:
        """The clock has gone on to ``second`` (since the epoch)."""
        # Not strftime: names of days and months are English whatever the locale.
        when = time.gmtime(second)
        day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[when.tm_wday]
        months = "JanFebMarAprMayJunJulAugSepOctNovDec"
        month = months[3 * when.tm_mon - 3 : 3 * when.tm_mon]
        self.date = (
            f"\r\nDate: {day}, {when.tm_mday:02d} {month} {when.tm_year} "
            f"{when.tm_hour:02d}:{when.tm_min:02d}:{when.tm_sec:02d} GMT"
        ).encode("ascii")


class Exchange:
    """A reply in the making.

    ``http`` tells a connection that HTTP is spoken on from one that carries a gateway protocol,
    where the front frames the reply; ``close`` whether the connection ends after this reply;
    ``opened`` that its first octets were sent already; ``over`` that nothing may be added any more;
    ``cgi`` that it is a CGI reply, and ``delimited`` that the protocol tells where one ends whose
    length is not known; ``probed`` that the size of the next chunk was begun; ``switches`` counts
    the pieces that the application gave, as uWSGI calls them.
    """

    def __init__(
        self, sink: Sink, http: bool, minor: int, keep_alive: bool, is_head: bool, stamp: Stamp
    ) -> None:
        self.open(sink, http, minor, keep_alive, is_head, stamp)

    def open(
        self, sink: Sink, http: bool, minor: int, keep_alive: bool, is_head: bool, stamp: Stamp
    ) -> None:
        """What the constructor does; a method, since compiled code calls it without packing."""
        self.sink = sink
        self.http = http
        self.minor = minor
        self.close = not keep_alive
        self.is_head = is_head
        self.stamp = stamp
        self.head: ReplyHead | None = None
        self.opened = False
        self.begun = False
        self.over = False
        self.framing = NO_BODY
        self.left = -1
        self.head_size = 0
        self.sent = 0
        self.switches = 0
        self.complaint = ""
        self.cgi = False
        self.delimited = False
        self.probed = False

    def start_response(
        self,
        status: str,
        headers: list[tuple[str, str]],
        exc_info: ExcInfo | None = None,
    ) -> Callable[[bytes], None]:
        """PEP 3333's start_response; raises ApplicationError on a mistake in its arguments."""
        if exc_info is not None:
            try:
                if self.begun:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        elif self.head is not None:
            raise ApplicationError("start_response was called a second time without exc_info")
        self.head = check_head(status, headers)
        return self

    def __call__(self, data: bytes) -> None:
        """PEP 3333's write, as ``start_response`` gives it: the reply itself."""
        self.write(data)

    def write(self, data: bytes) -> None:
        """PEP 3333's write: send ``data`` now."""
        if type(data) is not bytes:
            raise ApplicationError(f"write: expected bytes, got {type(data).__name__}")
        # The connection may carry another reply by now, or be another's.
        if self.over:
            raise ApplicationError("write was called after the end of its request")
        if not self.sink.is_home():
            raise ApplicationError("write was called in another thread than its request's")
        if data:
            self.sink.write_through(self.part(data))

    def begin(self, size: int) -> bytes:
        """The reply's head; ``size`` is the length of the whole body where it is known, or -1."""
        head = self.head
        if head is None:
            raise ApplicationError("the application sent a body without calling start_response")
        self.begun = True
        if head.close:
            self.close = True
        added = 0
        if has_no_body(head.status, self.is_head):
            self.framing = NO_BODY
            if size > 0 and head.length < 0 and head.status == 200:
                added = _LENGTH
        elif head.length >= 0:
            self.framing = SIZED
            self.left = head.length
        elif size >= 0:
            self.framing = SIZED
            self.left = size
            added = _LENGTH
        elif self.http and self.minor > 0:
            self.framing = CHUNKED
            added = _CODING
        else:
            self.framing = UNTIL_CLOSE
            self.close = self.close or not self.delimited
        if not added & _LENGTH:
            size = -1
        if self.http:
            added |= _STAMP
            if self.close:
                added |= _CLOSE
            elif self.minor == 0:
                added |= _KEEP
        if self.cgi:
            added |= _CGI
        date = self.stamp.date
        start = head.start
        if start is None or start.added != added or start.size != size or start.date is not date:
            start = head.start = Start(self._start(head, added, size), date, added, size)
        self.head_size = len(start.octets)
        if self.opened:
            return start.octets[len(CGI_OPENING if self.cgi else OPENING) :]
        return start.octets

    def _start(self, head: ReplyHead, added: int, size: int) -> bytes:
        out = (CGI_OPENING if added & _CGI else OPENING) + head.lines
        if added & _LENGTH:
            out += content_length(size)
        if added & _CODING:
            out += b"\r\nTransfer-Encoding: chunked"
        if added & _STAMP:
            if not head.has_server:
                out += self.stamp.server
            if not head.has_date:
                out += self.stamp.date
        if added & _CLOSE:
            out += b"\r\nConnection: close"
        if added & _KEEP:
            out += b"\r\nConnection: keep-alive"
        return out + b"\r\n\r\n"

    def part(self, data: bytes) -> bytes:
        """``data``, framed as the next part of the body, with the head before the first."""
        out = b"" if self.begun else self.begin(-1)
        return out + self.framed(data)

    def framed(self, data: bytes) -> bytes:
        """``data`` as the next part of the body, cut where the promise ends."""
        size = len(data)
        framing = self.framing
        if framing == NO_BODY or size == 0:
            return b""
        if framing == SIZED:
            if size > self.left:
                self.complaint = (
                    "the application sent more than its Content-Length; the rest was cut"
                )
                data = data[: self.left]
                size = len(data)
            self.left -= size
        self.sent += size
        if framing == CHUNKED:
            return chunk(data)
        return data

    def finish(self) -> bytes:
        """What ends the reply after its last part; sends the head if nothing did."""
        out = b"" if self.begun else self.begin(0)
        if self.framing == CHUNKED:
            return out + LAST_CHUNK
        self.check_promise()
        return out

    def can_probe(self) -> bool:
        """Whether something can be sent that is no part of the body, to learn if it is read."""
        return self.begun and self.framing == CHUNKED and not self.probed

    def probe(self) -> bytes:
        """That: a zero that the size of the next chunk, or the last, begins with (RFC 9112, section
        7.1).  Once for a reply, since a size may have no more than so many digits."""
        self.probed = True
        return b"0"

    def check_promise(self) -> None:
        """Close after a reply that is shorter than its Content-Length, so that it looks cut."""
        if self.framing == SIZED and self.left > 0:
            self.complaint = (
                f"the application sent {self.left} octets less than its Content-Length; "
                "the connection is closed"
            )
            self.close = True

    def whole(self) -> bool:
        """Whether all that the reply can have is made: nothing more follows its last part."""
        return self.begun and (
            self.framing == NO_BODY or (self.framing == SIZED and self.left == 0)
        )

    def broken(self) -> bool:
        """Whether the connection must not look like it ended well: the promise is not kept."""
        return self.begun and self.framing == SIZED and self.left > 0
