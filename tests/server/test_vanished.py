"""Clients that go away, or only say that they send no more: at every point of a request."""

import contextlib
import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.server.conftest import BEHAVIOURS, Site
from tests.support import http, uwsgi
from tests.support.net import Address, connect, read_to_end
from tests.support.nginx import Nginx
from tests.support.ports import free_port
from tests.support.processes import resident, wait_until
from tests.support.server import Server

both = pytest.mark.parametrize("protocol", ["http", "uwsgi"])


def request(protocol: str, target: str, version: str = "1.1") -> bytes:
    if protocol == "uwsgi":
        return uwsgi.packet(uwsgi.variables(target))
    return f"GET {target} HTTP/{version}\r\nHost: a\r\nConnection: close\r\n\r\n".encode()


def reset(sock: socket.socket) -> None:
    """Close so that the peer is told at once."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


class Held:
    """A server whose every thread is in a request until ``release``."""

    def __init__(self, start: StartServer, directory: Path, threads: int) -> None:
        self.directory = directory
        port, self.threads = free_port(), threads
        self.http: Address = ("127.0.0.1", port)
        self.uwsgi: Address = ("127.0.0.1", free_port())
        self.unix = str(directory / "app.sock")
        self.server: Server = start(
            *("--http-socket", f"127.0.0.1:{port}", "--socket", self.unix),
            *("--socket", "{}:{}".format(*self.uwsgi), "--threads", str(threads)),
            *("--wsgi-file", str(BEHAVIOURS)),
        )
        self.server.wait_ready()
        self.busy: list[http.Client] = []
        self.began = 0.0

    def hold(self) -> None:
        (self.directory / "release").unlink(missing_ok=True)
        for number in range(self.threads):
            name = f"held-{len(self.busy)}-{number}"
            client = http.Client(self.http, 30)
            client.send(request("http", f"/holds?{name}"))
            wait_until((self.directory / name).exists, 10, "a thread is held")
            self.busy.append(client)
        self.began = time.monotonic()

    def release(self) -> None:
        # Who waited for a moment only is not looked for.
        wait_until(lambda: time.monotonic() - self.began > 0.2, 10, "they have waited")
        (self.directory / "release").touch()
        for client in self.busy:
            assert client.receive().body == b"held"
            client.close()
        self.busy.clear()

    def count(self, name: str) -> int:
        return int(http.get(self.http, f"/count_closed?{name}").body)

    def settled(self, name: str, clients: int) -> int:
        """How often the application ran, when every client is served or skipped."""

        def done() -> bool:
            skipped = self.server.log.count(f"/runs?{name}: the client is gone")
            return skipped + self.count(name) >= clients

        wait_until(done, 15, "all are served or skipped")
        return self.count(name)


@pytest.fixture(params=[1, 3], ids=["1-thread", "3-threads"])
def held(request: pytest.FixtureRequest, start: StartServer, tmp_path: Path) -> Iterator[Held]:
    each = Held(start, tmp_path, request.param)
    yield each
    (tmp_path / "release").touch()
    for client in each.busy:
        client.close()


@pytest.mark.parametrize("protocol", ["http", "uwsgi", "unix"])
@pytest.mark.parametrize("how", [socket.socket.close, reset], ids=["close", "reset"])
def test_nobody_is_served_who_left_before_his_turn(
    held: Held, protocol: str, how: Callable[[socket.socket], None]
) -> None:
    address = {"http": held.http, "uwsgi": held.uwsgi, "unix": held.unix}[protocol]
    held.hold()
    for _ in range(60):
        sock = connect(address)
        sock.sendall(request("http" if protocol == "http" else "uwsgi", "/runs?gone"))
        how(sock)
    held.release()
    assert held.settled("gone", 0 if how is reset else 60) <= 3
    assert http.get(held.http, "/hello").body == b"hello"


def test_nobody_is_served_who_left_while_others_had_their_turn(held: Held) -> None:
    """Who stays is served, whoever leaves around him."""
    held.hold()
    staying = []
    for number in range(60):
        sock = connect(held.http)
        sock.sendall(request("http", f"/runs?{'stays' if number % 3 == 0 else 'leaves'}"))
        if number % 3 == 0:
            staying.append(sock)
        else:
            sock.close()
    held.release()
    for sock in staying:
        with sock:
            assert http.parse(read_to_end(sock)).body == b"ran"
    assert held.count("stays") == 20


@pytest.mark.parametrize("protocol", ["http", "uwsgi", "unix"])
@pytest.mark.parametrize(
    ("target", "status", "body"),
    [
        ("/hello", 200, b"hello"),
        ("/two_pieces", 200, b"one,two"),
        ("/writes", 200, b"one,two,three"),
        ("/raises", 500, b"Internal Server Error\n"),
        ("/sends_part_of_file", 200, b"23456"),
        ("/no_content", 204, b""),
        ("/big?3000000", 200, b"b" * 3000000),
    ],
)
def test_who_only_sends_no_more_is_answered(
    held: Held, protocol: str, target: str, status: int, body: bytes
) -> None:
    address = {"http": held.http, "uwsgi": held.uwsgi, "unix": held.unix}[protocol]
    for busy in (True, False):
        if busy:
            held.hold()
        with connect(address) as sock:
            sock.sendall(request("http" if protocol == "http" else "uwsgi", target))
            sock.shutdown(socket.SHUT_WR)
            if busy:
                held.release()
            reply = http.parse(read_to_end(sock))
        assert (reply.status, reply.body) == (status, body)


def test_pipelined_and_then_no_more(held: Held) -> None:
    held.hold()
    with http.Client(held.http) as client:
        for target in (b"hello", b"two_pieces", b"hello"):
            client.send(b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n" % target)
        client.end()
        held.release()
        assert [client.receive().body for _ in range(3)] == [b"hello", b"one,two", b"hello"]
        assert client.closed()


def test_an_old_client_that_sends_no_more(held: Held) -> None:
    held.hold()
    with connect(held.http) as sock:
        sock.sendall(request("http", "/two_pieces", "1.0"))
        sock.shutdown(socket.SHUT_WR)
        held.release()
        assert http.parse(read_to_end(sock)).body == b"one,two"


@pytest.mark.nginx
@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_behind_nginx(
    start: StartServer, tmp_path: Path, nginx: Callable[[str], Nginx], kind: str
) -> None:
    held = Held(start, tmp_path, 1)
    upstream = f"unix:{held.unix}" if kind == "unix" else "{}:{}".format(*held.uwsgi)
    front = nginx(f"""
        server {{
            listen 127.0.0.1:PORT;
            location / {{ include uwsgi_params; uwsgi_pass {upstream}; }}
        }}
    """)
    held.hold()
    for _ in range(20):
        with connect(front.address) as sock:
            sock.sendall(request("http", "/runs?gone"))
    log = front.prefix / "access.log"
    wait_until(lambda: log.read_text().count('" 499 ') == 20, 10, "nginx has given them up")
    held.release()
    # In the queue of the same socket, so behind them.
    assert http.get(front.address, "/hello").body == b"hello"
    assert held.count("gone") <= 1


class TestClosedInTime:
    """``close()`` is called once, within two seconds of the client's going away."""

    def gone(self, site: Site, name: str, before: int) -> None:
        began = time.monotonic()
        site.wait_closed(name, before + 1)
        # The server needs two at the most; the rest is a slow machine's.
        assert time.monotonic() - began < 6

    @both
    @pytest.mark.parametrize("how", [socket.socket.close, reset], ids=["close", "reset"])
    def test_while_its_iterator_is_suspended(
        self, site: Site, protocol: str, how: Callable[[socket.socket], None]
    ) -> None:
        before = site.closed("suspended")
        sock = connect(site.http if protocol == "http" else site.uwsgi)
        sock.sendall(request(protocol, "/streams_for_ever?suspended"))
        assert sock.recv(100)
        wait_until(lambda: not readable_soon(sock), 10, "more waits than the sockets hold")
        how(sock)
        self.gone(site, "suspended", before)

    @both
    def test_between_two_slow_pieces(self, site: Site, protocol: str) -> None:
        before = site.closed("slow")
        sock = connect(site.http if protocol == "http" else site.uwsgi)
        sock.sendall(request(protocol, "/streams_slowly?slow"))
        assert sock.recv(100)
        sock.close()
        self.gone(site, "slow", before)

    @both
    def test_while_a_file_is_sent(self, site: Site, protocol: str) -> None:
        before = site.closed("sends_file")
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(10)
        sock.connect(site.http if protocol == "http" else site.uwsgi)
        sock.sendall(request(protocol, "/sends_file"))
        assert sock.recv(100)
        sock.close()
        self.gone(site, "sends_file", before)

    def test_in_write(self, site: Site) -> None:
        with connect(site.http) as sock:
            sock.sendall(request("http", "/writes_megabytes"))
            assert sock.recv(100)
        assert site.get("/hello").body == b"hello"


