"""Slow readers and busy threads: who waits for whom, and who does not."""

import contextlib
import selectors
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.server.conftest import BEHAVIOURS, Site
from tests.server.test_limits import listening
from tests.support import http, uwsgi
from tests.support.net import Address, exchange
from tests.support.ports import free_port
from tests.support.processes import stat, wait_until
from tests.support.server import Server, command

ASK = b"GET %b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


class SlowReader:
    """A client with a small receive buffer that reads when it is told to."""

    def __init__(self, address: Address, target: bytes) -> None:
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self.sock.settimeout(10)
        assert isinstance(address, tuple)
        self.sock.connect(address)
        self.sock.sendall(ASK % target)
        self.raw = b""

    def __enter__(self) -> "SlowReader":
        return self

    def __exit__(self, *details: object) -> None:
        self.sock.close()

    def read(self, size: int) -> None:
        """Read until ``size`` octets more are here, or to the end."""
        wanted = len(self.raw) + size
        pieces = [self.raw]
        have = len(self.raw)
        while have < wanted:
            piece = self.sock.recv(65536)
            if not piece:
                break
            pieces.append(piece)
            have += len(piece)
        self.raw = b"".join(pieces)

    def body(self) -> bytes:
        """The whole response's body, read to its end."""
        self.read(1 << 40)
        return http.parse(self.raw).body


@pytest.mark.parametrize("target", [b"/big?20000000", b"/sends_file", b"/streams?400x32768"])
def test_others_are_served_beside_a_slow_reader(site: Site, target: bytes) -> None:
    with SlowReader(site.http, target) as slow:
        slow.read(1000)
        for _ in range(20):
            assert site.get("/hello").body == b"hello"
        body = slow.body()
    if target == b"/sends_file":
        assert body == b"".join(b"%06d\n" % number for number in range(200000))
    elif target == b"/streams?400x32768":
        assert len(body) == 400 * 32768
    else:
        assert body == b"b" * 20000000


@pytest.mark.parametrize(("count", "size"), [(400, 32768), (5, 6_000_000)])
def test_a_suspended_iterator_goes_on_in_its_thread(site: Site, count: int, size: int) -> None:
    """Read in sips, with other requests in between, so that it is resumed many times; pieces that
    the kernel takes at once, and pieces that it takes in several parts."""
    before = site.closed("streams")
    with SlowReader(site.http, b"/streams?%dx%d" % (count, size)) as slow:
        for _ in range(40):
            slow.read(count * size // 60)
            assert site.get("/hello").body == b"hello"
        body = slow.body()
    assert len(body) == count * size
    assert len({body[at : at + size] for at in range(0, len(body), size)}) == 1, "one thread only"
    site.wait_closed("streams", before + 1)


def test_many_suspended_iterators(site: Site) -> None:
    before = site.closed("streams")
    slow = [SlowReader(site.http, b"/streams?400x32768") for _ in range(8)]
    try:
        for each in slow:
            each.read(1000)
        assert site.get("/hello").body == b"hello"
        with ThreadPoolExecutor(5) as pool:
            bodies = list(pool.map(SlowReader.body, slow[:5]))
    finally:
        for each in slow:
            each.sock.close()
    for body in bodies:
        assert len(body) == 400 * 32768
        assert len({body[at : at + 32768] for at in range(0, len(body), 32768)}) == 1
    site.wait_closed("streams", before + 8)


def test_write_may_wait_for_its_client(site: Site) -> None:
    with SlowReader(site.http, b"/writes_megabytes") as slow:
        slow.read(1000)
        assert slow.body() == b"w" * 65536 * 64


four_threads = pytest.mark.parametrize("site", [4], indirect=True, ids=["4-threads"])


@four_threads
def test_four_threads_are_in_the_application_at_once(site: Site) -> None:
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(site.get, ["/meets"] * 4))
    assert [reply.body for reply in replies] == [b"met"] * 4


@four_threads
def test_threads_do_not_wait_for_a_busy_one(site: Site) -> None:
    with site.client() as busy:
        busy.send(ASK % b"/naps?2")
        began = time.monotonic()
        for _ in range(20):
            assert site.get("/hello").body == b"hello"
        assert time.monotonic() - began < 1.5
        assert busy.receive().body == b"awake"


