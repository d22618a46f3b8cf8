"""Clients of the statistics are bounded in number and time, and none is waited for."""

import socket
import time
from collections.abc import Iterator

import pytest

from quaich.master import statclient
from quaich.master.statclient import ASK_SECONDS, MOST_CLIENTS, READ_SECONDS, SILENCE, Clients
from quaich.stats.question import Question
from tests.unit.master.house import FakeHouse

LARGE = b"x" * (1 << 24)


class Desk:
    """Clients at an abstract socket, and what they have asked."""

    def __init__(self, patient: bool) -> None:
        self.asked: list[Question | None] = []
        self.answer = b"answer"
        self.house = FakeHouse()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind("")
        self.listener.listen(256)
        self.clients = Clients(self._reply, lambda: patient)
        self.clients.attach(self.house, [self.listener])

    def _reply(self, asked: Question | None) -> bytes:
        self.asked.append(asked)
        return self.answer

    def connect(self) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(10)
        sock.connect(self.listener.getsockname())
        self.house.wait()
        return sock

    def later(self, seconds: float) -> None:
        """As if so much time had gone by."""
        self.house.wait()
        self.clients.turn(time.monotonic() + seconds)
        self.house.wait()

    def count(self) -> int:
        return len(self.house.selector.get_map()) - 1


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk(patient=False)
    yield made
    made.clients.close()
    made.listener.close()


@pytest.fixture
def patient() -> Iterator[Desk]:
    made = Desk(patient=True)
    yield made
    made.clients.close()
    made.listener.close()


def test_silence_is_answered(desk: Desk) -> None:
    with desk.connect() as sock:
        assert desk.clients.due() is not None
        desk.clients.turn(time.monotonic() - 1)
        assert desk.asked == []
        desk.later(SILENCE)
        assert sock.recv(100) == b"answer"
        assert sock.recv(100) == b""
        assert desk.asked == [None]
    desk.house.wait()
    assert (desk.count(), desk.clients.due()) == (0, None)


def test_a_question_in_pieces(desk: Desk) -> None:
    with desk.connect() as sock:
        sock.sendall(b"GET /metr")
        desk.later(SILENCE)
        assert desk.asked == []
        sock.sendall(b"ics HTTP/1.1\r\n\r\n")
        desk.house.wait()
        assert sock.recv(100) == b"answer"
        assert desk.asked == [Question("GET", "/metrics")]


def test_who_never_ends_its_question_is_let_go_of(desk: Desk) -> None:
    with desk.connect() as sock:
        sock.sendall(b"GET /")
        desk.later(ASK_SECONDS + 1)
        assert sock.recv(100) == b""
    assert (desk.asked, desk.count()) == ([], 0)


def test_a_patient_server_does_not_answer_silence(patient: Desk) -> None:
    with patient.connect() as sock:
        patient.later(SILENCE)
        assert patient.count() == 1
        patient.later(ASK_SECONDS + 1)
        assert sock.recv(100) == b""
    assert patient.asked == []


def test_who_does_not_read_is_let_go_of(desk: Desk) -> None:
    desk.answer = LARGE
    with desk.connect():
        desk.later(SILENCE)
        desk.later(READ_SECONDS - 1)
        assert desk.count() == 1
        desk.later(READ_SECONDS + 1)
        assert desk.count() == 0


def test_a_large_answer_arrives_whole(desk: Desk) -> None:
    desk.answer = LARGE
    with desk.connect() as sock:
        desk.later(SILENCE)
        size = 0
        while size < len(LARGE):
            sock.setblocking(False)
            try:
                size += len(sock.recv(1 << 20))
            except BlockingIOError:
                desk.house.wait()
        sock.setblocking(True)
        desk.house.wait()
        assert sock.recv(1) == b""


def test_a_crowd_lets_the_longest_there_go(desk: Desk) -> None:
    socks = [desk.connect() for _ in range(MOST_CLIENTS + 5)]
    assert desk.count() == MOST_CLIENTS
    assert [sock.recv(1) for sock in socks[:5]] == [b""] * 5
    desk.later(SILENCE)
    assert socks[5].recv(100) == b"answer"
    for sock in socks:
        sock.close()
    desk.house.wait()
    assert desk.count() == 0


def test_who_is_gone_harms_nobody(desk: Desk) -> None:
    desk.connect().close()
    desk.house.wait()
    desk.later(SILENCE)
    desk.later(statclient.LINGER_SECONDS + 1)
    assert desk.count() == 0


def test_without_descriptors_accepting_pauses(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def accept(self: socket.socket) -> None:
        raise OSError(24, "too many open files")

    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(desk.listener.getsockname())
        with monkeypatch.context() as patch:
            patch.setattr(socket.socket, "accept", accept)
            desk.house.wait()
        assert desk.count() == -1
        desk.later(2.0)
        assert desk.count() == 1
