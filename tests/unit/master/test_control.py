import errno
import json
import os
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quaich.errors import QuaichError
from quaich.master import control, requests
from quaich.master.control import MOST_CLIENTS, Control
from quaich.master.fleet import Phase
from quaich.master.vocabulary import Answer, Asked, Leave, Meaning, Progress
from tests.unit.master.house import FakeHouse


class Desk:
    """A control socket in a house of its own, and clients of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.house = FakeHouse()
        self.status: dict[str, object] = {"pid": 7}
        self.control = Control(lambda house: self.status)
        self.control.open(str(path))
        self.control.attach(self.house)
        self.clients: list[socket.socket] = []

    def connect(self) -> socket.socket:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(5)
        client.connect(str(self.path))
        self.clients.append(client)
        self.wait()
        return client

    def ask(self, line: bytes) -> socket.socket:
        client = self.connect()
        client.sendall(line)
        self.wait()
        return client

    def wait(self) -> None:
        self.house.wait(self.control)

    def close(self) -> None:
        for client in self.clients:
            client.close()
        self.control.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "control.sock")
    yield made
    made.close()


def lines(client: socket.socket) -> list[Any]:
    """What has been answered by now."""
    client.setblocking(False)
    data = b""
    try:
        while chunk := client.recv(65536):
            data += chunk
    except BlockingIOError:
        pass
    return [json.loads(line) for line in data.splitlines()]


def test_the_outcome_comes_last(desk: Desk) -> None:
    client = desk.ask(b'{"command": "reload"}\n')
    assert desk.house.told == [Asked(Meaning.RELOAD, 1)]
    assert lines(client) == [{"accepted": True, "pid": os.getpid()}]
    desk.control.heed(Progress(1, "generation=2 loads"), 0.0)
    desk.control.heed(Answer(9, True, "for somebody else"), 0.0)
    desk.control.heed(Answer(1, False, "it raises"), 0.0)
    assert lines(client) == [
        {"progress": "generation=2 loads"},
        {"ok": False, "text": "it raises"},
    ]
    assert client.recv(1) == b""


def test_a_request_may_come_in_pieces_and_its_end_be_closed(desk: Desk) -> None:
    client = desk.ask(b'{"command": "sc')
    client.sendall(b'ale", "workers": 3}\nand more')
    client.shutdown(socket.SHUT_WR)
    desk.wait()
    assert desk.house.told == [Asked(Meaning.SCALE, 1, 3)]
    desk.control.heed(Answer(1, True, "workers=3"), 0.0)
    assert lines(client)[-1] == {"ok": True, "text": "workers=3"}


def test_the_status_is_answered_at_once(desk: Desk) -> None:
    client = desk.ask(b'{"command": "status"}\n')
    assert lines(client)[-1] == {"ok": True, "text": "", "status": {"pid": 7}}
    assert desk.house.told == []


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 'expected a line such as {"command": "status"}'),
        (b"x" * (requests.LIMIT + 1), "expected one line of at most 4096 octets"),
    ],
)
def test_nonsense_is_answered(desk: Desk, line: bytes, text: str) -> None:
    client = desk.ask(line)
    assert lines(client) == [{"ok": False, "text": text}]
    assert desk.house.told == []


def test_to_stop_twice_is_not_to_hurry(desk: Desk) -> None:
    first, second = (desk.ask(b'{"command": "stop"}\n') for _ in range(2))
    assert desk.house.told == [Asked(Meaning.DRAIN, 1)]
    desk.house.plan.phase = Phase.DRAINING
    third = desk.ask(b'{"command": "stop"}\n')
    reload = desk.ask(b'{"command": "reload"}\n')
    desk.control.heed(Answer(1, True, "the server has ended"), 0.0)
    desk.control.heed(Leave(0), 0.0)
    for client in (first, second, third):
        assert lines(client)[-1] == {"ok": True, "text": "the server has ended"}
    assert lines(reload)[-1]["ok"] is False


def test_a_client_that_goes_is_forgotten(desk: Desk) -> None:
    client = desk.ask(b'{"command": "reload"}\n')
    client.close()
    desk.wait()
    desk.control.heed(Progress(1, "x"), 0.0)
    desk.control.heed(Answer(1, True, "x"), 0.0)
    assert desk.control.due() is None


def test_silent_clients_are_let_go_in_time(desk: Desk) -> None:
    client = desk.connect()
    due = desk.control.due()
    assert due is not None
    assert 0 < due - time.monotonic() <= control.ASK_SECONDS
    desk.control.turn(due)
    assert client.recv(1) == b""
    assert desk.control.due() is None


def test_a_crowd_does_not_keep_others_away(desk: Desk) -> None:
    waiting = desk.ask(b'{"command": "reload"}\n')
    for _ in range(3 * MOST_CLIENTS):
        desk.connect()
    client = desk.ask(b'{"command": "status"}\n')
    assert lines(client)[-1]["ok"] is True
    desk.control.heed(Answer(1, True, "done"), 0.0)
    assert lines(waiting)[-1] == {"ok": True, "text": "done"}


def test_a_slow_reader_gets_all_and_holds_up_nobody(desk: Desk) -> None:
    desk.status = {"long": "x" * 2_000_000}
    client = desk.ask(b'{"command": "status"}\n')
    assert lines(desk.ask(b'{"command": "nothing"}\n'))[-1]["ok"] is False
    data = b""
    while not data.endswith(b"}}\n"):
        data += client.recv(65536)
        desk.wait()
    assert len(data) > 2_000_000
    assert client.recv(1) == b""


def test_who_does_not_read_is_let_go(desk: Desk) -> None:
    desk.status = {"long": "x" * 2_000_000}
    desk.ask(b'{"command": "status"}\n')
    due = desk.control.due()
    assert due is not None
    desk.control.turn(due)
    assert desk.control.due() is None


def test_another_user_is_not_heard(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "_peer", lambda sock: os.geteuid() + 1)
    client = desk.connect()
    assert client.recv(1) == b""
    assert desk.house.log.lines == [f"warning: control: user {os.geteuid() + 1} is not heard"]


def test_the_file(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    first = Control(lambda house: {})
    first.open(str(path), "site.ini:2")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(QuaichError, match=r"^site.ini:2: control = .*another program listens"):
        Control(lambda house: {}).open(str(path), "site.ini:2")
    first.close()
    assert not path.exists()
    path.write_text("precious")
    with pytest.raises(QuaichError, match="a file that is not a socket is there"):
        Control(lambda house: {}).open(str(path))
    with pytest.raises(QuaichError, match="no such file or directory"):
        Control(lambda house: {}).open(str(tmp_path / "none" / "c.sock"))
    with pytest.raises(QuaichError, match="path too long"):
        Control(lambda house: {}).open(str(tmp_path / ("x" * 120)))
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(QuaichError, match="every user can write to"):
        Control(lambda house: {}).open(str(tmp_path / "open" / "c.sock"))
    with socket.socket(socket.AF_UNIX) as stale:
        path.unlink()
        stale.bind(str(path))
    again = Control(lambda house: {})
    again.open(str(path))
    assert again.leftovers()[0][0] == str(path)
    again.close()


def test_clients_are_carried_over(desk: Desk) -> None:
    asking = desk.ask(b'{"command": "upgrade"}\n')
    half = desk.ask(b'{"command": ')
    state, descriptors = desk.control.carry()
    assert len(descriptors) == 3
    after = Control(lambda house: {"new": True})
    copies = {str(fd): os.dup(fd) for fd in descriptors}
    text = json.loads(json.dumps(state))
    text["listener"][0] = copies[str(text["listener"][0])]
    for client in text["clients"]:
        client[0] = copies[str(client[0])]
    desk.control.close()
    after.resume(text)
    house = FakeHouse()
    after.attach(house)
    after.heed(Answer(1, True, "goes on"), 0.0)
    assert lines(asking)[-1] == {"ok": True, "text": "goes on"}
    half.sendall(b'"status"}\n')
    house.wait(after)
    assert lines(half)[-1]["status"] == {"new": True}
    after.close()


def test_without_a_descriptor_nobody_is_accepted_for_a_while(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = desk.control._listener
    assert listener is not None

    class Full:
        def __init__(self, sock: socket.socket) -> None:
            self.fileno = sock.fileno
            self.close = sock.close

        def accept(self) -> tuple[socket.socket, object]:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(desk.control, "_listener", Full(listener))
    # It would be told of the client who waits for ever, and at once.
    desk.connect()
    due = desk.control.due()
    assert due is not None
    monkeypatch.setattr(desk.control, "_listener", listener)
    desk.control.turn(due)
    desk.wait()
    assert len(desk.control._clients) == 1