def test_many_clients_at_once(site: Site) -> None:
    """Every answer belongs to its question."""

    def ask(number: int) -> bool:
        with site.client() as client:
            for turn in range(20):
                mark = b"%d-%d" % (number, turn)
                if turn % 3 == 0:
                    body = mark * 5000
                    if client.request("/echo", "POST", body=body).body != body:
                        return False
                elif client.request(f"/query?{mark.decode()}").body != mark:
                    return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(24)))


def test_a_packet_split_at_every_offset(site: Site) -> None:
    data = uwsgi.packet(uwsgi.variables("/echo", "POST", 5)) + b"hello"
    assert isinstance(site.uwsgi, tuple)

    def split(offset: int) -> bytes:
        with http.Client(site.uwsgi) as client:
            client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.send(data[:offset])
            client.send(data[offset:])
            return client.receive().body

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(split, range(1, len(data)))) == {b"hello"}


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (uwsgi.packet(uwsgi.variables("/hello"), modifier1=5), b"modifier 5 is not available"),
        (uwsgi.packet({}, modifier1=110), b"modifier 110 is not available"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"http-socket, or protocol = http"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"http-socket"),
        (uwsgi.packet(uwsgi.variables("/hello", CONTENT_LENGTH="-1")), b"Content-Length"),
        (b"\x00\x04\x00\x00\xff\xffab", b"a uwsgi packet"),
        (b"\x00\x00\x00\x00", b"without variables"),
    ],
)
def test_what_is_no_request_for_an_application(site: Site, data: bytes, answer: bytes) -> None:
    reply = http.parse(exchange(site.uwsgi, data))
    assert reply.status == 400
    assert answer in reply.body
    assert site.get("/hello", "uwsgi").body == b"hello"


def test_uwsgi_limits(serving) -> None:
    site = serving("--limit-post", "5", "--buffer-size", "1024")
    assert uwsgi.get(site.uwsgi, "/echo", "POST", b"hello").body == b"hello"
    assert uwsgi.get(site.uwsgi, "/echo", "POST", b"hello!").status == 413
    assert uwsgi.get(site.uwsgi, "/echo", HTTP_X="x" * 2000).status == 431


def test_a_slow_front_is_dropped(serving) -> None:
    site = serving("--socket-timeout", "1")
    data = uwsgi.packet(uwsgi.variables("/hello"))
    assert exchange(site.uwsgi, data[:-1]) == b""
    slow_body = uwsgi.packet(uwsgi.variables("/echo", "POST", 5))
    assert http.parse(exchange(site.uwsgi, slow_body + b"hel")).status == 408


class TestAddresses:
    @pytest.mark.parametrize("option", ["--http-socket", "--socket"])
    @pytest.mark.parametrize("kind", ["unix", "abstract"])
    def test_unix(self, start, tmp_path: Path, option: str, kind: str) -> None:
        name = str(tmp_path / "app.sock") if kind == "unix" else f"@quaich-test-{tmp_path}"
        server = start(option, name, "--wsgi-file", str(BEHAVIOURS))
        server.wait_ready()
        if kind == "abstract":
            name += "\0"  # uWSGI's names end so
        for _ in range(2):
            if option == "--socket":
                assert uwsgi.get(name, "/hello").body == b"hello"
            else:
                reply = http.get(name, "/environ_repr")
                assert b"'REMOTE_ADDR': ''" in reply.body

    def test_a_slow_reader_on_a_unix_socket(self, start, tmp_path: Path) -> None:
        name = str(tmp_path / "app.sock")
        start("--socket", name, "--wsgi-file", str(BEHAVIOURS)).wait_ready()
        assert len(uwsgi.get(name, "/streams?400x32768").body) == 400 * 32768
        assert uwsgi.get(name, "/sends_file").body.endswith(b"199999\n")

    def test_ipv6(self, start) -> None:
        port = free_port()
        server = start("--http-socket", f"[::1]:{port}", "--wsgi-file", str(BEHAVIOURS))
        server.wait_ready()
        assert b"'REMOTE_ADDR': '::1'" in http.get(("::1", port), "/environ_repr").body

    def test_several_at_once(self, start, tmp_path: Path) -> None:
        ports = [free_port(), free_port()]
        path = str(tmp_path / "app.sock")
        start(
            *("--http-socket", f"127.0.0.1:{ports[0]}", "--http-socket", f"127.0.0.1:{ports[1]}"),
            *("--socket", path, "--wsgi-file", str(BEHAVIOURS)),
        ).wait_ready()
        for port in ports:
            reply = http.get(("127.0.0.1", port), "/environ_repr")
            assert f"'SERVER_PORT': '{port}'".encode() in reply.body
        assert uwsgi.get(path, "/hello").body == b"hello"


