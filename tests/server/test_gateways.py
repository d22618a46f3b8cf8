"""SCGI and FastCGI as their fronts speak them, over real sockets."""

import os
import signal
import socket
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.support.gateways import (
    ABORT,
    END,
    GET_VALUES,
    GET_VALUES_RESULT,
    KEEP,
    PARAMS,
    STDIN,
    UNKNOWN_TYPE,
    FastCGI,
    begin,
    cgi,
    pairs,
    record,
    request,
    scgi,
    scgi_get,
)
from tests.support.net import Address, connect, exchange
from tests.support.processes import wait_until
from tests.support.server import Server
from tests.support.uwsgi import variables

APPLICATION = """
import os, tempfile

def application(environ, start_response):
    path = environ["PATH_INFO"]
    query = environ["QUERY_STRING"]
    if path == "/count":
        with open("count", "a") as file:
            file.write("x")
        start_response("200 OK", [])
        return [b"counted"]
    if path == "/large":
        start_response("200 OK", [])
        return [b"0123456789" * int(query)]
    if path == "/pieces":
        start_response("200 OK", [])
        return (b"0123456789" * 1000 for _ in range(int(query)))
    if path == "/file":
        file = tempfile.TemporaryFile()
        file.write(b"0123456789" * int(query))
        file.seek(5)
        start_response("200 OK", [("Content-Length", str(10 * int(query) - 5))])
        return environ["wsgi.file_wrapper"](file)
    if path == "/truncated":
        file = tempfile.TemporaryFile()
        file.write(b"0123456789" * 100000)
        file.seek(0)
        start_response("200 OK", [("Content-Length", "2000000")])
        return environ["wsgi.file_wrapper"](file)
    if path == "/write":
        write = start_response("200 OK", [])
        write(b"one,")
        write(b"two,")
        return [b"three"]
    if path == "/short":
        start_response("200 OK", [("Content-Length", "10")])
        return [b"short"]
    if path == "/long":
        start_response("200 OK", [("Content-Length", "4")])
        return iter([b"lo", b"nger"])
    if path == "/raise":
        raise ValueError("wrong")
    if path == "/break":
        start_response("200 OK", [])
        def broken():
            yield b"half"
            raise ValueError("wrong")
        return broken()
    if path == "/empty":
        start_response("204 No Content", [])
        return []
    if path == "/pid":
        start_response("200 OK", [])
        return [str(os.getpid()).encode()]
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("X-Length", environ.get("CONTENT_LENGTH", "none"))])
    return [body]
"""

Started = Callable[..., tuple[Server, Address]]


@pytest.fixture(params=["tcp", "unix"])
def gateway(
    request: pytest.FixtureRequest, start: StartServer, tmp_path: Path, port: Callable[[], int]
) -> Started:
    """Start the application behind ``option``; the server, and where it listens."""

    def _start(option: str, *args: str) -> tuple[Server, Address]:
        (tmp_path / "app.py").write_text(APPLICATION)
        path = str(tmp_path / "app.sock")
        number = port()
        where = f"127.0.0.1:{number}" if request.param == "tcp" else path
        server = start(option, where, "-w", "app", *args, cwd=tmp_path)
        server.wait_ready()
        return server, ("127.0.0.1", number) if request.param == "tcp" else path

    return _start


def ran(directory: Path) -> int:
    path = directory / "count"
    return len(path.read_text()) if path.exists() else 0


