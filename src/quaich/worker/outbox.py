"""What waits to leave a connection: octets and files that the kernel did not take at once.

Nothing here waits, and nothing here raises for a client that is gone: that is noted in the
connection, whose owner ends what it began.
"""

from collections import deque

from quaich.sys.io import send, send_both, send_file
from quaich.worker.connection import Connection, Region


def push(conn: Connection, data: bytes) -> None:
    """Send ``data`` behind what waits; what the kernel does not take waits too."""
    size = len(data)
    if conn.gone or size == 0:
        return
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


def push_both(conn: Connection, head: bytes, body: bytes) -> None:
    """Send a reply's head and its body behind what waits."""
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


def flush(conn: Connection) -> bool:
    """Send what waits; False when the kernel takes no more of it now."""
    out = conn.out
    assert out is not None
    try:
        while out:
            item = out[0]
            if type(item) is Region:
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