def test_descriptors_run_out_and_come_back(tmp_path: Path) -> None:
    """More clients than that, all with half a head: no busy loop, and who comes is served."""
    port = free_port()
    address = ("127.0.0.1", port)
    argv = ["sh", "-c", 'ulimit -n 40; exec "$@"', "sh", *command()]
    argv += ["--http-socket", f"127.0.0.1:{port}", "--wsgi-file", str(BEHAVIOURS)]
    server = Server(argv, cwd=tmp_path, output=tmp_path / "server.log")
    clients: list[http.Client] = []
    try:
        [worker] = server.wait_ready()
        for _ in range(50):
            # Part of a head: the kernel hands over at once what has sent something.
            clients.append(http.Client(address))
            clients[-1].send(b"GET /hello HTTP/1.1\r\n")
        server.wait_line("few descriptors are left", 10)
        before = stat(worker)
        assert before is not None
        threading.Event().wait(1.5)  # measured over a time, not waited for
        after = stat(worker)
        assert after is not None
        assert after.utime + after.stime - before.utime - before.stime < 0.45
        for _ in range(3):
            assert http.get(address, "/hello", timeout=5).body == b"hello"
        assert clients[0].closed()
        for client in clients[-3:]:
            client.send(b"Host: a\r\n\r\n")
            assert client.receive().body == b"hello", "who came last did not have to go"
        server.stop()
    finally:
        for client in clients:
            client.close()
        server.kill()


def test_idle_connections_make_room(tmp_path: Path) -> None:
    port = free_port()
    address = ("127.0.0.1", port)
    argv = ["sh", "-c", 'ulimit -n 40; exec "$@"', "sh", *command()]
    argv += ["--http-socket", f"127.0.0.1:{port}", "--wsgi-file", str(BEHAVIOURS)]
    server = Server(argv, cwd=tmp_path, output=tmp_path / "server.log")
    idle: list[http.Client] = []
    try:
        server.wait_ready()
        while "few descriptors are left" not in server.log:
            assert len(idle) < 60
            client = http.Client(address)
            idle.append(client)
            client.send(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
            wait_until(
                lambda client=client: _readable(client) or "few descriptors are left" in server.log,
                10,
                "an answer",
            )
        assert idle[-1].receive().body == b"hello", "an idle connection gave way to it"
        server.stop()
    finally:
        for client in idle:
            client.close()
        server.kill()


def _readable(client: http.Client) -> bool:
    client.sock.settimeout(0.01)
    try:
        return bool(client.sock.recv(1, socket.MSG_PEEK))
    except TimeoutError:
        return False


NAPS = """
import time

def application(environ, start_response):
    time.sleep(0.01)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""


def test_new_clients_wait_no_longer_than_those_who_ask_again(
    start: StartServer, tmp_path: Path
) -> None:
    """When the last of many has its first answer, the first has not had as many as there are."""
    (tmp_path / "naps.py").write_text(NAPS)
    server = start("--http-socket", "127.0.0.1:0", "-w", "naps", "--disable-logging")
    address = listening(server)
    ask = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    count = 40
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(http.Client(address, 60.0)) for _ in range(count)]
        selector = stack.enter_context(selectors.DefaultSelector())
        for client in clients:
            client.sock.sendall(ask)
            selector.register(client.sock, selectors.EVENT_READ, client)
        answers = dict.fromkeys(clients, 0)
        while 0 in answers.values():
            ready = selector.select(60.0)
            assert ready
            for key, _ in ready:
                assert key.data.receive().body == b"ok"
                answers[key.data] += 1
                key.data.sock.sendall(ask)
    # One new client for each turn of the others: the first would have had 40.
    assert max(answers.values()) <= 20