class TestScgi:
    def test_requests(self, gateway: Started) -> None:
        server, address = gateway("--scgi-socket")
        assert scgi_get(address, "/x", "POST", b"hello").body == b"hello"
        assert scgi_get(address, "/large?20000").body == b"0123456789" * 20000
        assert scgi_get(address, "/pieces?30").body == b"0123456789" * 30000
        assert scgi_get(address, "/file?30000").body == (b"0123456789" * 30000)[5:]
        assert scgi_get(address, "/large?9", "HEAD").body == b""
        assert scgi_get(address, "/raise").status == 500
        assert scgi_get(address, "/empty").status == 204
        reply = scgi_get(address, "/write")
        assert (reply.status, reply.body) == (200, b"one,two,three")
        assert "GET /pieces?30" in server.log

    def test_the_head_of_a_reply(self, gateway: Started) -> None:
        _, address = gateway("--scgi-socket")
        raw = exchange(address, scgi({"PATH_INFO": "/large", "QUERY_STRING": "1"}))
        assert raw == b"Status: 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"

    def test_octet_by_octet(self, gateway: Started) -> None:
        _, address = gateway("--scgi-socket")
        wanted = {"PATH_INFO": "/x", "QUERY_STRING": "", "REQUEST_METHOD": "POST"}
        with connect(address) as sock:
            for octet in scgi(wanted, b"hello"):
                sock.sendall(bytes((octet,)))
            raw = b"".join(iter(lambda: sock.recv(65536), b""))
        assert cgi(raw).body == b"hello"

    @pytest.mark.parametrize(
        "data",
        [
            b"GET /count HTTP/1.0\r\n\r\n",
            b"24:CONTENT_LENGTH\x000\x00SCGI\x001\x00.",
            scgi({"PATH_INFO": "/count", "CONTENT_LENGTH": "5"}, b""),
            scgi({"PATH_INFO": "/count"}).replace(b"SCGI\x001", b"SCGI\x002"),
        ],
    )
    def test_lies_run_nothing(self, gateway: Started, data: bytes, tmp_path: Path) -> None:
        server, address = gateway("--scgi-socket")
        assert exchange(address, data).startswith(b"Status: 400 ")
        server.wait_line("refused .*: ")
        assert ran(tmp_path) == 0
        assert scgi_get(address, "/count").body == b"counted"

    def test_a_cut_body_runs_nothing(self, gateway: Started, tmp_path: Path) -> None:
        _, address = gateway("--scgi-socket")
        with connect(address) as sock:
            sock.sendall(scgi({"PATH_INFO": "/count"}, b"hello")[:-1])
            sock.shutdown(socket.SHUT_WR)
            assert sock.recv(100) == b""
        assert ran(tmp_path) == 0


