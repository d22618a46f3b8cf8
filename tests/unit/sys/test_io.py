"""The raw socket calls, on real sockets; the same whether compiled or not."""

import errno
import mmap
import os
import select
import socket
import tempfile
from collections.abc import Iterator

import pytest

from quaich.sys.io import Acceptor, Poller, receive, receive_into, send, send_file


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    left, right = socket.socketpair()
    left.setblocking(False)
    right.setblocking(False)
    with left, right:
        yield left, right


class TestReceive:
    @pytest.mark.parametrize("size", [100, 16384, 16385, 262144])
    def test_what_is_there(self, pair: tuple[socket.socket, socket.socket], size: int) -> None:
        left, right = pair
        assert receive(left.fileno(), size) is None
        right.send(b"hello")
        assert receive(left.fileno(), size) == b"hello"
        right.close()
        assert receive(left.fileno(), size) == b""

    def test_no_more_than_asked(self, pair: tuple[socket.socket, socket.socket]) -> None:
        left, right = pair
        right.send(b"x" * 50000)
        assert receive(left.fileno(), 7) == b"x" * 7
        assert receive(left.fileno(), 20000) == b"x" * 20000

    def test_an_error(self) -> None:
        with pytest.raises(OSError) as caught:
            receive(10**6, 10)
        assert caught.value.errno == errno.EBADF

    @pytest.mark.parametrize("size", [100, 100000])
    def test_a_reset(self, size: int) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            client = socket.create_connection(server.getsockname(), timeout=5)
            peer, _ = server.accept()
            with client, peer:
                peer.send(b"unread")
                assert client.recv(1, socket.MSG_PEEK)
                client.close()
                select.select([peer], [], [], 5)
                peer.setblocking(False)
                with pytest.raises(ConnectionResetError):
                    receive(peer.fileno(), size)


class TestReceiveInto:
    def test_what_is_there(self, pair: tuple[socket.socket, socket.socket]) -> None:
        left, right = pair
        room = mmap.mmap(-1, 100000)
        assert receive_into(left.fileno(), room, 5, 50000) == -1
        right.send(b"hello of the next")
        assert receive_into(left.fileno(), room, 5, 5) == 5
        assert room[:15] == b"\0" * 5 + b"hello" + b"\0" * 5
        assert receive_into(left.fileno(), room, 10, 99990) == 12
        right.close()
        assert receive_into(left.fileno(), room, 99999, 1) == 0
        room.close()

    @pytest.mark.parametrize(("offset", "size"), [(0, 101), (100, 1), (-1, 1), (5, -1), (101, 0)])
    def test_what_is_no_place_in_it(
        self, pair: tuple[socket.socket, socket.socket], offset: int, size: int
    ) -> None:
        left, right = pair
        right.send(b"x" * 200)
        with pytest.raises(ValueError, match=f"{size} octets at {offset} are not in it"):
            receive_into(left.fileno(), bytearray(100), offset, size)

    def test_an_error(self) -> None:
        with pytest.raises(OSError) as caught:
            receive_into(10**6, bytearray(10), 0, 10)
        assert caught.value.errno == errno.EBADF


class TestSend:
    def test_from_an_offset(self, pair: tuple[socket.socket, socket.socket]) -> None:
        left, right = pair
        assert send(left.fileno(), b"hello", 0) == 5
        assert send(left.fileno(), b"hello", 2) == 3
        assert right.recv(100) == b"hellollo"

    @pytest.mark.parametrize("size", [1000, 100000])
    def test_until_it_would_block(
        self, pair: tuple[socket.socket, socket.socket], size: int
    ) -> None:
        left, _ = pair
        for _ in range(10000):
            sent = send(left.fileno(), b"x" * size, 0)
            if sent == -1:
                return
            assert 0 < sent <= size
        pytest.fail("a socket that takes everything")

    @pytest.mark.parametrize("size", [10, 100000])
    def test_a_broken_pipe_is_an_error_and_no_signal(
        self, pair: tuple[socket.socket, socket.socket], size: int
    ) -> None:
        left, right = pair
        right.close()
        with pytest.raises(BrokenPipeError):
            send(left.fileno(), b"x" * size, 0)


