"""An intake without sockets: what becomes of octets, as a list of outcomes."""

import types
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from quaich.errors import ProtocolError
from quaich.worker.connection import BODY, REPLY, Connection, Door
from quaich.worker.intake import CONTINUE, MORE, READY, Intake, drop_spool, start_over

ADDRESS = "192.0.2.7"

FIXED = {
    "wsgi.url_scheme": "http",
    "wsgi.errors": "ours",
    "wsgi.file_wrapper": "ours",
    "uwsgi.version": "ours",
    "SCRIPT_NAME": "",
    "SERVER_NAME": "node",
    "SERVER_PORT": "8000",
}


def connection(protocol: str = "http", address: str = ADDRESS) -> Connection:
    acceptor: Any = types.SimpleNamespace(fd=-1)
    door = Door(acceptor, "test", protocol, dict(FIXED), "8000")
    writer: Any = None
    return Connection(-1, door, address, 1234, writer)


@dataclass
class Seen:
    """One outcome: ``status`` of a refusal, 200 for accepted, 0 for not complete."""

    status: int
    environ: dict[str, Any]
    body: bytes
    close: bool
    reason: str = ""


def run(
    protocol: str,
    pieces: Iterable[bytes],
    head: int = 65535,
    body: int = 0,
    memory: int = 65536,
    address: str = ADDRESS,
) -> list[Seen]:
    """What becomes of the pieces, in order; the loop's part of the work, without its sockets."""
    intake = Intake(head, body, memory)
    conn = connection(protocol, address)
    seen: list[Seen] = []
    try:
        for piece in pieces:
            step = intake.feed(conn, piece)
            while step == READY:
                assert conn.state == REPLY
                assert conn.head is not None
                assert conn.environ is not None
                environ = conn.environ
                content = environ.pop("wsgi.input").read()
                seen.append(Seen(200, environ, content, not conn.head.keep_alive))
                if not conn.head.keep_alive:
                    return seen
                start_over(conn)
                step = intake.next(conn)
            assert step in (MORE, CONTINUE)
    except ProtocolError as error:
        assert 400 <= error.status <= 505
        assert error.reason.isascii()
        seen.append(Seen(error.status, {}, b"", True, error.reason))
        return seen
    finally:
        drop_spool(conn)
    if conn.buffer or conn.state == BODY:
        seen.append(Seen(0, {}, b"", False))
    return seen
