"""Real nginx with its fastcgi and scgi modules, with the parameter files that its package ships."""

import hashlib
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.support import http
from tests.support.nginx import Nginx
from tests.support.ports import free_port
from tests.support.server import Server

pytestmark = pytest.mark.nginx

# What nginx's own package ships.
FASTCGI_PARAMS = """\
fastcgi_param  QUERY_STRING       $query_string;
fastcgi_param  REQUEST_METHOD     $request_method;
fastcgi_param  CONTENT_TYPE       $content_type;
fastcgi_param  CONTENT_LENGTH     $content_length;
fastcgi_param  SCRIPT_NAME        $fastcgi_script_name;
fastcgi_param  REQUEST_URI        $request_uri;
fastcgi_param  DOCUMENT_URI       $document_uri;
fastcgi_param  DOCUMENT_ROOT      $document_root;
fastcgi_param  SERVER_PROTOCOL    $server_protocol;
fastcgi_param  REQUEST_SCHEME     $scheme;
fastcgi_param  HTTPS              $https if_not_empty;
fastcgi_param  GATEWAY_INTERFACE  CGI/1.1;
fastcgi_param  SERVER_SOFTWARE    nginx/$nginx_version;
fastcgi_param  REMOTE_ADDR        $remote_addr;
fastcgi_param  REMOTE_PORT        $remote_port;
fastcgi_param  SERVER_ADDR        $server_addr;
fastcgi_param  SERVER_PORT        $server_port;
fastcgi_param  SERVER_NAME        $server_name;
fastcgi_param  REDIRECT_STATUS    200;
"""
SCGI_PARAMS = """\
scgi_param  REQUEST_METHOD     $request_method;
scgi_param  REQUEST_URI        $request_uri;
scgi_param  QUERY_STRING       $query_string;
scgi_param  CONTENT_TYPE       $content_type;
scgi_param  DOCUMENT_URI       $document_uri;
scgi_param  DOCUMENT_ROOT      $document_root;
scgi_param  SCGI               1;
scgi_param  SERVER_PROTOCOL    $server_protocol;
scgi_param  REQUEST_SCHEME     $scheme;
scgi_param  HTTPS              $https if_not_empty;
scgi_param  REMOTE_ADDR        $remote_addr;
scgi_param  REMOTE_PORT        $remote_port;
scgi_param  SERVER_PORT        $server_port;
scgi_param  SERVER_NAME        $server_name;
"""

APPLICATION = """
import os, tempfile

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/short":
        start_response("200 OK", [("Content-Length", "10")])
        return [b"short"]
    if path == "/break":
        start_response("200 OK", [])
        def broken():
            yield b"half" * 1000
            raise ValueError("wrong")
        return broken()
    if path == "/pid":
        start_response("200 OK", [])
        return [str(os.getpid()).encode()]
    if path == "/peer":
        start_response("200 OK", [])
        return [environ["REMOTE_PORT"].encode()]
    if path == "/file":
        file = tempfile.TemporaryFile()
        file.write(b"0123456789" * 200000)
        file.seek(0)
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](file)
    start_response("200 OK", [])
    return (b"0123456789" * 1000 for _ in range(100))
"""

KEPT = "fastcgi_keep_conn on;"

Front = Callable[..., tuple[Server, Nginx]]


@pytest.fixture(params=["scgi", "fastcgi", "fastcgi-kept", "fastcgi-kept-unix"])
def front(
    request: pytest.FixtureRequest,
    start: StartServer,
    nginx: Callable[[str], Nginx],
    tmp_path: Path,
    apps: Path,
) -> Front:
    """An application behind nginx, by one of the ways; ``more`` is added to the location."""
    protocol, _, way = request.param.partition("-")
    address = f"127.0.0.1:{free_port()}" if "unix" not in way else str(tmp_path / "app.sock")

    def _start(*args: str, cwd: Path = apps, more: str = "") -> tuple[Server, Nginx]:
        server = start(f"--{protocol}-socket", address, *args, cwd=cwd)
        server.wait_ready()
        (tmp_path / f"{protocol}_params").write_text(
            FASTCGI_PARAMS if protocol == "fastcgi" else SCGI_PARAMS
        )
        shown = address if address.startswith("127.") else f"unix:{address}"
        return server, nginx(f"""
            upstream app {{ server {shown}; {"keepalive 4;" if way else ""} }}
            server {{
                listen 127.0.0.1:PORT;
                client_max_body_size 64m;
                location / {{
                    include {tmp_path}/{protocol}_params;
                    {protocol}_pass app;
                    {KEPT if way else ""}
                    {more.replace("PROTOCOL", protocol)}
                }}
            }}
        """)

    return _start


@pytest.fixture
def site(front: Front, tmp_path: Path) -> Callable[..., tuple[Server, Nginx]]:
    (tmp_path / "app.py").write_text(APPLICATION)

    def _start(*args: str, more: str = "") -> tuple[Server, Nginx]:
        return front("-w", "app", *args, cwd=tmp_path, more=more)

    return _start


