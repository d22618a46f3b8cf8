"""Real nginx in front of the server: bodies, paths, sizes and failures, over TCP and UNIX."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.support import http
from tests.support.nginx import Nginx
from tests.support.ports import free_port
from tests.support.processes import wait_until

pytestmark = pytest.mark.nginx


@pytest.fixture(params=["tcp", "unix"])
def listen(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """An address for the server and the same one as nginx writes it."""
    if request.param == "tcp":
        port = free_port()
        return f"127.0.0.1:{port}", f"127.0.0.1:{port}"
    return str(tmp_path / "app.sock"), f"unix:{tmp_path}/app.sock"


Front = Callable[..., Nginx]


@pytest.fixture
def front(
    listen: tuple[str, str], start: StartServer, nginx: Callable[[str], Nginx], apps: Path
) -> Front:
    """An application behind nginx; ``more`` is added to the location."""

    def _start(app: str, *args: str, more: str = "") -> Nginx:
        server = start("--socket", listen[0], "--master", "-w", app, *args, cwd=apps)
        server.wait_ready()
        return nginx(f"""
            server {{
                listen 127.0.0.1:PORT;
                client_max_body_size 64m;
                location / {{
                    include uwsgi_params;
                    uwsgi_pass {listen[1]};
                    {more}
                }}
            }}
        """)

    return _start


def test_environ(front: Front) -> None:
    address = front("environ_json", more="uwsgi_param X_CUSTOM $scheme;").address
    headers = (("Host", "example.org"), ("X-Thing", "caf\xe9"), ("Proxy", "http://evil.example/"))
    seen = json.loads(http.get(address, "/a%2Fb/caf%C3%A9?q=1&q=%20", headers=headers).body)
    assert seen["REQUEST_METHOD"] == "GET"
    assert seen["PATH_INFO"] == "/a/b/caf\xc3\xa9"
    assert seen["REQUEST_URI"] == "/a%2Fb/caf%C3%A9?q=1&q=%20"
    assert seen["QUERY_STRING"] == "q=1&q=%20"
    assert seen["HTTP_X_THING"] == "caf\xe9"
    assert seen["X_CUSTOM"] == "http"
    assert seen["REMOTE_ADDR"] == "127.0.0.1"
    assert seen["wsgi.url_scheme"] == "http"
    assert "HTTP_PROXY" not in seen


def test_twice_encoded_is_decoded_once(front: Front) -> None:
    address = front("environ_json").address
    assert json.loads(http.get(address, "/a%252Fb").body)["PATH_INFO"] == "/a%2Fb"


@pytest.mark.parametrize("size", [1, 65535, 65536, 1_000_000, 20_000_000])
def test_upload(front: Front, size: int) -> None:
    address = front("digest").address
    body = os.urandom(size)
    reply = http.get(address, "/", "POST", body=body, timeout=30)
    assert (reply.status, reply.body) == (200, hashlib.sha256(body).hexdigest().encode())


def test_upload_unbuffered(front: Front) -> None:
    """nginx sends the head first and the body as it comes, so the packet arrives in pieces."""
    address = front("digest", more="uwsgi_request_buffering off;").address
    body = os.urandom(500_000)
    with http.Client(address) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body))
        for position in range(0, len(body), 100_000):
            client.send(body[position : position + 100_000])
        assert client.receive("POST").body == hashlib.sha256(body).hexdigest().encode()


def test_large_reply(front: Front) -> None:
    reply = http.get(front("digest").address, "/?20000000", timeout=30)
    assert reply.status == 200
    assert len(reply.body) == 20_000_000
    assert hashlib.sha256(reply.body).hexdigest() == hashlib.sha256(b"x" * 20_000_000).hexdigest()


def test_large_head(front: Front) -> None:
    """More than uWSGI's default of 4096 bytes of variables: cookies easily are."""
    cookie = "c=" + "x" * 7000
    headers = (("Host", "localhost"), ("Cookie", cookie))
    seen = json.loads(http.get(front("environ_json").address, headers=headers).body)
    assert seen["HTTP_COOKIE"] == cookie


def test_limit_post_is_413(front: Front) -> None:
    address = front("digest", "--limit-post", "1000").address
    assert http.get(address, "/", "POST", body=b"x" * 1000).status == 200
    assert http.get(address, "/", "POST", body=b"x" * 1001).status == 413


def test_a_client_that_leaves_harms_nobody(front: Front) -> None:
    address = front("digest").address
    for _ in range(20):
        with http.Client(address) as client:
            client.send(b"GET /?5000000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    reply = http.get(address, "/?10")
    assert (reply.status, reply.body) == (200, b"x" * 10)


def test_a_stopped_server_is_502_and_back_when_restarted(
    listen: tuple[str, str], start: StartServer, nginx: Callable[[str], Nginx], apps: Path
) -> None:
    arguments = ("--socket", listen[0], "--master", "--vacuum", "-w", "hello")
    server = start(*arguments, cwd=apps)
    server.wait_ready()
    site = nginx(f"""
        server {{
            listen 127.0.0.1:PORT;
            location / {{ include uwsgi_params; uwsgi_pass {listen[1]}; }}
        }}
    """)
    assert http.get(site.address).status == 200
    server.stop()
    assert http.get(site.address).status == 502
    start(*arguments, cwd=apps).wait_ready()
    wait_until(lambda: http.get(site.address).status == 200, 20, "nginx finds the new server")


def test_wsgiref_validate(front: Front) -> None:
    address = front("validated").address
    with http.Client(address) as client:
        assert client.request("/a/b?c=d").body == b"valid "
        assert client.request("/", "POST", body=b"x" * 100).body == b"valid " + b"x" * 100
        assert client.request("/", "HEAD").status == 200
        assert client.request("/").body == b"valid ", "in step"
