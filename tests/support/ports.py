"""Free TCP ports for servers that must be told a number.

The kernel hands out ports from the ephemeral range to every outgoing connection, so a port taken
from there and released may be gone before the server binds it.  These come from below it.
"""

import random
import socket

_handed_out: set[int] = set()


def free_port() -> int:
    while True:
        port = random.SystemRandom().randrange(10_000, 30_000)
        if port in _handed_out:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _handed_out.add(port)
        return port
