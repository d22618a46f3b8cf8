"""HTTPS over real sockets."""

import json
import os
import re
import signal
import socket
import ssl
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.support import certificates, http
from tests.support.net import exchange
from tests.support.processes import wait_until
from tests.support.server import Server
from tests.support.uwsgi import packet, variables

APPLICATION = """
import json, os, tempfile

def application(environ, start_response):
    path, query = environ["PATH_INFO"], environ["QUERY_STRING"]
    if path == "/large":
        start_response("200 OK", [])
        return [b"0123456789" * int(query)]
    if path == "/pieces":
        start_response("200 OK", [])
        return (b"0123456789" * 1000 for _ in range(int(query)))
    if path == "/file":
        file = tempfile.TemporaryFile()
        file.write(b"0123456789" * int(query))
        file.seek(0)
        start_response("200 OK", [("Content-Length", str(10 * int(query)))])
        return environ["wsgi.file_wrapper"](file)
    if path == "/break":
        start_response("200 OK", [("Content-Length", "10")])
        return [b"short"]
    if path == "/echo":
        start_response("200 OK", [])
        return [environ["wsgi.input"].read()]
    if path == "/pid":
        start_response("200 OK", [])
        return [str(os.getpid()).encode()]
    start_response("200 OK", [])
    names = {name: value for name, value in environ.items() if isinstance(value, str)}
    return [json.dumps(names).encode()]
"""

Address = tuple[str, int]
Started = Callable[..., tuple[Server, Address]]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    certificates.make(tmp_path)
    (tmp_path / "app.py").write_text(APPLICATION)
    return tmp_path


@pytest.fixture
def site(start: StartServer, directory: Path, port: Callable[[], int]) -> Started:
    def _start(
        *args: str, option: str = "--https-socket", more: str = ""
    ) -> tuple[Server, Address]:
        address = ("127.0.0.1", port())
        where = f"127.0.0.1:{address[1]},server.pem,server.key{more}"
        server = start(option, where, "-w", "app", *args, cwd=directory)
        server.wait_ready()
        return server, address

    return _start


class Client(http.Client):
    """One connection over TLS."""

    def __init__(self, address: Address, context: ssl.SSLContext, timeout: float = 10.0) -> None:
        super().__init__(address, timeout)
        try:
            self.sock = context.wrap_socket(
                self.sock, server_hostname="localhost", suppress_ragged_eofs=False
            )
        except BaseException:
            self.sock.close()
            raise


def ask(client: http.Client, target: str, body: bytes = b"") -> http.Response:
    return client.request(target, "POST" if body else "GET", (("Host", "localhost"),), body)


@pytest.mark.parametrize("threads", ["1", "4"])
def test_requests(site: Started, directory: Path, threads: str) -> None:
    server, address = site("--threads", threads)
    with Client(address, certificates.trusting(directory)) as client:
        environ = json.loads(ask(client, "/").body)
        assert (environ["wsgi.url_scheme"], environ["HTTPS"]) == ("https", "on")
        assert environ["SSL_PROTOCOL"] == "TLSv1.3"
        assert ask(client, "/large?100000").body == b"0123456789" * 100000
        assert ask(client, "/pieces?100").body == b"0123456789" * 100000
        assert ask(client, "/file?100000").body == b"0123456789" * 100000
        body = os.urandom(500000)
        assert ask(client, "/echo", body).body == body
    assert "BEGIN" not in server.log
    assert f"listening 127.0.0.1:{address[1]} protocol=http tls=on\n" in server.log


def test_a_client_that_reads_late(site: Started, directory: Path) -> None:
    _, address = site()
    context = certificates.trusting(directory)
    with Client(address, context) as slow, Client(address, context) as other:
        slow.sock.sendall(b"GET /pieces?800 HTTP/1.1\r\nHost: a\r\n\r\n")
        assert ask(other, "/echo", b"hello").body == b"hello"
        assert len(slow.receive("GET").body) == 8000000


def test_a_slow_handshake_holds_nobody_and_is_closed(site: Started, directory: Path) -> None:
    _, address = site("--http-timeout", "2")
    with socket.create_connection(address, 10) as slow:
        slow.sendall(b"\x16\x03\x01\x02\x00\x01")
        with Client(address, certificates.trusting(directory)) as client:
            assert ask(client, "/pid").status == 200
        assert slow.recv(10) == b""