def test_environ(front: Front) -> None:
    _, nginx = front("-w", "environ_json", more="PROTOCOL_param X_CUSTOM $scheme;")
    headers = (("Host", "example.org"), ("X-Thing", "caf\xe9"), ("Proxy", "http://evil.example/"))
    reply = http.get(nginx.address, "/a%2Fb/caf%C3%A9?q=1&q=%20", headers=headers)
    seen = json.loads(reply.body)
    assert seen["REQUEST_METHOD"] == "GET"
    assert seen["REQUEST_URI"] == "/a%2Fb/caf%C3%A9?q=1&q=%20"
    assert seen["PATH_INFO"].encode("latin-1").decode() == "/a/b/café"
    assert (seen["SCRIPT_NAME"], seen["QUERY_STRING"]) == ("", "q=1&q=%20")
    assert (seen["HTTP_HOST"], seen["X_CUSTOM"]) == ("example.org", "http")
    assert (seen["wsgi.url_scheme"], seen["REMOTE_ADDR"]) == ("http", "127.0.0.1")
    assert "HTTP_PROXY" not in seen


@pytest.mark.parametrize("buffering", ["on", "off"])
@pytest.mark.parametrize("size", [0, 1, 65535, 3000000])
def test_bodies(front: Front, size: int, buffering: str, request: pytest.FixtureRequest) -> None:
    # nginx announces then the part of a body that it has, not the whole.
    cut = buffering == "off" and request.node.callspec.params["front"] == "scgi"
    server, nginx = front("-w", "digest", more=f"PROTOCOL_request_buffering {buffering};")
    body = os.urandom(size)
    for _ in range(3):
        reply = http.get(nginx.address, "/", "POST", body=body)
        if cut and size > 0 and reply.status == 400:
            server.wait_line("scgi_request_buffering off")
            continue
        assert hashlib.sha256(body).hexdigest().encode() in reply.body, nginx.errors()
        assert not cut or size < 3000000


def test_replies(site: Front) -> None:
    server, nginx = site()
    for _ in range(3):
        assert http.get(nginx.address, "/").body == b"0123456789" * 100000
        assert http.get(nginx.address, "/file").body == b"0123456789" * 200000
        assert http.get(nginx.address, "/", "HEAD").status == 200
    assert "[error]" not in nginx.errors(), nginx.errors()
    assert "Traceback" not in server.log


@pytest.mark.parametrize("path", ["/short", "/break"])
def test_a_broken_reply_is_seen_to_be_broken(
    site: Front, path: str, request: pytest.FixtureRequest
) -> None:
    if path == "/break" and "scgi" in request.node.callspec.params["front"].split("-"):
        pytest.skip("the end of such an SCGI reply is the end of its connection")
    _, nginx = site()
    try:
        reply = http.get(nginx.address, path)
    except AssertionError:
        pass
    else:
        assert reply.status == 502
    assert "prematurely closed" in nginx.errors() or "reset by peer" in nginx.errors()


def test_reloads_lose_nothing(site: Front) -> None:
    server, nginx = site("--master", "-p", "2")
    pids = set()
    for generation in range(2, 4):
        pids.add(http.get(nginx.address, "/pid").body)
        server.send(signal.SIGHUP)
        while f"generation={generation} serves" not in server.log:
            reply = http.get(nginx.address, "/pid")
            assert reply.status == 200, nginx.errors()
        server.wait_line(f"generation={generation} serves")
    for _ in range(20):
        assert http.get(nginx.address, "/pid").status == 200
    assert "[error]" not in nginx.errors(), nginx.errors()


@pytest.mark.parametrize(
    ("protocol", "announced", "status", "said"),
    [
        ("uwsgi", "$content_length", 408, "uwsgi_param CONTENT_LENGTH"),
        ("uwsgi", '""', 200, ""),
        ("scgi", "", 408, "nginx announces it by SCGI whatever it is told"),
        ("scgi", '""', 400, "an empty CONTENT_LENGTH, or with two"),
        ("fastcgi", "$content_length", 400, "shorter than its CONTENT_LENGTH"),
        ("fastcgi", '""', 200, ""),
    ],
)
def test_a_body_that_nginx_does_not_pass_on(
    start: StartServer,
    nginx: Callable[[str], Nginx],
    tmp_path: Path,
    protocol: str,
    announced: str,
    status: int,
    said: str,
) -> None:
    """As documented in docs/howto/gateways.md."""
    (tmp_path / "app.py").write_text(APPLICATION)
    port = free_port()
    option = "--socket" if protocol == "uwsgi" else f"--{protocol}-socket"
    server = start(option, f"127.0.0.1:{port}", "-w", "app", "--socket-timeout", "2", cwd=tmp_path)
    server.wait_ready()
    params = FASTCGI_PARAMS.replace("fastcgi_param", f"{protocol}_param").splitlines()
    shown = "\n".join(line for line in params if "CONTENT_LENGTH" not in line)
    if protocol == "scgi":
        shown += "\nscgi_param SCGI 1;"
    if announced:
        shown += f"\n{protocol}_param CONTENT_LENGTH {announced};"
    front = nginx(f"""
        server {{
            listen 127.0.0.1:PORT;
            location / {{
                {shown}
                {protocol}_pass 127.0.0.1:{port};
                {protocol}_pass_request_body off;
            }}
        }}
    """)
    assert http.get(front.address, "/pid", "POST", body=b"hello").status == status
    if said:
        server.wait_line(said)
