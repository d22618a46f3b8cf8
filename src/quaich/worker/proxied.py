"""Connections that a balancer speaks for: the PROXY header comes first, then the protocol."""

from quaich.wire.proxy import header_size, parse
from quaich.worker.connection import Connection, Filter

SECURE = {"HTTPS": "on", "wsgi.url_scheme": "https"}
"""What the environ says where the balancer took the client's TLS off."""


class Proxied:
    """The beginning of one connection; ``following`` reads what comes behind the header."""

    def __init__(self, following: Filter | None) -> None:
        self.following = following
        self.held = b""
        self.answer = b""

    def read(self, conn: Connection, data: bytes) -> bytes | None:
        """What follows the header, as much as is here; raises ProtocolError for any other."""
        self.held += data
        size = header_size(self.held)
        if size == 0:
            return b""
        client = parse(self.held[:size])
        if client is not None:
            conn.meet(client.address, str(client.port))
            if client.secure:
                conn.variables = SECURE
        following = conn.filter = self.following
        rest = self.held[size:]
        return following.read(conn, rest) if following is not None and rest else rest