def readable_soon(sock: socket.socket) -> bool:
    """Whether what has arrived goes on growing: without reading it, by a look at its size."""
    import fcntl
    import termios

    def size() -> int:
        raw = fcntl.ioctl(sock, termios.FIONREAD, b"\0" * 4)
        return int(struct.unpack("i", raw)[0])

    first = size()
    time.sleep(0.1)
    return size() != first


@pytest.mark.parametrize("kind", ["http", "uwsgi", "unix"])
@pytest.mark.parametrize("name", ["block_then_nothing", "block_written_then_nothing"])
@pytest.mark.parametrize("size", [1000, 400_000, 6_000_000])
def test_no_block_waits_for_the_next(
    start: StartServer, tmp_path: Path, kind: str, name: str, size: int
) -> None:
    """PEP 3333: what was given is sent, though the application takes long over what follows."""
    held = Held(start, tmp_path, 1)
    address = {"http": held.http, "uwsgi": held.uwsgi, "unix": held.unix}[kind]
    with connect(address) as sock:
        protocol = "http" if kind == "http" else "uwsgi"
        sock.sendall(request(protocol, f"/{name}?{size}", "1.0"))
        raw = b""
        while raw.count(b"b") < size:
            raw += (piece := sock.recv(1 << 20))
            assert piece
        (tmp_path / "release").touch()
        raw += read_to_end(sock)
    assert http.parse(raw).body == b"b" * size + b"end"


