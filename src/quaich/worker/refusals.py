"""Replies that the server makes itself: to what cannot be a request, and in an application's place.

Each says that the connection ends, in the way of the connection's protocol.  A client is told what
is wrong with what it sent; of the application it learns nothing but that it failed.
"""

from quaich.errors import ProtocolError
from quaich.wire.reply import CGI_OPENING, OPENING, refusal
from quaich.worker.connection import Connection
from quaich.worker.outbox import push


def refuse(conn: Connection, error: ProtocolError, stamp: bytes) -> bytes:
    """The octets that are the last on a connection, whatever was to follow; ``stamp`` is the Server
    and Date fields."""
    is_head = conn.head is not None and conn.head.is_head
    page = _page(conn, error.status, error.reason, is_head, stamp)
    return page if conn.layer is None else conn.layer.last(page)


def fail(conn: Connection, stamp: bytes) -> None:
    """Answer with a 500 where nothing of a reply was sent."""
    exchange = conn.exchange
    assert exchange is not None
    page = _page(conn, 500, "Internal Server Error", exchange.is_head, stamp)
    exchange.head = None
    exchange.begun = True
    exchange.framing = 0
    exchange.close = True
    exchange.head_size = len(page)
    if exchange.opened:
        page = page[len(CGI_OPENING if exchange.cgi else OPENING) :]
    push(conn, page)


def _page(conn: Connection, status: int, detail: str, is_head: bool, stamp: bytes) -> bytes:
    page = refusal(status, detail, is_head, stamp if conn.http else b"")
    if conn.door.cgi and (conn.fastcgi is None or conn.fastcgi.request):
        return b"Status: " + page.removeprefix(b"HTTP/1.1 ")
    return page


def advice(conn: Connection) -> str:
    """What to do about a web server that announces bodies and passes none on."""
    if conn.door.cgi:
        return "nginx announces it by SCGI whatever it is told, so let it pass bodies on"
    return (
        "a web server that passes none on (nginx: uwsgi_pass_request_body off) has to say so "
        '(uwsgi_param CONTENT_LENGTH "")'
    )
