"""Free TCP ports for servers that must be told a number.

The kernel hands out ports from the ephemeral range to every outgoing connection, so a port taken
from there and released may be gone before the server binds it.  These come from below it, and no
two processes of a test run are given the same.
"""

import os
import random
import socket

_SHARES = 16
_SHARE = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _SHARES
_handed_out: set[int] = set()


def free_port() -> int:
    while True:
        port = random.SystemRandom().randrange(10_000 + _SHARE, 30_000, _SHARES)
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
