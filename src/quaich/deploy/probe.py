"""One request to a server of ours on its UNIX socket, in the uwsgi protocol, as nginx makes it."""

import contextlib
import re
import socket
import struct
import time
from typing import NamedTuple

from quaich.deploy.faults import Unhealthy
from quaich.deploy.site import Health

_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")
_MOST = 65536


class Answer(NamedTuple):
    """What came back: the status, and the seconds until it was there."""

    status: int
    seconds: float


def ask(path: str, target: str, host: str, timeout: float) -> Answer:
    """Request ``target``; raises OSError where there is no answer, ValueError for another kind."""
    started = time.monotonic()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(timeout)
        sock.connect(path)
        sock.sendall(packet(target, host))
        data = b""
        while True:
            left = started + timeout - time.monotonic()
            if left <= 0:
                raise TimeoutError
            sock.settimeout(left)
            with contextlib.suppress(ConnectionResetError):
                part = sock.recv(_MOST)
                data += part if len(data) < _MOST else b""
                if part:
                    continue
            break
    match = _STATUS.match(data)
    if match is None:
        raise ValueError("the server closed the connection without an answer")
    return Answer(int(match[1]), time.monotonic() - started)


def packet(target: str, host: str) -> bytes:
    """The request as a uwsgi packet; pure."""
    path, _, query = target.partition("?")
    variables = {
        "REQUEST_METHOD": "GET",
        "REQUEST_URI": target,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": host,
        "SERVER_PORT": "80",
        "REMOTE_ADDR": "127.0.0.1",
        "REQUEST_SCHEME": "http",
        "HTTP_HOST": host,
        "HTTP_USER_AGENT": "quaich-deploy",
        "HTTP_CONNECTION": "close",
    }
    content = b"".join(
        struct.pack("<H", len(part)) + part
        for pair in variables.items()
        for part in map(str.encode, pair)
    )
    return struct.pack("<BHB", 0, len(content), 0) + content


def judge(path: str, health: Health, host: str, what: str) -> Answer:
    """Ask for the health of a server; raises Unhealthy."""
    asked = f"{what}: GET {health.target}"
    try:
        answer = ask(path, health.target, host, health.timeout)
    except TimeoutError:
        raise Unhealthy(f"{asked}: no answer within {health.timeout:g} s") from None
    except (OSError, ValueError) as error:
        raise Unhealthy(f"{asked}: {error}") from None
    if not health.accepts(answer.status):
        hint = f"; does the application serve the host {host}?" if answer.status == 400 else ""
        raise Unhealthy(f"{asked}: expected {health.expectation}, got {answer.status}{hint}")
    return answer