class TestFastcgi:
    def test_many_requests_on_one_connection(self, gateway: Started) -> None:
        _, address = gateway("--fastcgi-socket")
        with FastCGI(address) as client:
            for number in range(5):
                body = b"%d" % number * number
                reply = client.ask("/x", "POST", body)
                assert (reply.status, reply.body) == (200, body)
            assert client.ask("/large?20000").body == b"0123456789" * 20000
            assert client.ask("/pieces?50").body == b"0123456789" * 50000
            assert client.ask("/file?30000").body == (b"0123456789" * 30000)[5:]
            assert client.ask("/file?1").body == b"56789"
            assert client.ask("/large?9", "HEAD").body == b""
            assert client.ask("/empty").status == 204
            assert client.ask("/write").body == b"one,two,three"
            assert client.ask("/long").body == b"long"
            assert client.ask("/pid", flags=0).status == 200
            assert client.at_end()

    def test_a_reply_is_one_record_and_its_end(self, gateway: Started) -> None:
        _, address = gateway("--fastcgi-socket")
        with FastCGI(address) as client:
            for path in ("/large?1", "/long", "/large?1"):
                client.send(request(variables(path), flags=KEEP))
                kinds = [(kind, len(data) > 0) for kind, _, data in client.reply().records]
                assert kinds == ([(6, True)] * (1 + (path == "/long")) + [(6, False), (3, True)])

    @pytest.mark.parametrize("piece", [1, 3, 64])
    def test_streams_in_small_records(self, gateway: Started, piece: int) -> None:
        _, address = gateway("--fastcgi-socket")
        with FastCGI(address) as client:
            for _ in range(2):
                assert client.ask("/x", "POST", b"hello" * 40, piece=piece).body == b"hello" * 40

    def test_octet_by_octet(self, gateway: Started) -> None:
        _, address = gateway("--fastcgi-socket")
        wanted = {"PATH_INFO": "/x", "REQUEST_METHOD": "POST", "QUERY_STRING": ""}
        with FastCGI(address) as client:
            for _ in range(2):
                for octet in request(wanted, b"hello", flags=KEEP, piece=4):
                    client.send(bytes((octet,)))
                assert cgi(client.reply().output).body == b"hello"

    def test_a_large_body(self, gateway: Started) -> None:
        _, address = gateway("--fastcgi-socket", "--post-buffering", "1000")
        with FastCGI(address) as client:
            body = os.urandom(300000)
            for _ in range(2):
                assert client.ask("/x", "POST", body).body == body

    def test_a_client_that_reads_late(self, gateway: Started) -> None:
        _, address = gateway("--fastcgi-socket")
        for path, size in (("/large?400000", 4000000), ("/pieces?400", 4000000)):
            with FastCGI(address) as slow, FastCGI(address) as other:
                slow.send(request(variables(path), flags=KEEP))
                # The worker has one thread: while the slow reply waits it serves others.
                assert other.ask("/x", "POST", b"hello").body == b"hello"
                reply = slow.reply()
                assert (len(cgi(reply.output).body), reply.status) == (size, 0)
                assert slow.ask("/x").status == 200

    def test_management(self, gateway: Started) -> None:
        _, address = gateway("--fastcgi-socket")
        asked = record(GET_VALUES, 0, pairs({"FCGI_MPXS_CONNS": ""}), 3)
        answer = (GET_VALUES_RESULT, 0, pairs({"FCGI_MPXS_CONNS": "0"}))
        with FastCGI(address) as client:
            client.send(asked)
            assert client.record() == answer
            client.send(record(77, 0))
            assert client.record() == (UNKNOWN_TYPE, 0, b"\x4d" + bytes(7))
            assert client.ask("/x").status == 200
            whole = request(variables("/x", "POST", 5), b"hello", flags=KEEP)
            client.send(whole[:16] + asked + whole[16:])
            assert client.record() == answer
            assert cgi(client.reply().output).body == b"hello"

    def test_multiplexing_is_refused_and_the_first_goes_on(self, gateway: Started) -> None:
        _, address = gateway("--fastcgi-socket")
        with FastCGI(address) as client:
            client.send(begin(1, flags=KEEP) + begin(2, flags=KEEP))
            assert client.record() == (END, 2, b"\0\0\0\0\1\0\0\0")
            client.send(record(PARAMS, 2, b"xx") + record(PARAMS, 2) + record(STDIN, 2))
            wanted = pairs(variables("/x", "POST", 5))
            client.send(record(PARAMS, 1, wanted) + record(PARAMS, 1))
            client.send(record(STDIN, 1, b"hello") + record(STDIN, 1))
            assert cgi(client.reply().output).body == b"hello"

    @pytest.mark.parametrize("flags", [0, KEEP])
    def test_other_roles(self, gateway: Started, flags: int) -> None:
        _, address = gateway("--fastcgi-socket")
        with FastCGI(address) as client:
            client.send(begin(1, 2, flags))
            assert client.record() == (END, 1, b"\0\0\0\0\3\0\0\0")
            if flags:
                client.send(record(PARAMS, 1) + record(STDIN, 1))
                assert client.ask("/x").status == 200
            else:
                assert client.at_end()

    @pytest.mark.parametrize("flags", [0, KEEP])
    @pytest.mark.parametrize("body", [False, True])
    def test_abort(self, gateway: Started, tmp_path: Path, flags: int, body: bool) -> None:
        _, address = gateway("--fastcgi-socket")
        with FastCGI(address) as client:
            client.send(begin(1, flags=flags) + record(PARAMS, 1, pairs(variables("/count"))))
            if body:
                client.send(record(PARAMS, 1) + record(STDIN, 1, b"hello"))
            client.send(record(ABORT, 1))
            assert client.reply().status == 0
            if flags:
                assert client.ask("/x").status == 200
            else:
                assert client.at_end()
        assert ran(tmp_path) == 0

    @pytest.mark.parametrize(
        ("path", "output"), [("/short", b"short"), ("/break", b"half"), ("/truncated", b"")]
    )
    def test_a_broken_reply_has_no_end(self, gateway: Started, path: str, output: bytes) -> None:
        server, address = gateway("--fastcgi-socket")
        with FastCGI(address) as client:
            client.send(request(variables(path), flags=KEEP))
            reply = client.reply()
            assert reply.status is None
            assert END not in [kind for kind, _, _ in reply.records]
            assert reply.output.endswith(output) or not reply.output
        with FastCGI(address) as client:
            assert client.ask("/x").status == 200
        server.wait_line("application")

    def test_an_application_that_fails(self, gateway: Started) -> None:
        _, address = gateway("--fastcgi-socket")
        with FastCGI(address) as client:
            assert client.ask("/raise").status == 500
            assert client.at_end()

    @pytest.mark.parametrize("length", [4, 6, 0])
    def test_a_body_of_another_length_runs_nothing(
        self, gateway: Started, tmp_path: Path, length: int
    ) -> None:
        server, address = gateway("--fastcgi-socket")
        with FastCGI(address) as client:
            client.send(request(variables("/count", "POST", length), b"hello", flags=KEEP))
            reply = client.reply()
            assert (cgi(reply.output).status, reply.status) == (400, 0)
            assert client.at_end()
        server.wait_line("refused .*: a body (longer|shorter) than its CONTENT_LENGTH")
        assert ran(tmp_path) == 0

    @pytest.mark.parametrize(
        "data",
        [
            b"\2",
            b"\0\0\0\0",
            record(STDIN, 1, b"x"),
            record(PARAMS, 0, b"x"),
            struct.pack(">BBHHBB", 1, 9, 0, 65535, 255, 0),
            b"GET /count HTTP/1.0\r\n\r\n",
        ],
    )
    def test_garbage(self, gateway: Started, tmp_path: Path, data: bytes) -> None:
        server, address = gateway("--fastcgi-socket")
        raw = exchange(address, data)
        assert raw.startswith(b"HTTP/1.1 400 ")
        server.wait_line("refused .*: ")
        assert ran(tmp_path) == 0
        with FastCGI(address) as client:
            assert client.ask("/count").status == 200

    def test_who_asks_and_does_not_read_is_dropped(self, gateway: Started) -> None:
        _, address = gateway("--fastcgi-socket")
        with FastCGI(address) as client:
            asked = record(GET_VALUES, 0, pairs({"FCGI_MPXS_CONNS": ""})) * 10000
            with pytest.raises((BrokenPipeError, ConnectionResetError)):
                client.send(asked * 100)
        with FastCGI(address) as client:
            assert client.ask("/x").status == 200

    def test_a_head_that_never_ends_is_closed(self, gateway: Started) -> None:
        _, address = gateway("--fastcgi-socket", "--socket-timeout", "1")
        with FastCGI(address) as client:
            client.send(begin())
            assert client.at_end()

    def test_a_body_that_never_ends_is_refused(self, gateway: Started) -> None:
        _, address = gateway("--fastcgi-socket", "--socket-timeout", "1")
        with FastCGI(address) as client:
            client.send(request(variables("/x", "POST", 9), b"hello")[:-8])
            reply = client.reply()
            assert (cgi(reply.output).status, reply.status) == (408, 0)

    def test_no_keep_alive(self, gateway: Started) -> None:
        _, address = gateway("--fastcgi-socket", "--http-keepalive=0")
        with FastCGI(address) as client:
            assert client.ask("/x").status == 200
            assert client.at_end()


