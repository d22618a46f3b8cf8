"""Sockets to a server under test, every operation with a deadline.

An address is ``(host, port)``, or a string: the path of a UNIX socket, or ``@name`` for an
abstract one.
"""

import contextlib
import socket
import time

Address = tuple[str, int] | str


def connect(address: Address, timeout: float = 10.0) -> socket.socket:
    if isinstance(address, tuple):
        return socket.create_connection(address, timeout=timeout)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(timeout)
    try:
        sock.connect("\0" + address[1:] if address.startswith("@") else address)
    except BaseException:
        sock.close()
        raise
    return sock


def accepts(address: Address) -> bool:
    """Whether somebody listens there."""
    with contextlib.suppress(OSError):
        connect(address, timeout=1.0).close()
        return True
    return False


def read_to_end(sock: socket.socket, timeout: float = 10.0) -> bytes:
    """Everything the peer sends until it closes; a reset counts as closing."""
    deadline = time.monotonic() + timeout
    pieces = []
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise AssertionError(
                f"the peer did not close in {timeout} s; sent {b''.join(pieces)!r}"
            )
        sock.settimeout(left)
        try:
            piece = sock.recv(65536)
        except ConnectionResetError:
            break
        except TimeoutError:
            continue
        if not piece:
            break
        pieces.append(piece)
    return b"".join(pieces)


def exchange(address: Address, data: bytes, timeout: float = 10.0) -> bytes:
    """Send exactly these bytes on a new connection and return all that comes until it closes."""
    with connect(address, timeout) as sock:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            sock.sendall(data)
        return read_to_end(sock, timeout)