@pytest.mark.parametrize("target", ["/streams_for_ever?full", "/streams?1000000000x10"])
def test_a_client_that_stops_reading_costs_no_memory(serving, target: str) -> None:
    site = serving("--http-timeout", "30")
    assert site.get("/hello").body == b"hello"
    pid = int(site.server.wait_line(r"worker=1 pid=(\d+) ready")[1])
    before = resident(pid)
    with contextlib.ExitStack() as stack:
        for _ in range(10):
            sock = stack.enter_context(connect(site.http))
            sock.sendall(request("http", target))
            assert sock.recv(100)
        wait_until(lambda: not readable_soon(sock), 20, "the sockets are full")
        for _ in range(20):
            assert site.get("/hello").body == b"hello"
        assert resident(pid) - before < 8 << 20


@pytest.mark.parametrize("kind", ["http", "uwsgi", "unix"])
@pytest.mark.parametrize("body", [0, 200_000], ids=["GET", "POST"])
def test_a_reply_that_the_death_of_its_worker_cuts(
    start: StartServer, tmp_path: Path, kind: str, body: int
) -> None:
    """Its end is no end of file, which would make it look whole."""
    held = Held(start, tmp_path, 1)
    address = {"http": held.http, "uwsgi": held.uwsgi, "unix": held.unix}[kind]
    with connect(address) as sock:
        if kind == "http":
            sock.sendall(b"GET /block_then_nothing?1000 HTTP/1.1\r\nHost: a\r\n\r\n")
        else:
            target, length = "/block_then_nothing?1000", body or None
            sock.sendall(uwsgi.packet(uwsgi.variables(target, "POST", length)) + b"x" * body)
        raw = b""
        while raw.count(b"b") < 1000:
            raw += (piece := sock.recv(1 << 20))
            assert piece
        held.server.kill()
        if kind == "http":
            with pytest.raises(http.Broken):
                http.parse(raw + read_to_end(sock))
        else:
            with pytest.raises(ConnectionResetError):
                sock.recv(100)


@pytest.mark.parametrize("how", ["error", "exit"])
def test_a_handler_that_raises_between_two_requests(serving, how: str) -> None:
    site = serving("--master")
    assert site.get(f"/raised_by_a_handler?{how}").body == b"fine"
    site.server.wait_line(
        "raised between two requests: "
        + how.replace("exit", "SystemExit").replace("error", "RuntimeError")
    )
    if how == "exit":
        site.server.wait_ready(2)
    for _ in range(5):
        assert site.get("/hello").body == b"hello"


def test_a_connection_carries_no_more_than_its_requests(serving) -> None:
    site = serving("--keepalive-requests", "3")
    with site.client() as client:
        said = [client.request("/hello").get("Connection") for _ in range(3)]
        assert said == [None, None, "close"]
        assert client.closed()
    with site.client() as client:
        client.send(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n" * 5)
        assert [client.receive().body for _ in range(3)] == [b"hello"] * 3
        assert client.closed()