def test_idle_connections_live_through_a_reload(gateway: Started, tmp_path: Path) -> None:
    server, address = gateway("--fastcgi-socket", "--master")
    with FastCGI(address) as client, FastCGI(address) as middle:
        first = client.ask("/pid").body
        whole = request(variables("/x", "POST", 5), b"hello", flags=KEEP)
        middle.send(whole[:40])
        # Half of a record's header goes with the connection.
        client.send(whole[:5])
        os.kill(server.pid, signal.SIGHUP)
        server.wait_line("generation=2 serves")
        middle.send(whole[40:])
        assert cgi(middle.reply().output).body == b"hello"
        client.send(whole[5:])
        assert cgi(client.reply().output).body == b"hello"
        wait_until(lambda: client.ask("/pid").body != first, 10, "another worker answers")


def test_threads(gateway: Started) -> None:
    _, address = gateway("--fastcgi-socket", "--threads", "4")
    clients = [FastCGI(address) for _ in range(8)]
    try:
        for _ in range(3):
            for client in clients:
                client.send(request(variables("/pieces?100"), flags=KEEP))
            for client in clients:
                reply = client.reply()
                assert (len(cgi(reply.output).body), reply.status) == (1000000, 0)
    finally:
        for client in clients:
            client.socket.close()


@pytest.mark.parametrize("protocol", ["scgi", "fastcgi"])
def test_the_protocol_option(
    start: StartServer, tmp_path: Path, port: Callable[[], int], protocol: str
) -> None:
    (tmp_path / "app.py").write_text(APPLICATION)
    address = ("127.0.0.1", port())
    args = ("--socket", "{}:{}".format(*address), "--protocol", protocol, "-w", "app")
    start(*args, cwd=tmp_path).wait_ready()
    if protocol == "scgi":
        assert scgi_get(address, "/x").status == 200
    else:
        with FastCGI(address) as client:
            assert client.ask("/x").status == 200