def test_send_file(pair: tuple[socket.socket, socket.socket]) -> None:
    left, right = pair
    with tempfile.TemporaryFile() as file:
        file.write(b"0123456789")
        file.flush()
        assert send_file(left.fileno(), file.fileno(), 3, 4) == 4
        assert right.recv(100) == b"3456"
        assert send_file(left.fileno(), file.fileno(), 10, 4) == 0
        file.truncate(1 << 24)
        while send_file(left.fileno(), file.fileno(), 0, 1 << 24) > 0:
            pass
        assert send_file(left.fileno(), file.fileno(), 0, 10) == -1


class TestAcceptor:
    def test_tcp(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.setblocking(False)
            acceptor = Acceptor(server.fileno())
            assert acceptor.port() == str(server.getsockname()[1])
            assert acceptor.accept() is None
            with socket.create_connection(server.getsockname(), timeout=5) as client:
                select.select([server], [], [], 5)
                accepted = acceptor.accept()
                assert accepted is not None
                fd, address, port = accepted
                assert (address, port) == client.getsockname()
                assert not os.get_blocking(fd)
                assert not os.get_inheritable(fd)
                os.close(fd)
            acceptor.close()
            assert server.fileno() >= 0

    def test_ipv6(self) -> None:
        try:
            server = socket.create_server(("::1", 0), family=socket.AF_INET6)
        except OSError:
            pytest.skip("no IPv6 here")
        with server:
            server.setblocking(False)
            acceptor = Acceptor(server.fileno())
            with socket.create_connection(server.getsockname()[:2], timeout=5) as client:
                select.select([server], [], [], 5)
                accepted = acceptor.accept()
                assert accepted is not None
                assert accepted[1:] == client.getsockname()[:2]
                os.close(accepted[0])
            acceptor.close()

    def test_unix(self, tmp_path: object) -> None:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(f"{tmp_path}/socket")
            server.listen()
            server.setblocking(False)
            acceptor = Acceptor(server.fileno())
            assert acceptor.port() == ""
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(f"{tmp_path}/socket")
                accepted = acceptor.accept()
                assert accepted is not None
                assert accepted[1:] == ("", 0)
                os.close(accepted[0])
            acceptor.close()

    def test_an_error(self) -> None:
        with socket.socket() as unbound:
            unbound.setblocking(False)
            acceptor = Acceptor(unbound.fileno())
            with pytest.raises(OSError):
                acceptor.accept()
            acceptor.close()


class TestPoller:
    def test_nothing_happens(self) -> None:
        poller = Poller(False)
        assert poller.wait(0) == []
        assert poller.wait(10) == []
        poller.close()

    def test_one_thread(self, pair: tuple[socket.socket, socket.socket]) -> None:
        """Armed until it is read."""
        left, right = pair
        poller = Poller(False)
        poller.add(left.fileno(), False)
        right.send(b"x")
        assert poller.wait(1000) == [left.fileno()]
        assert poller.wait(0) == [left.fileno()]
        left.recv(1)
        assert poller.wait(0) == []
        poller.modify(left.fileno(), True)
        assert poller.wait(1000) == [left.fileno()]
        poller.remove(left.fileno())
        assert poller.wait(0) == []
        poller.close()

    def test_several_threads(self, pair: tuple[socket.socket, socket.socket]) -> None:
        """Reported once, then armed again; and one event at a time."""
        left, right = pair
        poller = Poller(True)
        poller.add(left.fileno(), False)
        right.send(b"x")
        assert poller.wait(1000) == [left.fileno()]
        assert poller.wait(0) == []
        poller.modify(left.fileno(), False)
        assert poller.wait(1000) == [left.fileno()]
        poller.modify(left.fileno(), False)
        poller.add(right.fileno(), True)
        assert len(poller.wait(1000)) == 1
        poller.close()

    def test_a_signal_is_reported_until_it_is_read(self) -> None:
        poller = Poller(True)
        event = os.eventfd(1, os.EFD_NONBLOCK)
        poller.add_signal(event)
        assert poller.wait(1000) == poller.wait(1000) == [event]
        os.eventfd_read(event)
        assert poller.wait(0) == []
        poller.close()
        os.close(event)

    def test_a_listener(self) -> None:
        poller = Poller(True)
        with socket.create_server(("127.0.0.1", 0)) as server:
            poller.add_listener(server.fileno())
            with socket.create_connection(server.getsockname(), timeout=5):
                assert poller.wait(1000) == [server.fileno()]
            poller.remove(server.fileno())
        poller.close()

    def test_an_error(self) -> None:
        poller = Poller(False)
        with pytest.raises(OSError):
            poller.add(10**6, False)
        poller.close()
