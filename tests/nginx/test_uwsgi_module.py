"""nginx's uwsgi module against the server the way nginx's own test-suite runs it.

That suite starts ``uwsgi --socket 127.0.0.1:PORT --wsgi-file APP --logto LOG`` from the PATH, after
looking for ``--wsgi-file`` in ``uwsgi -h``.  Its applications return a bare bytes object, and some
of its packets have neither REQUEST_METHOD nor PATH_INFO.
"""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.support import http
from tests.support.net import exchange
from tests.support.nginx import Nginx, version
from tests.support.ports import free_port
from tests.support.server import Server, install_commands, run
from tests.support.uwsgi import get

pytestmark = pytest.mark.nginx

HEADERS_APP = """
def application(env, start_response):
    start_response('200 OK', [
        ('Content-Type', 'text/plain'),
        ('X-Forwarded-For', env.get('HTTP_X_FORWARDED_FOR', '')),
        ('X-Cookie', env.get('HTTP_COOKIE', '')),
        ('X-Foo', env.get('HTTP_FOO', '')),
        ('X-Seen-Blah', env.get('HTTP_X_BLAH', '')),
    ])
    return b"answer from the application"
"""

BODY_APP = """
def application(env, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    if 'CONTENT_LENGTH' not in env:
        return b"no length"
    length = int(env['CONTENT_LENGTH'])
    return b"length=%d body=%r" % (length, env['wsgi.input'].read(length))
"""

Uwsgi = Callable[[str], tuple[Server, int, Path]]


@pytest.fixture
def bin_directory(tmp_path: Path) -> Path:
    install_commands(tmp_path / "bin", "uwsgi")
    return tmp_path / "bin"


@pytest.fixture
def uwsgi(bin_directory: Path, start: StartServer, tmp_path: Path) -> Uwsgi:
    """Start ``uwsgi`` on an application; the server, its port and the file it logs to."""

    def _start(application: str) -> tuple[Server, int, Path]:
        app, log, port = tmp_path / "test_app.py", tmp_path / "uwsgi.log", free_port()
        app.write_text(application)
        server = start(
            *("--socket", f"127.0.0.1:{port}", "--wsgi-file", str(app), "--logto", str(log)),
            argv=[str(bin_directory / "uwsgi")],
        )
        server.wait_listening(("127.0.0.1", port))
        return server, port, log

    return _start


def test_help_names_wsgi_file(bin_directory: Path, tmp_path: Path) -> None:
    done = run([str(bin_directory / "uwsgi"), "-h"], cwd=tmp_path)
    assert done.returncode == 0
    assert "--wsgi-file" in done.stdout


@pytest.fixture
def front(uwsgi: Uwsgi, nginx: Callable[[str], Nginx]) -> Nginx:
    """nginx with as few parameters as the module's own tests give it."""
    _, port, _ = uwsgi(HEADERS_APP)
    return nginx(f"""
        upstream u {{ server 127.0.0.1:{port}; }}
        server {{
            listen 127.0.0.1:PORT;
            location / {{
                uwsgi_pass 127.0.0.1:{port};
                uwsgi_param SERVER_PROTOCOL $server_protocol;
                uwsgi_param HTTP_X_BLAH "from nginx";
            }}
            location /var {{
                uwsgi_pass $arg_b;
                uwsgi_param SERVER_PROTOCOL $server_protocol;
            }}
            location /by-port {{
                uwsgi_pass 127.0.0.1:{port};
                uwsgi_param SERVER_PROTOCOL $server_protocol;
                uwsgi_param REQUEST_METHOD $request_method;
            }}
        }}
    """)


def test_answers(front: Nginx) -> None:
    reply = http.get(front.address)
    assert (reply.status, reply.body) == (200, b"answer from the application")


def test_head_has_no_body(front: Nginx) -> None:
    for target in ("/", "/by-port"):
        raw = exchange(
            front.address,
            f"HEAD {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode(),
        )
        assert raw.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"answer" not in raw


def test_a_parameter_replaces_the_clients_headers(front: Nginx) -> None:
    headers = (("Host", "localhost"), *[("X-Blah", "from the client")] * 19)
    reply = http.get(front.address, headers=headers)
    assert reply.status == 200
    assert reply.get("X-Seen-Blah") == "from nginx"


def test_variables_name_the_server(front: Nginx, uwsgi: Uwsgi) -> None:
    assert http.get(front.address, "/var?b=u").status == 200


def test_repeated_headers(front: Nginx) -> None:
    repeated = (
        *(("X-Forwarded-For", each) for each in ("foo", "bar", "bazz")),
        *(("Cookie", each) for each in ("foo", "bar", "bazz")),
        *(("Foo", each) for each in ("foo", "bar", "bazz")),
    )
    reply = http.get(front.address, headers=(("Host", "localhost"), *repeated))
    if version() >= (1, 23):
        assert reply.get("X-Foo") == "foo, bar, bazz"
        assert reply.get("X-Forwarded-For") == "foo, bar, bazz"
        assert reply.get("X-Cookie") == "foo; bar; bazz"
    else:
        # An older nginx sends the variable three times, and as with uWSGI the last one counts.
        assert reply.get("X-Foo") == "bazz"


@pytest.mark.parametrize(
    ("request_bytes", "expected"),
    [
        pytest.param(b"\r\n", b"no length", id="none"),
        pytest.param(b"Content-Length: 6\r\n\r\nfoobar", b"length=6 body=b'foobar'", id="length"),
        pytest.param(b"Content-Length: 0\r\n\r\n", b"length=0 body=b''", id="zero"),
        pytest.param(
            b"Transfer-Encoding: chunked\r\n\r\n6\r\nfoobar\r\n0\r\n\r\n",
            b"length=6 body=b'foobar'",
            id="chunked",
        ),
        pytest.param(
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"length=0 body=b''", id="chunked-empty"
        ),
    ],
)
def test_body(
    request_bytes: bytes, expected: bytes, uwsgi: Uwsgi, nginx: Callable[[str], Nginx]
) -> None:
    _, port, _ = uwsgi(BODY_APP)
    front = nginx(f"""
        server {{
            listen 127.0.0.1:PORT;
            set $early $content_length;
            location / {{
                uwsgi_pass 127.0.0.1:{port};
                uwsgi_param CONTENT_LENGTH $content_length if_not_empty;
            }}
        }}
    """)
    head = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    reply = http.parse(exchange(front.address, head + request_bytes))
    assert (reply.status, reply.body) == (200, expected)


def test_logs_to_the_file_and_stops_on_term(uwsgi: Uwsgi) -> None:
    server, port, log = uwsgi(HEADERS_APP)
    assert get(("127.0.0.1", port)).status == 200
    assert log.exists()
    server.send(signal.SIGTERM)
    server.wait_exit()
    server.wait_gone()