def test_plain_http(site: Started) -> None:
    _, address = site()
    raw = exchange(address, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert raw.startswith(b"HTTP/1.1 400 ")
    assert b"plain HTTP" in raw


def test_the_end_of_a_reply_is_a_close_notify(site: Started, directory: Path) -> None:
    _, address = site()
    context = certificates.trusting(directory)
    with Client(address, context) as client:
        client.sock.sendall(b"GET /pid HTTP/1.0\r\n\r\n")
        received = b""
        # An end without a close_notify would be an SSLEOFError.
        while piece := client.sock.recv(65536):
            received += piece
        assert received.startswith(b"HTTP/1.1 200 ")
    with Client(address, context) as client:
        client.sock.sendall(b"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.sock.recv(65536).startswith(b"HTTP/1.1 400 ")
        assert client.sock.recv(65536) == b""


def test_a_broken_reply_has_no_orderly_end(site: Started, directory: Path) -> None:
    _, address = site()
    with Client(address, certificates.trusting(directory)) as client:
        client.sock.sendall(b"GET /break HTTP/1.1\r\nHost: a\r\n\r\n")
        with pytest.raises((ssl.SSLEOFError, ConnectionResetError)):
            client.sock.makefile("rb").read()


def test_expect_continue(site: Started, directory: Path) -> None:
    _, address = site()
    with Client(address, certificates.trusting(directory)) as client:
        head = (
            b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        )
        client.sock.sendall(head)
        assert client.sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sock.sendall(b"hello")
        assert client.receive("POST").body == b"hello"


def test_client_certificates(site: Started, directory: Path) -> None:
    certificates.make(directory, "client", "/O=Example/CN=somebody")
    _, address = site(more=",,!ca.pem")
    with Client(address, certificates.trusting(directory, "client")) as client:
        environ = json.loads(ask(client, "/").body)
        assert environ["SSL_CLIENT_VERIFY"] == "SUCCESS"
        assert environ["HTTPS_DN"] == "/O=Example/CN=somebody"
    with (
        pytest.raises((ssl.SSLError, ConnectionResetError, AssertionError)),
        Client(address, certificates.trusting(directory)) as client,
    ):
        ask(client, "/")


def test_a_reload_reads_the_certificate_again(site: Started, directory: Path) -> None:
    server, address = site("--master")
    before = certificates.trusting(directory)
    with Client(address, before) as kept:
        assert ask(kept, "/pid").status == 200
        (directory / "ca.pem").unlink()
        certificates.make(directory)
        server.send(signal.SIGHUP)
        server.wait_line("generation=2 serves")

        def is_refused() -> bool:
            try:
                with Client(address, before):
                    return False
            except ssl.SSLCertVerificationError:
                return True

        # A worker of the first generation may have taken one more.
        wait_until(is_refused, 10, "the new certificate is shown")
        with Client(address, certificates.trusting(directory)) as client:
            assert ask(client, "/pid").status == 200
        # What cannot be handed over is closed in order, once it is idle.
        kept.sock.settimeout(30)
        assert kept.sock.recv(10) == b""


def test_a_reload_without_a_key_is_refused(site: Started, directory: Path) -> None:
    server, address = site("--master")
    (directory / "server.key").rename(directory / "away.key")
    server.send(signal.SIGHUP)
    server.wait_line("generation=2 dropped.*server.key: no such file")
    with Client(address, certificates.trusting(directory)) as client:
        assert ask(client, "/pid").status == 200


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_key_for_root_alone(site: Started, directory: Path) -> None:
    (directory / "server.key").chmod(0o600)
    # It imports nothing: that user may not be able to read this Python's library.
    (directory / "app.py").write_text(
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [b'served']\n"
    )
    for each in (directory, *directory.parents):
        if each.stat().st_uid == 0 and not each.stat().st_mode & 0o5:
            each.chmod(0o755)
    server, address = site("--master", "--uid", "nobody")
    for generation in (1, 2):
        with Client(address, certificates.trusting(directory)) as client:
            assert ask(client, "/").status == 200
        server.send(signal.SIGHUP)
        server.wait_line(f"generation={generation + 1} serves")


def test_https2_and_suwsgi(site: Started, start: StartServer, directory: Path) -> None:
    _, address = site(option="--suwsgi-socket")
    context = certificates.trusting(directory)
    plain = socket.create_connection(address, 10)
    with context.wrap_socket(plain, server_hostname="localhost") as sock:
        sock.sendall(packet(variables("/pid")))
        assert sock.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")
    server = start(
        *("--https2", "addr=127.0.0.1:0,cert=server.pem,key=server.key", "-w", "app"),
        cwd=directory,
    )
    server.wait_ready()
    found = re.search(r"127\.0\.0\.1:(\d+)", server.log)
    assert found
    with Client(("127.0.0.1", int(found[1])), context) as client:
        assert ask(client, "/pid").status == 200


def test_the_modern_door(start: StartServer, directory: Path, port: Callable[[], int]) -> None:
    address = ("127.0.0.1", port())
    server = start(
        *("--bind", "{}:{}".format(*address), "--tls-cert", "server.pem"),
        *("--tls-key", "server.key", "app:application"),
        argv=[sys.executable, "-m", "quaich", "serve"],
        cwd=directory,
    )
    server.wait_ready()
    with Client(address, certificates.trusting(directory)) as client:
        assert ask(client, "/pid").status == 200


def test_behind_a_balancer(site: Started, directory: Path) -> None:
    _, address = site("--http-enable-proxy-protocol")
    sock = socket.create_connection(address, 10)
    sock.sendall(b"PROXY TCP4 192.0.2.1 10.0.0.1 50000 443\r\n")
    context = certificates.trusting(directory)
    with context.wrap_socket(sock, server_hostname="localhost") as wrapped:
        wrapped.sendall(b"GET / HTTP/1.0\r\n\r\n")
        raw = b""
        while piece := wrapped.recv(65536):
            raw += piece
    environ = json.loads(http.parse(raw).body)
    assert (environ["REMOTE_ADDR"], environ["wsgi.url_scheme"]) == ("192.0.2.1", "https")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--https-socket", ":0,server.pem"), "expected address,certificate,key"),
        (("--https-socket", ":0,server.pem,nowhere.key"), "nowhere.key: no such file"),
        (("--https-socket", ":0,server.pem,ca.key"), "key values mismatch"),
        (("--https2", "addr=:0,cert=server.pem"), "expected addr=ADDRESS"),
    ],
)
def test_what_cannot_be_used(
    start: StartServer, directory: Path, args: tuple[str, ...], said: str
) -> None:
    server = start(*args, "-w", "app", cwd=directory)
    assert server.process.wait(20) == 1
    assert said in server.log
    assert "Traceback" not in server.log
