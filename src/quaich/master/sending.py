"""Sending to a client that is not waited for."""

import socket


def send_some(sock: socket.socket, data: bytes | memoryview) -> int:
    """How much of it the kernel takes now; OSError when the client is gone."""
    try:
        return sock.send(data) if data else 0
    except BlockingIOError:
        return 0
