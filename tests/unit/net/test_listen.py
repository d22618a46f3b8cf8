import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from quaich.config.base import ListenSpec
from quaich.errors import BindError, ConfigError
from quaich.net.listen import (
    BoundListener,
    SocketOptions,
    UnixRights,
    backlog,
    open_listener,
    open_listeners,
    remove_file,
)


class Opener:
    """Opens listeners and closes them at the end."""

    def __init__(self) -> None:
        self.opened: list[BoundListener] = []

    def __call__(
        self,
        address: str,
        *,
        protocol: str = "http",
        rights: UnixRights | None = None,
        options: SocketOptions | None = None,
    ) -> BoundListener:
        spec = ListenSpec(address, protocol, "--socket", "site.ini:3")
        listener = open_listener(
            spec, queue=10, rights=rights or UnixRights(), options=options or SocketOptions()
        )
        self.opened.append(listener)
        return listener

    def every(self, *addresses: str, inherited: list[int]) -> list[BoundListener]:
        start = len(self.opened)
        open_listeners(
            [ListenSpec(address, "http", "--socket", "") for address in addresses],
            queue=10,
            rights=UnixRights(),
            inherited=inherited,
            on_open=self.opened.append,
        )
        return self.opened[start:]


@pytest.fixture
def opener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opener]:
    monkeypatch.chdir(tmp_path)
    opener = Opener()
    yield opener
    for listener in opener.opened:
        os.close(listener.fd)


