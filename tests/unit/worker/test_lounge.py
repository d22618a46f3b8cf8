"""The lounge: what is put in comes out, and nothing else does."""

import array
import errno
import json
import os
import resource
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaich.values import replace
from quaich.worker.lounge import ROOM, Guest, Lounge, decode, encode, open_pair

GUEST = Guest("127.0.0.1:80", "http", "10.0.0.1", 4711, True, 3, 12.5, b"GET / HT")


@pytest.fixture
def lounge() -> Iterator[Lounge]:
    reader, writer = open_pair()
    lounge = Lounge(reader, writer, lambda: True)
    yield lounge
    lounge.close()


@pytest.fixture
def stream() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@given(
    st.builds(
        Guest,
        door=st.text(max_size=120),
        protocol=st.sampled_from(("http", "uwsgi", "auto")),
        address=st.ip_addresses().map(str),
        port=st.integers(0, 65535),
        http=st.booleans(),
        served=st.integers(0, 2**31 - 1),
        left=st.floats(0, 1e8),
        buffer=st.binary(max_size=300),
    )
)
def test_a_guest_arrives_as_it_was_sent(guest: Guest) -> None:
    assert decode(encode(guest)) == guest


@given(st.binary(max_size=200))
def test_any_octets_are_a_guest_or_refused(packet: bytes) -> None:
    with pytest.raises(ValueError):
        decode(packet)


def packet(**changes: object) -> bytes:
    values = [1, "a", "http", "", 0, True, 0, 1.0]
    names = ["version", "door", "protocol", "address", "port", "http", "served", "left"]
    for name, value in changes.items():
        values[names.index(name)] = value  # type: ignore[call-overload]
    return json.dumps(values).encode() + b"\n"


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        packet()[:-1],
        packet(version=2),
        packet(version=None),
        packet(door=None),
        packet(port="1"),
        packet(port=-1),
        packet(port=70000),
        packet(port=True),
        packet(http=1),
        packet(served=-1),
        packet(served=2**40),
        packet(left=-1.0),
        packet(left=float("nan")),
        packet(left=float("inf")),
        b"[]\n",
        b"[1,2,3,4,5,6,7,8,9]\n",
        b"[" * 3000 + b"\n",
        packet() + b"x" * (ROOM + 1),
    ],
)
def test_what_is_no_guest(bad: bytes) -> None:
    assert decode(packet())
    with pytest.raises(ValueError):
        decode(bad)


def test_a_connection_goes_in_and_out(
    lounge: Lounge, stream: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = stream
    assert lounge.take() is None
    largest = replace(GUEST, buffer=b"x" * ROOM)
    for guest in (GUEST, largest):
        assert lounge.offer(guest, ours.fileno())
    for guest in (GUEST, largest):
        found = lounge.take()
        assert found is not None
        assert found[0] == guest
        fd = found[1]
        assert not os.get_inheritable(fd)
        assert not os.get_blocking(fd)
        theirs.send(b"hello")
        assert os.read(fd, 100) == b"hello"
        os.close(fd)
    assert lounge.take() is None


def test_a_full_lounge_says_so_and_loses_nobody(
    lounge: Lounge, stream: tuple[socket.socket, socket.socket]
) -> None:
    put = 0
    while lounge.offer(replace(GUEST, served=put), stream[0].fileno()):
        put += 1
        assert put < 100000
    assert put >= 100
    for served in range(put):
        found = lounge.take()
        assert found is not None
        assert found[0].served == served
        os.close(found[1])
    assert lounge.offer(GUEST, stream[0].fileno())


def send_raw(lounge: Lounge, data: bytes, fds: list[int]) -> None:
    with socket.socket(fileno=os.dup(lounge._writer.fileno())) as writer:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        writer.sendmsg([data], rights)


def test_what_is_no_connection_is_closed(
    lounge: Lounge, stream: tuple[socket.socket, socket.socket]
) -> None:
    reader, writer = os.pipe()
    datagram = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    fd = stream[0].fileno()
    before = len(os.listdir("/proc/self/fd"))
    for data, fds in (
        (b"nonsense", [fd]),
        (encode(GUEST), []),
        (encode(GUEST), [reader]),
        (encode(GUEST), [datagram.fileno()]),
        (encode(GUEST), [fd, fd]),
        (b"x" * 60000, [fd]),
    ):
        send_raw(lounge, data, fds)
        with pytest.raises(ValueError):
            lounge.take()
    assert lounge.take() is None
    assert len(os.listdir("/proc/self/fd")) == before
    os.close(reader)
    os.close(writer)
    datagram.close()


def test_what_comes_beside_a_packet_is_not_taken_for_a_descriptor(
    lounge: Lounge, stream: tuple[socket.socket, socket.socket]
) -> None:
    lounge._reader.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    send_raw(lounge, encode(GUEST), [])
    with pytest.raises(ValueError, match="it brings 0 descriptors"):
        lounge.take()


def test_without_a_free_descriptor_the_guest_waits(
    lounge: Lounge, stream: tuple[socket.socket, socket.socket]
) -> None:
    assert lounge.offer(GUEST, stream[0].fileno())
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        with pytest.raises(OSError) as caught:
            lounge.take()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert caught.value.errno == errno.EMFILE
    found = lounge.take()
    assert found is not None
    os.close(found[1])
