"""The PROXY header in front of a connection."""

import types
from typing import Any

import pytest

from quaich.errors import ProtocolError
from quaich.worker.connection import Connection, Door
from quaich.worker.proxied import SECURE, Proxied
from tests.unit.wire.test_proxy import V4, block, tlv


class Following:
    """What would read behind the header."""

    answer = b""

    def read(self, conn: Connection, data: bytes) -> bytes | None:
        return data.upper()


def connection() -> Connection:
    acceptor: Any = types.SimpleNamespace(fd=-1)
    writer: Any = None
    return Connection(-1, Door(acceptor, "test", "http", {}, "80"), "10.0.0.1", 7, writer)


@pytest.mark.parametrize("step", [1, 5, 1000])
@pytest.mark.parametrize("further", [False, True])
def test_what_follows_the_header(step: int, further: bool) -> None:
    data = b"PROXY TCP4 192.0.2.1 10.0.0.1 50000 443\r\nget"
    conn = connection()
    conn.filter = Proxied(Following() if further else None)
    seen = b""
    for start in range(0, len(data), step):
        piece = data[start : start + step]
        got = conn.filter.read(conn, piece) if conn.filter is not None else piece
        assert got is not None
        seen += got
    assert seen == (b"GET" if further else b"get")
    assert (conn.address, conn.port, conn.trusted) == ("192.0.2.1", "50000", False)
    assert conn.variables is None


def test_nobody_is_named() -> None:
    conn = connection()
    assert Proxied(None).read(conn, b"PROXY UNKNOWN\r\n") == b""
    assert (conn.address, conn.port) == ("10.0.0.1", "7")


def test_tls_that_ended_before_us() -> None:
    conn = connection()
    Proxied(None).read(conn, block(V4 + tlv(0x20, b"\1" + bytes(4))))
    assert conn.variables == SECURE


def test_no_header() -> None:
    with pytest.raises(ProtocolError):
        Proxied(None).read(connection(), b"GET / HTTP/1.1\r\n")
