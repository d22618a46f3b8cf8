"""Frameworks from PyPI and the standard library's validator, unchanged, in both protocols."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.support import http, uwsgi
from tests.support.ports import free_port
from tests.support.server import Server

Address = tuple[str, int]
Serve = Callable[[str], tuple[Server, Address, Address]]


@pytest.fixture
def serve(start: StartServer, apps: Path) -> Serve:
    """Start an application; the server, its HTTP address and its uwsgi address."""

    def _serve(app: str) -> tuple[Server, Address, Address]:
        first, second = ("127.0.0.1", free_port()), ("127.0.0.1", free_port())
        server = start(
            *("--http-socket", f"127.0.0.1:{first[1]}", "--socket", f"127.0.0.1:{second[1]}"),
            *("--master", "--need-app", "-w", app),
            cwd=apps,
        )
        server.wait_ready()
        return server, first, second

    return _serve


def test_bottle(serve: Serve) -> None:
    pytest.importorskip("bottle")
    _, address, packets = serve("bottle_app")
    with http.Client(address) as client:
        assert client.request("/hello/Zo%C3%AB").body.decode() == "Hello, Zoë!"
        form = (("Host", "localhost"), ("Content-Type", "application/x-www-form-urlencoded"))
        reply = client.request("/form", "POST", form, b"name=Zo%C3%AB")
        assert json.loads(reply.body) == {"name": "Zoë", "size": 13}
        assert client.request("/stream").body == b"piece 0\npiece 1\npiece 2\n"
        assert client.request("/teapot").status == 418
        assert client.request("/nowhere").status == 404
        assert client.request("/hello/x", "HEAD").status == 200
        assert client.request("/hello/x").body == b"Hello, x!", "HEAD left nothing behind"
    assert uwsgi.get(packets, "/hello/x").body == b"Hello, x!"


def test_wsgiref_validate(serve: Serve) -> None:
    server, address, packets = serve("validated")
    with http.Client(address) as client:
        assert client.request("/a/b?c=d").body == b"valid "
        assert client.request("/", "POST", body=b"x" * 100).body == b"valid " + b"x" * 100
        assert client.request("/", "HEAD").status == 200
    assert uwsgi.get(packets).body == b"valid "
    assert uwsgi.get(packets, method="POST", body=b"abc").body == b"valid abc"
    assert "AssertionError" not in server.log
    assert server.log.count("validated\n") == 5
