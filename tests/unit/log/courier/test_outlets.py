"""The performers of the sinks, with real sockets, pipes and files."""

import os
import re
import socket
import stat
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from quaich.config.loggers import sink
from quaich.errors import QuaichError
from quaich.log.courier import making
from quaich.log.courier.letter import INFO, SERVER, Letter
from quaich.log.courier.making import outlet
from quaich.log.courier.outlets import (
    LATER,
    LOST,
    SENT,
    Datagram,
    File,
    Outlet,
    Redis,
    Stream,
)
from quaich.log.file import Target

WAIT = 10.0


class Make(Protocol):
    def __call__(self, text: str, origin: int = 2) -> Outlet: ...


@pytest.fixture
def make() -> Iterator[Make]:
    """Make the outlet of a sink; it is closed at the end."""
    made: list[Outlet] = []

    def file(name: str) -> Outlet:
        return File(Target(name), 0, None, time.time)

    def of(text: str, origin: int = 2) -> Outlet:
        made.append(outlet(sink(text), origin=origin, file=file, ident="q", host="h", packet=100))
        return made[-1]

    yield of
    for each in made:
        each.close()


def send(where: Outlet, line: bytes = b"line\n", now: float = 0.0) -> int:
    return where.send(line, Letter(SERVER, line, INFO, 1, 41), now or time.time())


def until_sent(where: Outlet, line: bytes = b"line\n") -> None:
    deadline = time.monotonic() + WAIT
    while send(where, line) != SENT:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def udp() -> socket.socket:
    found = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    found.bind(("127.0.0.1", 0))
    found.settimeout(WAIT)
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a device")
def test_a_device_is_not_set_aside(tmp_path: Path, make: Make) -> None:
    path = tmp_path / "null"
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    where = make(f"file:{path}")
    where.open()
    where.reopen(rotate=True)
    assert send(where) == SENT
    assert os.listdir(tmp_path) == ["null"]


def test_a_file(tmp_path: Path, make: Make) -> None:
    path = tmp_path / "a.log"
    where = make(f"file:{path}")
    where.open()
    assert send(where) == SENT
    assert path.read_bytes() == b"line\n"
    assert path.stat().st_mode & 0o777 == 0o640
    path.rename(tmp_path / "b.log")
    where.reopen(rotate=False)
    send(where, b"two\n")
    assert path.read_bytes() == b"two\n"
    where.reopen(rotate=True)
    send(where, b"three\n")
    assert path.read_bytes() == b"three\n"
    assert len(list(tmp_path.glob("a.log.*"))) == 1


def test_a_file_that_grows_is_set_aside(tmp_path: Path) -> None:
    where = File(Target(str(tmp_path / "a")), 10, str(tmp_path / "old"), time.time)
    where.open()
    send(where, b"x" * 20)
    where.turn(0.0)
    send(where, b"new\n")
    assert (tmp_path / "a").read_bytes() == b"new\n"
    assert (tmp_path / "old").read_bytes() == b"x" * 20


def test_a_file_whose_directory_was_removed(tmp_path: Path, make: Make) -> None:
    path = tmp_path / "d" / "a"
    path.parent.mkdir()
    where = make(f"file:{path}")
    where.open()
    path.unlink()
    path.parent.rmdir()
    where.turn(1.0)
    assert send(where, now=100.0) == LATER
    path.parent.mkdir()
    assert send(where, now=100.5) == LATER, "not at once"
    assert send(where, now=102.0) == SENT
    assert path.read_bytes() == b"line\n"


def test_a_full_disk_loses_the_line(make: Make) -> None:
    where = make("file:/dev/full")
    where.open()
    assert send(where) == LOST


def test_a_descriptor(tmp_path: Path, make: Make) -> None:
    reader, writer = os.pipe()
    for where in (make(f"fd:{writer}"), make("stdio", writer)):
        assert send(where) == SENT
        assert os.read(reader, 100) == b"line\n"
    os.close(reader)
    assert send(where) == LOST
    os.close(writer)
    with pytest.raises(QuaichError, match="no descriptor of that number"):
        make(f"fd:{writer}")


def test_a_stream_whose_reader_hangs_is_not_waited_for() -> None:
    reader, writer = os.pipe()
    where = Stream(writer)
    line = b"x" * 9999 + b"\n"
    count = 0
    while send(where, line) == SENT:
        count += 1
    assert where.fd == writer
    got = b""
    while got.count(b"\n") <= count:
        got += os.read(reader, 65536)
        outcome = send(where, line) if where.fd >= 0 else SENT
    assert outcome == SENT
    assert set(got.split(b"\n")) <= {line[:-1], b""}, "no line is broken"
    os.close(reader)
    os.close(writer)


