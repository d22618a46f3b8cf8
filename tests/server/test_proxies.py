"""Balancers and proxies before the server: the PROXY protocol, and what headers say of clients."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import StartServer
from tests.support import http
from tests.support.gateways import FastCGI
from tests.support.net import Address, connect, exchange
from tests.support.server import Server
from tests.support.uwsgi import get
from tests.unit.wire.test_proxy import V4, block, tlv

LINE = b"PROXY TCP4 192.0.2.1 10.0.0.1 50000 443\r\n"
REQUEST = b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

Started = Callable[..., tuple[Server, Address]]


@pytest.fixture
def site(start: StartServer, apps: Path, port: Callable[[], int]) -> Started:
    def _start(*args: str, option: str = "--http-socket") -> tuple[Server, Address]:
        address = ("127.0.0.1", port())
        server = start(option, "{}:{}".format(*address), "-w", "environ_json", *args, cwd=apps)
        server.wait_ready()
        return server, address

    return _start


def seen(raw: bytes) -> dict[str, Any]:
    reply = http.parse(raw)
    assert reply.status == 200, raw
    environ: dict[str, Any] = json.loads(reply.body)
    return environ


class TestProxyProtocol:
    def test_the_client(self, site: Started) -> None:
        server, address = site("--http-enable-proxy-protocol")
        for header in (LINE, block(V4), block(V4 + tlv(4, b"pad"))):
            environ = seen(exchange(address, header + REQUEST))
            assert (environ["REMOTE_ADDR"], environ["REMOTE_PORT"]) == ("192.0.2.1", "50000")
            assert environ["wsgi.url_scheme"] == "http"
        environ = seen(exchange(address, block(V4 + tlv(0x20, b"\1" + bytes(4))) + REQUEST))
        assert (environ["wsgi.url_scheme"], environ["HTTPS"]) == ("https", "on")
        server.wait_line(r" 192\.0\.2\.1 \(\) ")

    def test_health_checks(self, site: Started) -> None:
        _, address = site("--enable-proxy-protocol")
        for header in (b"PROXY UNKNOWN\r\n", block(b"", command=0x20, family=0)):
            assert seen(exchange(address, header + REQUEST))["REMOTE_ADDR"] == "127.0.0.1"

    def test_octet_by_octet_and_many_requests(self, site: Started) -> None:
        _, address = site("--http-enable-proxy-protocol")
        with connect(address) as sock:
            for octet in LINE + b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n":
                sock.sendall(bytes((octet,)))
            client = http.Client.__new__(http.Client)
            client.sock, client.timeout, client.buffer = sock, 10.0, b""
            assert json.loads(client.receive("GET").body)["REMOTE_ADDR"] == "192.0.2.1"
            sock.sendall(b"GET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
            assert json.loads(client.receive("GET").body)["REMOTE_ADDR"] == "192.0.2.1"

    @pytest.mark.parametrize(
        "data",
        [
            REQUEST,
            LINE.replace(b"192.0.2.1", b"192.0.2.256") + REQUEST,
            b"PROXY TCP4\r\n" + REQUEST,
            LINE + LINE + REQUEST,
            block(V4, family=0x41) + REQUEST,
            block(V4[:-1]) + REQUEST,
        ],
    )
    def test_what_is_refused(self, site: Started, data: bytes) -> None:
        server, address = site("--http-enable-proxy-protocol")
        assert exchange(address, data).startswith(b"HTTP/1.1 400 ")
        if not data.startswith(LINE * 2):
            server.wait_line("refused .* 127.0.0.1: ")

    def test_a_peer_that_is_not_trusted(self, site: Started) -> None:
        _, address = site("--http-enable-proxy-protocol", "--forwarded-allow", "10.0.0.0/8")
        assert seen(exchange(address, REQUEST))["REMOTE_ADDR"] == "127.0.0.1"
        for header in (LINE, block(V4)):
            assert exchange(address, header + REQUEST).startswith(b"HTTP/1.1 400 ")

    def test_without_the_option(self, site: Started) -> None:
        _, address = site()
        assert exchange(address, LINE + REQUEST).startswith(b"HTTP/1.1 400 ")

    def test_who_sends_half_a_header_is_closed(self, site: Started) -> None:
        _, address = site("--http-enable-proxy-protocol", "--http-timeout", "1")
        assert exchange(address, LINE[:-1]) == b""

    def test_a_reload(self, site: Started) -> None:
        server, address = site("--http-enable-proxy-protocol", "--master")
        with connect(address) as sock:
            client = http.Client.__new__(http.Client)
            client.sock, client.timeout, client.buffer = sock, 10.0, b""
            sock.sendall(LINE)
            for generation in (2, 3):
                sock.sendall(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n")
                assert json.loads(client.receive("GET").body)["REMOTE_ADDR"] == "192.0.2.1"
                server.send(signal.SIGHUP)
                server.wait_line(f"generation={generation} serves")


FIELDS = (
    ("Host", "a"),
    ("X-Forwarded-For", "6.6.6.6, 192.0.2.1, 127.0.0.2"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "evil.example"),
)


class TestForwarded:
    def test_a_trusted_proxy(self, site: Started) -> None:
        server, address = site("--forwarded-allow", "127.0.0.0/8")
        environ = json.loads(http.get(address, headers=FIELDS).body)
        assert environ["REMOTE_ADDR"] == "192.0.2.1"
        assert "REMOTE_PORT" not in environ
        assert environ["wsgi.url_scheme"] == "https"
        assert environ["HTTP_X_FORWARDED_HOST"] == "evil.example"
        server.wait_line(r" 192\.0\.2\.1 \(\) ")
        said = 'for=6.6.6.6, for="192.0.2.7:80";proto=https, for=127.0.0.1'
        environ = json.loads(http.get(address, headers=(("Host", "a"), ("Forwarded", said))).body)
        assert (environ["REMOTE_ADDR"], environ["REMOTE_PORT"]) == ("192.0.2.7", "80")
        assert environ["wsgi.url_scheme"] == "https"

    def test_anybody_else(self, site: Started) -> None:
        _, address = site("--forwarded-allow", "10.0.0.0/8,unix")
        fields = (*FIELDS, ("Forwarded", "for=6.6.6.6;proto=https"), ("X-Real-IP", "6.6.6.6"))
        environ = json.loads(http.get(address, headers=fields).body)
        assert (environ["REMOTE_ADDR"], environ["wsgi.url_scheme"]) == ("127.0.0.1", "http")
        assert not [name for name in environ if "FORWARDED" in name or "REAL_IP" in name]

    def test_where_nothing_is_said(self, site: Started) -> None:
        _, address = site()
        environ = json.loads(http.get(address, headers=FIELDS).body)
        assert (environ["REMOTE_ADDR"], environ["wsgi.url_scheme"]) == ("127.0.0.1", "https")
        assert environ["HTTP_X_FORWARDED_FOR"] == FIELDS[1][1]

    @pytest.mark.parametrize(
        ("nearest", "client"), [("127.0.0.1", "192.0.2.1"), ("198.51.100.7", "198.51.100.7")]
    )
    def test_gateways(self, site: Started, nearest: str, client: str) -> None:
        more = {"HTTP_X_FORWARDED_FOR": FIELDS[1][1], "REMOTE_ADDR": nearest}
        _, address = site("--forwarded-allow", "127.0.0.0/8", option="--socket")
        assert json.loads(get(address, **more).body)["REMOTE_ADDR"] == client
        _, address = site("--forwarded-allow", "127.0.0.0/8", option="--fastcgi-socket")
        with FastCGI(address) as connection:
            assert json.loads(connection.ask(**more).body)["REMOTE_ADDR"] == client
        _, address = site("--forwarded-allow", "10.0.0.0/8", option="--socket")
        environ = json.loads(get(address, HTTP_X_FORWARDED_PROTO="https", **more).body)
        assert (environ["REMOTE_ADDR"], environ["wsgi.url_scheme"]) == (nearest, "http")

    def test_a_unix_socket_by_its_word(
        self, start: StartServer, apps: Path, tmp_path: Path
    ) -> None:
        for number, (allowed, address) in enumerate((("unix", "127.0.0.2"), ("10.0.0.1", ""))):
            path = str(tmp_path / f"{number}.sock")
            args = ("--http-socket", path, "-w", "environ_json", "--forwarded-allow", allowed)
            start(*args, cwd=apps).wait_ready()
            assert json.loads(http.get(path, headers=FIELDS).body)["REMOTE_ADDR"] == address

    def test_what_is_not_understood(self, start: StartServer, apps: Path) -> None:
        server = start("--http-socket", ":0", "-w", "hello", "--forwarded-allow", "lan", cwd=apps)
        assert server.process.wait(20) == 1
        assert "forwarded-allow" in server.log
        assert "addresses and networks" in server.log
