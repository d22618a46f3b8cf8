"""HTTP over real sockets: connections, limits and refusals, as a client sees them."""

import contextlib
import itertools
import socket
import time

import pytest

from tests.server.conftest import Site
from tests.support import http
from tests.support.net import exchange, read_to_end

GET = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"

REFUSALS = {
    400: b"GET /hello HTTP/1.1\r\n\r\n",
    414: b"GET /" + b"x" * 70000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    417: b"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\nContent-Length: 1\r\n\r\n",
    431: b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 70000 + b"\r\n\r\n",
    501: b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    505: b"GET / HTTP/2.0\r\n\r\n",
}


class TestConnections:
    def test_keep_alive(self, site: Site) -> None:
        with site.client() as client:
            for _ in range(5):
                reply = client.request("/hello")
                assert (reply.body, reply.get("Connection")) == (b"hello", None)

    def test_close_when_asked(self, site: Site) -> None:
        with site.client() as client:
            reply = client.request("/hello", headers=(("Host", "a"), ("Connection", "close")))
            assert reply.get("Connection") == "close"
            assert client.closed()

    def test_http_1_0_closes(self, site: Site) -> None:
        raw = exchange(site.http, b"GET /hello HTTP/1.0\r\n\r\n")
        reply = http.parse(raw)
        assert (reply.version, reply.body, reply.get("Connection")) == (
            "HTTP/1.1",
            b"hello",
            "close",
        )

    def test_http_1_0_keep_alive(self, site: Site) -> None:
        with site.client() as client:
            for _ in range(2):
                client.send(b"GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                reply = client.receive()
                assert (reply.body, reply.get("Connection")) == (b"hello", "keep-alive")

    def test_many_requests_in_one_packet(self, site: Site) -> None:
        count = 100
        with site.client() as client:
            client.send(
                b"".join(
                    b"GET /query?%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(count)
                )
            )
            assert [client.receive().body for _ in range(count)] == [
                b"%d" % number for number in range(count)
            ]

    def test_pipelined_bodies(self, site: Site) -> None:
        plain = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
        chunked = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunked += b"2\r\nde\r\n1\r\nf\r\n0\r\nX: y\r\n\r\n"
        with site.client() as client:
            client.send((plain + chunked) * 10)
            assert [client.receive().body for _ in range(20)] == [b"abc", b"def"] * 10

    def test_a_request_in_pieces(self, site: Site) -> None:
        """Each octet in a packet of its own, two requests in a row."""
        with site.client() as client:
            client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for octet in (GET + GET).decode():
                client.send(octet.encode())
            assert client.receive().body == b"hello"
            assert client.receive().body == b"hello"

    def test_the_answer_after_half_a_close(self, site: Site) -> None:
        with site.client() as client:
            client.send(GET)
            client.end()
            assert client.receive().body == b"hello"
            assert client.closed()

    def test_a_pipeline_ends_at_close(self, site: Site) -> None:
        last = b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        with site.client() as client:
            client.send(GET + last + GET + GET)
            assert client.receive().body == b"hello"
            assert client.receive().get("Connection") == "close"
            assert client.closed()

    def test_silence(self, site: Site) -> None:
        """Connections that say nothing, or leave in the middle, cost the others nothing."""
        with contextlib.ExitStack() as stack:
            for part in (b"", b"GET", GET[:-2], b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Len"):
                client = stack.enter_context(site.client())
                client.send(part)
            assert site.get("/hello").body == b"hello"
        assert site.get("/hello").body == b"hello"


class TestRefusals:
    @pytest.mark.parametrize("status", REFUSALS)
    def test_status_and_close(self, site: Site, status: int) -> None:
        with site.client() as client:
            client.send(REFUSALS[status])
            reply = client.receive()
            assert reply.status == status
            assert reply.get("Connection") == "close"
            assert reply.body.endswith(b"\n")
            assert client.closed()

    def test_after_good_requests(self, site: Site) -> None:
        with site.client() as client:
            client.send(GET + REFUSALS[400] + GET)
            assert client.receive().status == 200
            assert client.receive().status == 400
            assert client.closed()

    def test_the_client_may_go_on_sending(self, site: Site) -> None:
        """The refusal is not lost because the client had more to say."""
        with site.client() as client:
            client.send(REFUSALS[400] + b"x" * 100000)
            assert client.receive().status == 400

    def test_head_gets_no_body(self, serving) -> None:
        site = serving("--limit-post", "5")
        with site.client() as client:
            client.send(b"HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n")
            assert client.receive("HEAD").status == 413
            assert client.closed()

    def test_limit_post(self, serving) -> None:
        site = serving("--limit-post", "1000")
        assert http.get(site.http, "/echo", "POST", body=b"x" * 1000).body == b"x" * 1000
        head = b"POST /echo HTTP/1.1\r\nHost: a\r\n"
        for body in (
            b"Content-Length: 1001\r\n\r\n",
            b"Expect: 100-continue\r\nContent-Length: 1001\r\n\r\n",
            b"Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + b"x" * 1001,
        ):
            assert http.parse(exchange(site.http, head + body)).status == 413

    def test_buffer_size(self, serving) -> None:
        site = serving("--buffer-size", "1024")
        assert site.get("/query?" + "x" * 800).status == 200
        assert site.get("/query?" + "x" * 1100).status == 414
        headers = (("Host", "a"), ("X", "x" * 1100))
        assert http.get(site.http, "/hello", headers=headers).status == 431


class TestExpect:
    HEAD = b"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"

    def test_the_client_is_told_to_go_on(self, site: Site) -> None:
        with site.client() as client:
            client.send(self.HEAD)
            assert client.receive().status == 100
            client.send(b"hello")
            assert client.receive().body == b"hello"
            client.send(GET)
            assert client.receive().body == b"hello"

    def test_not_when_the_body_is_there(self, site: Site) -> None:
        with site.client() as client:
            client.send(self.HEAD + b"hello")
            reply = client.receive()
            assert (reply.status, reply.body) == (200, b"hello")


class TestTimeouts:
    def test_a_slow_head(self, serving) -> None:
        """The whole head has two seconds, however often another octet comes."""
        site = serving("--http-timeout", "2")
        with site.client() as client:
            began = time.monotonic()
            for octet in itertools.chain(b"GET / HTTP/1.1\r\nX: ", itertools.repeat(120)):
                client.sock.settimeout(0.1)
                with contextlib.suppress(OSError):
                    client.send(bytes((octet,)))
                with contextlib.suppress(TimeoutError):
                    client.buffer += client.sock.recv(4096)
                    break
                assert time.monotonic() - began < 10
            assert client.receive().status == 408
            assert 1.5 < time.monotonic() - began < 6

    def test_a_slow_body(self, serving) -> None:
        site = serving("--http-timeout", "1")
        with site.client() as client:
            client.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel")
            reply = client.receive()
            assert (reply.status, reply.get("Connection")) == (408, "close")
            assert client.closed()

    def test_silence_gets_no_answer(self, serving) -> None:
        site = serving("--http-timeout", "1")
        with site.client() as client:
            assert read_to_end(client.sock) == b""

    def test_an_idle_connection(self, serving) -> None:
        site = serving("--http-keepalive=2")
        with site.client() as client:
            assert client.request("/hello").status == 200
            assert read_to_end(client.sock) == b""

    def test_no_keep_alive(self, serving) -> None:
        site = serving("--http-keepalive=0")
        with site.client() as client:
            assert client.request("/hello").get("Connection") == "close"
            assert client.closed()

    def test_a_client_that_reads_nothing(self, serving) -> None:
        site = serving("--http-timeout", "1")
        with site.client() as client:
            client.send(b"GET /streams_for_ever?unread HTTP/1.1\r\nHost: a\r\n\r\n")
            site.server.wait_line("client too slow: 127.0.0.1", 10)
            site.wait_closed("unread", 1)

    def test_idle_time_begins_after_the_answer(self, serving) -> None:
        """An application slower than the keep-alive time does not cost the client its
        connection."""
        site = serving("--http-keepalive=2")
        with site.client() as client:
            for _ in range(2):
                assert client.request("/naps?2.5").body == b"awake"

    def test_what_came_in_time_is_answered(self, serving) -> None:
        """An idle connection's next request, sent while the one thread was busy."""
        site = serving("--http-keepalive=2")
        with site.client() as idle, site.client() as busy:
            assert idle.request("/hello").status == 200
            busy.send(b"GET /naps?5 HTTP/1.1\r\nHost: a\r\n\r\n")
            site.server.wait_line(r"GET /hello => ", 10)
            idle.send(GET)
            assert busy.receive().body == b"awake"
            assert idle.receive().body == b"hello"
