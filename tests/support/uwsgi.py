"""A client of the uwsgi protocol: builds packets as nginx does, and reads the reply to its end."""

import struct
from collections.abc import Iterable, Mapping

from tests.support import http
from tests.support.net import Address, exchange

Vars = Mapping[str, str] | Iterable[tuple[str, str]]


def packet(variables: Vars, modifier1: int = 0, modifier2: int = 0) -> bytes:
    pairs = variables.items() if isinstance(variables, Mapping) else variables
    block = b"".join(
        struct.pack("<H", len(raw)) + raw
        for pair in pairs
        for raw in (text.encode("latin-1") for text in pair)
    )
    return struct.pack("<BHB", modifier1, len(block), modifier2) + block


def variables(
    target: str = "/", method: str = "GET", length: int | None = None, **more: str
) -> dict[str, str]:
    """What nginx's ``uwsgi_params`` sends for a request; ``more`` is added or replaces."""
    path, _, query = target.partition("?")
    return {
        "QUERY_STRING": query,
        "REQUEST_METHOD": method,
        "CONTENT_TYPE": "",
        "CONTENT_LENGTH": "" if length is None else str(length),
        "REQUEST_URI": target,
        "PATH_INFO": path,
        "DOCUMENT_ROOT": "/usr/share/nginx/html",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REQUEST_SCHEME": "http",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "50000",
        "SERVER_PORT": "80",
        "SERVER_NAME": "localhost",
        "HTTP_HOST": "localhost",
        **more,
    }


def get(
    address: Address,
    target: str = "/",
    method: str = "GET",
    body: bytes = b"",
    timeout: float = 10.0,
    **more: str,
) -> http.Response:
    length = len(body) if body else None
    data = packet(variables(target, method, length, **more)) + body
    return http.parse(exchange(address, data, timeout), method)
