"""What waits to leave a connection: octets and files that the kernel did not take at once.

Nothing here waits, and nothing here raises for a client that is gone: that is noted in the
connection, whose owner ends what it began.
"""

from collections import deque

from quaich.sys.io import peer_state, send, send_both, send_file
from quaich.wire.fastcgi import MOST
from quaich.wire.reply import CGI_OPENING, OPENING
from quaich.worker.connection import Connection, Region


def push(conn: Connection, data: bytes) -> None:
    """Send ``data`` behind what waits; what the kernel does not take waits too."""
    if conn.gone or not data:
        return
    if conn.layer is not None:
        data = _encoded(conn, data)
    _put(conn, data)


def _put(conn: Connection, data: bytes) -> None:
    if conn.gone:
        return
    size = len(data)
    if conn.out:
        conn.out.append(data)
        conn.out_size += size
        return
    try:
        sent = send(conn.fd, data, 0)
    except OSError:
        conn.gone = True
        return
    if sent < size:
        if conn.out is None:
            conn.out = deque()
        conn.out.append(data)
        conn.out_offset = sent if sent > 0 else 0
        conn.out_size = size - conn.out_offset


def _encoded(conn: Connection, data: bytes) -> bytes:
    layer = conn.layer
    assert layer is not None
    data = layer.encode(data)
    responder = conn.fastcgi
    exchange = conn.exchange
    if responder is not None and exchange is not None and exchange.whole():
        # Known to be the last, it is sent with its end in one call.
        data += responder.end()
    return data


def push_end(conn: Connection) -> None:
    """End a FastCGI reply that has not ended itself; one that is broken gets no end."""
    responder = conn.fastcgi
    exchange = conn.exchange
    assert responder is not None and exchange is not None
    if not responder.ended and not exchange.broken():
        _put(conn, responder.end())


def push_both(conn: Connection, head: bytes, body: bytes) -> None:
    """Send a reply's head and its body behind what waits."""
    if conn.layer is not None:
        push(conn, head + body)
        return
    if conn.out or conn.gone:
        push(conn, head)
        push(conn, body)
        return
    try:
        sent = send_both(conn.fd, head, body)
    except OSError:
        conn.gone = True
        return
    if sent == len(head) + len(body):
        return
    if sent < 0:
        sent = 0
    if conn.out is None:
        conn.out = deque()
    if sent < len(head):
        conn.out.append(head)
        conn.out.append(body)
        conn.out_offset = sent
    else:
        conn.out.append(body)
        conn.out_offset = sent - len(head)
    conn.out_size = len(head) + len(body) - sent


def vanished(conn: Connection) -> bool:
    """Whether nobody waits for a reply of which nothing was sent.

    Who has said that it sends no more may still read: HTTP allows that, and to the kernel a
    TCP peer that closed looks the same.  So it is sent what every reply begins with; if it has
    closed, its kernel answers with a reset, at once where it is this machine's.
    """
    state = peer_state(conn.fd)
    if state == 1 and conn.address:
        push(conn, CGI_OPENING if conn.door.cgi else OPENING)
        conn.opened = True
        if conn.gone:
            return True
        state = peer_state(conn.fd)
    return state == 2


def flush(conn: Connection) -> bool:
    """Send what waits; False when the kernel takes no more of it now."""
    out = conn.out
    assert out is not None
    try:
        while out:
            item = out[0]
            if type(item) is Region:
                if conn.fastcgi is not None and not item.framed:
                    _frame(conn, item)
                    continue
                if not _send_region(conn, item):
                    return False
            else:
                assert type(item) is bytes
                sent = send(conn.fd, item, conn.out_offset)
                if sent < 0:
                    return False
                conn.out_size -= sent
                conn.out_offset += sent
                if conn.out_offset < len(item):
                    return False
                conn.out_offset = 0
            out.popleft()
    except OSError:
        conn.gone = True
        out.clear()
    return True


def _frame(conn: Connection, region: Region) -> None:
    """Put a region's first record before the rest of it."""
    responder = conn.fastcgi
    out = conn.out
    assert responder is not None and out is not None
    size = min(region.count, MOST)
    first = Region(region.fd, region.offset, size)
    first.framed = True
    region.offset += size
    region.count -= size
    if region.count == 0:
        out.popleft()
    out.appendleft(first)
    head = responder.frame(size)
    out.appendleft(head)
    conn.out_size += len(head)


def _send_region(conn: Connection, region: Region) -> bool:
    while region.count > 0:
        sent = send_file(conn.fd, region.fd, region.offset, min(region.count, 1 << 30))
        if sent < 0:
            return False
        if sent == 0:
            exchange = conn.exchange
            assert exchange is not None
            exchange.left += region.count
            exchange.sent -= region.count
            exchange.check_promise()
            if region.framed:
                raise OSError("the file is shorter than its record")
            break
        region.offset += sent
        region.count -= sent
    return True


def put_region(conn: Connection, region: Region) -> None:
    """Send part of a file behind what waits."""
    if conn.out is None:
        conn.out = deque()
    conn.out.append(region)
    flush(conn)