def test_datagrams(make: Make) -> None:
    with udp() as receiver:
        address = "{}:{}".format(*receiver.getsockname())
        assert send(make(f"socket:{address}")) == SENT
        assert receiver.recv(100) == b"line\n"
        send(make(f"syslog:@{address},shop,local0"))
        assert receiver.recv(100).startswith(b"<134>")
        send(make(f"syslog5424:{address},shop"), b"x" * 200)
        found = receiver.recv(200)
        assert found.startswith(b"<30>1 ")
        assert len(found) == 100
        # As uWSGI 2.0.31 sends it.
        date = rb"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d"
        for more, head in (("", b"<29>%s h q: "), (",a", b"<29>%s a: "), (",a,8", b"<8>%s a: ")):
            send(make(f"rsyslog:{address}{more}"))
            assert re.fullmatch(head % date + b"line", receiver.recv(200))


def test_a_unix_socket_that_comes_and_goes(tmp_path: Path, make: Make) -> None:
    path = tmp_path / "log.sock"
    where = make(f"socket:{path}")
    assert send(where, now=1.0) == LATER
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(path))
        assert send(where, now=10.0) == SENT
        assert receiver.recv(100) == b"line\n"
    assert send(where, now=11.0) == LATER
    path.unlink()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(path))
        assert send(where, now=30.0) == SENT


def test_a_receiver_that_does_not_read(tmp_path: Path, make: Make) -> None:
    path = str(tmp_path / "log.sock")
    where = make(f"socket:{path}")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(path)
        while (outcome := send(where)) == SENT:
            pass
        assert outcome == LATER
        assert where.fd >= 0
        receiver.recv(100)
        assert send(where) == SENT
        assert where.fd == -1


def test_the_journal_takes_large_entries_as_files(tmp_path: Path) -> None:
    path = str(tmp_path / "journal")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(path)
        receiver.settimeout(WAIT)
        where = Datagram(path, lambda data, letter, now: data, large=True)
        assert send(where, b"x" * 3000000) == SENT
        _, fds, _, _ = socket.recv_fds(receiver, 100, 1)
        assert os.pread(fds[0], 4000000, 0) == b"x" * 3000000
        os.close(fds[0])
        where.close()


def entry(data: bytes) -> dict[str, bytes]:
    """An entry as journald reads it: FIELD=value, or FIELD, a length and so many octets."""
    found = {}
    while data:
        line, _, data = data.partition(b"\n")
        name, sign, value = line.partition(b"=")
        if not sign:
            (size,) = struct.unpack("<Q", data[:8])
            value, end, data = data[8 : 8 + size], data[8 + size : 9 + size], data[9 + size :]
            assert end == b"\n"
        assert re.fullmatch(rb"[A-Z][A-Z0-9_]*", name), "another name is thrown away"
        found[name.decode()] = value
    return found


def test_the_journal_gets_what_it_reads(
    tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "journal")
    monkeypatch.setattr(making, "JOURNAL", path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(path)
        receiver.settimeout(WAIT)
        where = make("systemd:shop")
        forged = b"one\nPRIORITY=0\n"
        assert where.send(forged, Letter(SERVER, forged, INFO, 3, 41), 1.0) == SENT
        assert entry(receiver.recv(65536)) == {
            "PRIORITY": b"6",
            "SYSLOG_IDENTIFIER": b"shop",
            "QUAICH_LOG": b"server",
            "MESSAGE": b"one\nPRIORITY=0",
            "SYSLOG_PID": b"41",
            "WORKER": b"3",
        }
        assert send(where, b"traceback\n" * 300000) == SENT
        data, fds, _, _ = socket.recv_fds(receiver, 100, 1)
        assert data == b""
        with open(fds[0], "rb") as file:
            file.seek(0)
            assert entry(file.read())["MESSAGE"].count(b"traceback") == 300000


def test_a_program(tmp_path: Path, make: Make) -> None:
    where = make(f"pipe:cat >> {tmp_path}/out")
    assert send(where) == SENT
    where.close()
    wait_for(tmp_path / "out", b"line\n")


def test_a_program_that_ends_is_started_again(tmp_path: Path, make: Make) -> None:
    where = make(f"pipe:head -n 1 >> {tmp_path}/out")
    until_sent(where, b"one\n")
    wait_for(tmp_path / "out", b"one\n")
    deadline = time.monotonic() + WAIT
    now = 100.0
    while b"two" not in (tmp_path / "out").read_bytes():
        assert time.monotonic() < deadline
        now += 20.0
        send(where, b"two\n", now)
        time.sleep(0.01)


def wait_for(path: Path, data: bytes) -> None:
    deadline = time.monotonic() + WAIT
    while not path.exists() or path.read_bytes() != data:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_redis(make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(WAIT)
        got: list[bytes] = []

        def serve() -> None:
            client, _ = server.accept()
            with client:
                client.settimeout(WAIT)
                got.append(client.recv(1000))
                client.sendall(b":1\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        where = make('redislog:{}:{},"publish shop",p'.format(*server.getsockname()))
        until_sent(where)
        thread.join(WAIT)
        assert got == [b"*3\r\n$7\r\npublish\r\n$4\r\nshop\r\n$5\r\npline\r\n"]
    assert isinstance(where, Redis)


def test_a_host_that_is_none(make: Make) -> None:
    with pytest.raises(QuaichError, match=r"no\.such\.host\.invalid"):
        make("socket:no.such.host.invalid:1")
