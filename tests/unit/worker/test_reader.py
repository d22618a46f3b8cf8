"""What is read before a request is whole, what is said meanwhile, and to whom."""

from pathlib import Path
from typing import Any

import pytest

from quaich.errors import ProtocolError
from quaich.stats.scoreboard import REQUESTS
from quaich.worker.connection import Connection
from tests.support import gateways, uwsgi
from tests.support.desk import (
    DEADLINE,
    GET,
    Hall,
    Interfering,
    Shouting,
    ended,
    hall,
    reply_from,
    reset,
)
from tests.support.processes import wait_until


def hello(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello", environ["wsgi.input"].read()]


def opened(here: Hall, act: Any, answer: bytes = b"", layer: bool = False) -> None:
    """Have connections read by ``act`` before their protocol."""

    def opening(conn: Connection) -> Interfering:
        if layer:
            conn.layer = Shouting()
        return Interfering(act, answer)

    here.door.opening = opening


class TestFilters:
    def test_what_it_says_goes_to_the_client(self) -> None:
        with hall(hello) as here:
            opened(here, lambda conn, data: data.replace(b"?", b""), b"hi")
            client = here.client()
            for octet in GET:
                client.sendall(bytes((octet, 63)))
            assert client.recv(2) == b"hi"
            assert reply_from(client).endswith(b"hello")

    def test_a_body_is_read_as_it_comes(self) -> None:
        with hall(hello) as here:
            opened(here, lambda conn, data: data)
            client = here.client(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab")
            here.begun()
            client.sendall(b"cde" + GET)
            assert reply_from(client).endswith(b"helloabcde")
            assert reply_from(client).endswith(b"hello")

    @pytest.mark.parametrize("layer", [False, True])
    def test_what_it_refuses(self, layer: bool) -> None:
        def refuse(conn: Connection, data: bytes) -> bytes:
            raise ProtocolError(400, "no such header")

        with hall(hello) as here:
            opened(here, refuse, layer=layer)
            data = ended(here.client(GET))
            assert data is not None
            end = b"NO SUCH HEADER\nLASTFAREWELL" if layer else b"no such header\n"
            assert data.endswith(b"\r\n\r\n" + end)
            # Of an encrypted connection that fails, as any scanner's does, nothing is said.
            said = "warning: refused test 127.0.0.1: no such header"
            assert here.log.lines == ([] if layer else [said])

    def test_its_end(self) -> None:
        with hall(hello) as here:
            opened(here, lambda conn, data: None, layer=True)
            assert ended(here.client(GET)) == b"FAREWELL"

    def test_who_does_not_read_what_it_says(self, tmp_path: Path) -> None:
        def go(conn: Connection, data: bytes) -> bytes:
            client.close()
            return data

        with hall(hello, path=tmp_path / "s") as here:
            opened(here, go, b"hi")
            client = here.client()
            here.parked()
            client.sendall(GET)
            wait_until(lambda: client.fileno() < 0, DEADLINE, "it is gone")
            here.parked(0)
            assert here.slot.get(REQUESTS) == 0

    def test_who_has_no_room_for_what_it_says(self) -> None:
        with hall(hello, room=4096) as here:
            opened(here, lambda conn, data: data, b"x" * 400000)
            client = here.client(GET)
            data = ended(client)
            assert data is not None
            assert 0 < len(data) < 400000
            assert here.slot.get(REQUESTS) == 0

    def test_continue_is_encoded(self) -> None:
        head = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        with hall(hello) as here:
            opened(here, lambda conn, data: data, layer=True)
            client = here.client(head)
            assert client.recv(100) == b"HTTP/1.1 100 CONTINUE\r\n\r\n"


class TestBehindEachOther:
    def test_a_head_whose_body_is_not_here(self) -> None:
        post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n"
        with hall(hello) as here:
            client = here.client(GET + post)
            assert reply_from(client).endswith(b"hello")
            conn = here.begun()
            wait_until(lambda: conn.body_began, DEADLINE, "its time runs")
            client.sendall(b"ab")
            assert reply_from(client).endswith(b"helloab")


class TestFastCGI:
    """What the protocol itself has to say."""

    VALUES = gateways.record(
        gateways.GET_VALUES, 0, gateways.pairs({"FCGI_MPXS_CONNS": "", "FCGI_MAX_REQS": ""})
    )

    def client(self, here: Hall, data: bytes) -> gateways.FastCGI:
        made = gateways.FastCGI(here.address)
        here.clients.append(made.socket)
        made.send(data)
        return made

    def test_values(self) -> None:
        with hall(hello, protocol="fastcgi") as here:
            front = self.client(here, self.VALUES)
            found = front.record()
            assert found is not None
            assert found[:2] == (gateways.GET_VALUES_RESULT, 0)
            assert b"FCGI_MPXS_CONNS0" in found[2]
            assert front.ask("/").body == b"hello"

    def test_between_two_requests_that_come_together(self) -> None:
        whole = gateways.request(uwsgi.variables("/"), flags=gateways.KEEP)
        with hall(hello, protocol="fastcgi") as here:
            front = self.client(here, whole + self.VALUES)
            assert front.reply().status == 0
            found = front.record()
            assert found is not None
            assert found[0] == gateways.GET_VALUES_RESULT

    def test_to_who_is_gone(self, tmp_path: Path) -> None:
        with hall(hello, protocol="fastcgi", path=tmp_path / "s") as here:
            client = here.client()
            here.parked()
            here.pause()
            client.sendall(self.VALUES)
            client.close()
            here.engine.resume()
            here.parked(0)
            assert not here.log.lines

    def test_a_request_that_is_taken_back(self) -> None:
        """Without keep-alive the connection ends with it."""
        begun = gateways.begin(1) + gateways.record(gateways.ABORT, 1)
        with hall(hello, protocol="fastcgi") as here:
            front = self.client(here, begun)
            assert front.reply().status == 0
            assert front.at_end()
            front.socket.close()
            here.parked(0)
            assert here.slot.get(REQUESTS) == 0

    def test_a_reset_in_its_place(self) -> None:
        with hall(hello, protocol="fastcgi") as here:
            front = self.client(here, gateways.begin(1))
            here.parked()
            reset(front.socket)
            here.parked(0)