def option(listener: BoundListener, level: int, name: int) -> int:
    with socket.socket(fileno=os.dup(listener.fd)) as sock:
        return sock.getsockopt(level, name)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_tcp_on_a_port_the_kernel_chose(opener: Opener) -> None:
    listener = opener("127.0.0.1:0")
    host, port = listener.name.split(":")
    assert (host, listener.family, listener.path) == ("127.0.0.1", socket.AF_INET, None)
    socket.create_connection((host, int(port)), timeout=5).close()
    assert not os.get_blocking(listener.fd)
    assert not os.get_inheritable(listener.fd)
    assert option(listener, socket.SOL_SOCKET, socket.SO_REUSEADDR)
    assert option(listener, socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert option(listener, socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT)


def test_ipv6_does_not_take_ipv4_too(opener: Opener) -> None:
    listener = opener("[::1]:0")
    assert listener.name.startswith("[::1]:")
    assert option(listener, socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)


def test_an_address_in_use_is_named_with_its_option(opener: Opener) -> None:
    name = opener("127.0.0.1:0").name
    with pytest.raises(BindError) as caught:
        opener(name)
    assert str(caught.value) == f"{name}: address already in use (from --socket, site.ini:3)"


def test_an_address_of_another_machine(opener: Opener) -> None:
    with pytest.raises(BindError, match=r"does not have the address 192\.0\.2\.1 "):
        opener("192.0.2.1:0")


def test_a_name_that_cannot_be_resolved(opener: Opener) -> None:
    with pytest.raises(BindError, match=r"host name nowhere\.invalid cannot be resolved"):
        opener("nowhere.invalid:80")


@pytest.mark.parametrize("wanted", [0o600, 0o660, 0o666, 0o777])
def test_the_mode_of_a_unix_socket(opener: Opener, tmp_path: Path, wanted: int) -> None:
    before = os.umask(0o077)
    try:
        listener = opener("a.sock", rights=UnixRights(mode=wanted))
    finally:
        assert os.umask(before) == 0o077
    assert mode(tmp_path / "a.sock") == wanted
    assert listener.name == "a.sock"
    assert listener.path == str(tmp_path / "a.sock")


def test_without_a_mode_the_mask_decides(opener: Opener, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        opener("a.sock")
    finally:
        os.umask(before)
    assert mode(tmp_path / "a.sock") == 0o750


def test_a_stale_socket_is_replaced(opener: Opener, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as old:
        old.bind("a.sock")
    opener("a.sock")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("a.sock")


def test_a_live_socket_is_not_replaced(opener: Opener) -> None:
    opener("a.sock")
    with pytest.raises(BindError, match=r"a\.sock: address already in use.*from --socket"):
        opener("a.sock")


def test_another_file_is_not_replaced(opener: Opener, tmp_path: Path) -> None:
    (tmp_path / "a.sock").write_text("precious")
    with pytest.raises(BindError, match="not a socket"):
        opener("a.sock")
    assert (tmp_path / "a.sock").read_text() == "precious"


def test_a_directory_that_does_not_exist(opener: Opener) -> None:
    with pytest.raises(BindError, match=r"nowhere/a\.sock: no such file or directory"):
        opener("nowhere/a.sock")


def test_an_owner_that_does_not_exist_leaves_no_socket(opener: Opener, tmp_path: Path) -> None:
    for owner in ("no-such-user", "root:no-such-group"):
        with pytest.raises(ConfigError, match=r"site\.ini:9: chown-socket.*there is no"):
            opener("a.sock", rights=UnixRights(owner=owner, owner_place="site.ini:9"))
    assert not (tmp_path / "a.sock").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_owner_of_a_unix_socket(opener: Opener, tmp_path: Path) -> None:
    opener("a.sock", rights=UnixRights(owner="12345:23456"))
    info = (tmp_path / "a.sock").stat()
    assert (info.st_uid, info.st_gid) == (12345, 23456)


def test_an_abstract_socket_has_uwsgis_length(opener: Opener) -> None:
    listener = opener(f"@quaich-test-{os.getpid()}")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(f"\0quaich-test-{os.getpid()}\0")
    assert listener.path is None


def test_remove_file_leaves_what_another_program_put_there(opener: Opener, tmp_path: Path) -> None:
    listener = opener("a.sock")
    assert listener.path
    assert listener.inode
    (tmp_path / "a.sock").rename(tmp_path / "b.sock")
    (tmp_path / "a.sock").write_text("another's")
    remove_file(listener.path, listener.inode)
    assert (tmp_path / "a.sock").read_text() == "another's"
    remove_file(str(tmp_path / "b.sock"), listener.inode)
    assert not (tmp_path / "b.sock").exists()
    remove_file(str(tmp_path / "b.sock"), listener.inode)


def test_backlog() -> None:
    assert backlog(100, None, 4096) == 100
    assert backlog(100, None, 50) == 50
    assert backlog(100, "site.ini:4", None) == 100
    with pytest.raises(
        ConfigError, match=r"site\.ini:4: listen = 5000: net\.core\.somaxconn.*4096"
    ):
        backlog(5000, "site.ini:4", 4096)


def listening(family: int = socket.AF_INET, address: object = ("127.0.0.1", 0)) -> socket.socket:
    sock = socket.socket(family)
    sock.bind(address)
    sock.listen()
    return sock


def test_an_inherited_descriptor(opener: Opener) -> None:
    sock = listening()
    name = "{}:{}".format(*sock.getsockname())
    listener = opener(f"fd://{sock.detach()}")
    assert listener.name == name
    assert not os.get_blocking(listener.fd)


def test_inherited_descriptors_that_are_no_listening_sockets(opener: Opener) -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    with pytest.raises(BindError, match=r"fd://\d+ \(from --socket.*not a socket"):
        opener(f"fd://{null}")
    os.close(null)
    with socket.socket() as sock, pytest.raises(BindError, match="does not listen"):
        opener(f"fd://{sock.fileno()}")
    datagram = socket.socket(type=socket.SOCK_DGRAM)
    with datagram, pytest.raises(BindError, match="not a stream socket"):
        opener(f"fd://{datagram.fileno()}")
    with pytest.raises(BindError, match="not a socket"):
        opener("fd://99999")


def test_sockets_of_systemd_are_matched_by_address(opener: Opener, tmp_path: Path) -> None:
    tcp = listening()
    unix = listening(socket.AF_UNIX, str(tmp_path / "a.sock"))
    other = listening()
    tcp_name = "{}:{}".format(*tcp.getsockname())
    other_name = "{}:{}".format(*other.getsockname())
    given = [tcp.detach(), unix.detach(), other.detach()]
    found = opener.every("a.sock", "127.0.0.1:0", tcp_name, inherited=given)
    assert [each.name for each in found][0::2] == [str(tmp_path / "a.sock"), tcp_name]
    # What no option names is still served, and the file of a given socket is not ours to remove.
    assert (found[3].name, found[3].protocol) == (other_name, "uwsgi")
    assert found[0].path is None


def test_a_systemd_socket_may_be_named_by_its_descriptor(opener: Opener) -> None:
    sock = listening()
    fd = sock.detach()
    assert len(opener.every(f"fd://{fd}", inherited=[fd])) == 1


def test_what_is_asked_for_sockets_is_set_on_the_listener(opener: Opener) -> None:
    plain = opener("127.0.0.1:0")
    asked = opener(
        "127.0.0.1:0",
        options=SocketOptions(
            defer=False,
            reuse_port=True,
            freebind=True,
            keepalive=True,
            send_buffer=50000,
            receive_buffer=60000,
            fast_open=7,
        ),
    )
    ip_freebind = 15
    found = [
        (
            option(each, socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT) > 0,
            option(each, socket.SOL_SOCKET, socket.SO_REUSEPORT),
            option(each, socket.IPPROTO_IP, ip_freebind),
            option(each, socket.SOL_SOCKET, socket.SO_KEEPALIVE),
            option(each, socket.IPPROTO_TCP, socket.TCP_FASTOPEN),
        )
        for each in (plain, asked)
    ]
    assert found == [(True, 0, 0, 0, 0), (False, 1, 1, 1, 7)]
    # The kernel doubles what it is asked for.
    assert option(asked, socket.SOL_SOCKET, socket.SO_SNDBUF) == 100000
    assert option(asked, socket.SOL_SOCKET, socket.SO_RCVBUF) == 120000


def test_accepted_connections_have_what_their_listener_has(opener: Opener) -> None:
    listener = opener(
        "127.0.0.1:0", options=SocketOptions(defer=False, keepalive=True, send_buffer=50000)
    )
    with socket.socket(fileno=os.dup(listener.fd)) as sock:
        sock.setblocking(True)
        with socket.create_connection(sock.getsockname()):
            accepted, _ = sock.accept()
            with accepted:
                assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
                assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) >= 100000


def test_an_address_that_is_not_there_yet_can_be_bound(opener: Opener) -> None:
    with pytest.raises(BindError, match="this machine does not have the address"):
        opener("192.0.2.1:0")
    assert opener("192.0.2.1:0", options=SocketOptions(freebind=True)).name.startswith("192.0.2.1:")


def test_every_unix_socket_can_be_abstract(opener: Opener, tmp_path: Path) -> None:
    listener = opener(f"quaich-{os.getpid()}", options=SocketOptions(abstract=True))
    assert listener.path is None
    assert list(tmp_path.iterdir()) == []
    assert listener.name == f"@quaich-{os.getpid()}"
