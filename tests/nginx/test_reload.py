"""Reloads behind nginx: neither a connection that it keeps nor a new one may fail."""

import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.support import http
from tests.support.net import Address
from tests.support.nginx import Nginx
from tests.support.ports import free_port

pytestmark = pytest.mark.nginx

# Otherwise nginx would hide what it was refused.
STRICT = "proxy_next_upstream off; uwsgi_next_upstream off;"


def test_reloads_behind_connections_that_nginx_keeps(
    start: StartServer, nginx: Callable[[str], Nginx], apps: Path, tmp_path: Path
) -> None:
    kept = free_port()
    server = start(
        *("--http-socket", f"127.0.0.1:{kept}", "--socket", str(tmp_path / "app.sock")),
        *("-w", "hello", "--master", "-p", "2"),
        cwd=apps,
    )
    server.wait_line("^generation=1 serves")
    front = nginx(f"""
        upstream kept {{ server 127.0.0.1:{kept}; keepalive 8; }}
        server {{
            listen 127.0.0.1:PORT;
            {STRICT}
            location /http {{
                proxy_pass http://kept;
                proxy_http_version 1.1;
                proxy_set_header Connection "";
            }}
            location /uwsgi {{ include uwsgi_params; uwsgi_pass unix:{tmp_path}/app.sock; }}
        }}
    """)
    stop = threading.Event()
    statuses: list[int] = []

    def ask(address: Address, path: str) -> None:
        while not stop.is_set():
            statuses.append(http.get(address, path).status)

    askers = [
        threading.Thread(target=ask, args=(front.address, path)) for path in ("/http", "/uwsgi") * 3
    ]
    for each in askers:
        each.start()
    try:
        for generation in range(2, 8):
            server.send(signal.SIGHUP)
            server.wait_line(rf"^generation={generation} serves")
    finally:
        stop.set()
        for each in askers:
            each.join(20)
    assert len(statuses) > 50
    assert set(statuses) == {200}
