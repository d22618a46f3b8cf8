"""What h11, and llhttp by httptools, read in the same octets as quaich."""

from dataclasses import dataclass, field
from typing import Any

import h11
import httptools

READ = "read"
REFUSED = "refused"
CUT = "cut"

_LIMIT = 1 << 20


@dataclass
class Message:
    """One request as a peer sees it; ``fields`` in order, names in lower case."""

    outcome: str
    method: bytes = b""
    target: bytes = b""
    version: str = ""
    fields: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    close: bool = False


def read_h11(data: bytes) -> list[Message]:
    conn = h11.Connection(h11.SERVER, max_incomplete_event_size=_LIMIT)
    found: list[Message] = []
    message: Message | None = None
    conn.receive_data(data)
    try:
        while True:
            event = conn.next_event()
            if event is h11.NEED_DATA:
                if message is not None or conn.trailing_data[0]:
                    found.append(Message(CUT))
                return found
            if isinstance(event, h11.Request):
                message = Message(
                    READ,
                    event.method,
                    event.target,
                    event.http_version.decode(),
                    [(name, value) for name, value in event.headers],
                )
            elif isinstance(event, h11.Data):
                assert message is not None
                message.body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                assert message is not None
                conn.send(h11.Response(status_code=404, headers=[("Content-Length", "0")]))
                conn.send(h11.EndOfMessage())
                message.close = conn.our_state is not h11.DONE
                found.append(message)
                message = None
                if found[-1].close:
                    return found
                conn.start_next_cycle()
            else:
                return found
    except h11.RemoteProtocolError:
        found.append(Message(REFUSED))
        return found


class _Collector:
    """The callbacks of an httptools parser."""

    def __init__(self) -> None:
        self.parser: Any = httptools.HttpRequestParser(self)
        self.found: list[Message] = []
        self.message: Message | None = None
        self.in_head = True

    def on_message_begin(self) -> None:
        self.message = Message(READ)
        self.in_head = True

    def on_url(self, part: bytes) -> None:
        assert self.message is not None
        self.message.target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        assert self.message is not None
        if self.in_head:  # the trailers come here too
            self.message.fields.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        assert self.message is not None
        self.message.method = self.parser.get_method()
        self.message.version = self.parser.get_http_version()
        self.in_head = False

    def on_body(self, part: bytes) -> None:
        assert self.message is not None
        self.message.body += part

    def on_message_complete(self) -> None:
        assert self.message is not None
        self.message.close = not self.parser.should_keep_alive()
        self.found.append(self.message)
        self.message = None


def read_llhttp(data: bytes) -> list[Message]:
    collector = _Collector()
    try:
        collector.parser.feed_data(data)
    except httptools.HttpParserUpgrade:
        # It leaves the connection to another protocol, and the body of the request unread.
        return collector.found[:-1]
    except httptools.HttpParserError:
        found = collector.found
        return found if found and found[-1].close else [*found, Message(REFUSED)]
    found = collector.found
    if collector.message is not None and not (found and found[-1].close):
        found.append(Message(CUT))
    return found
