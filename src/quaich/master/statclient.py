"""Clients of the statistics: asked what they want, answered, and let go of; never waited for.

Every client is bounded: in number, in what it may send, in the time it may take to ask and to read.
Who is too slow is closed on; with too many, the one that has been there longest goes.
"""

import socket
import time
from collections.abc import Callable
from functools import partial

from quaich.master.sending import send_some
from quaich.master.side import House
from quaich.stats import question
from quaich.stats.question import Question
from quaich.values import dataclass

MOST_CLIENTS = 128
SILENCE = 0.1
"""Seconds after which a client that has sent nothing is taken for one of uWSGI's, which never do.
One that speaks HTTP sends at once; where the way is long, stats-http has the server wait for it."""
ASK_SECONDS = 5.0
READ_SECONDS = 10.0
LINGER_SECONDS = 1.0

_BATCH = 32
_PAUSE_SECONDS = 1.0
_READ = 4096


@dataclass(eq=False)
class _Client:
    """A connection; ``until`` is when its time to ask, or to read, is over."""

    sock: socket.socket
    until: float
    received: bytes = b""
    unsent: memoryview = memoryview(b"")
    answered: bool = False


class Clients:
    """All clients of all addresses.  ``answer`` is given a question, None for silence."""

    def __init__(self, answer: Callable[[Question | None], bytes], patient: Callable[[], bool]):
        self._answer = answer
        self._patient = patient
        self._house: House | None = None
        self._listeners: list[socket.socket] = []
        self._clients: dict[int, _Client] = {}
        self._again: float | None = None

    def attach(self, house: House, listeners: list[socket.socket]) -> None:
        """Accept at these."""
        self._house = house
        self._listeners = listeners
        for each in listeners:
            each.setblocking(False)
            house.watch(each.fileno(), partial(self._accept, each))

    def due(self) -> float | None:
        """When the next client has used up its time."""
        times = [each.until for each in self._clients.values()]
        if self._again is not None:
            times.append(self._again)
        return min(times, default=None)

    def turn(self, now: float) -> None:
        """Answer who is silent, let go of who is slow, accept again."""
        if self._again is not None and now >= self._again:
            self._again = None
            for each in self._listeners:
                self.house.watch(each.fileno(), partial(self._accept, each))
        for client in list(self._clients.values()):
            if now < client.until:
                continue
            if client.answered or client.received or self._patient():
                self._drop(client)
            else:
                self._reply(client, None)

    def close(self) -> None:
        """Let go of everybody."""
        for client in list(self._clients.values()):
            client.sock.close()
        self._clients.clear()

    @property
    def house(self) -> House:
        """The house, after ``attach``."""
        assert self._house is not None
        return self._house

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_BATCH):
            try:
                sock, _ = listener.accept()
            except BlockingIOError:
                return
            except OSError:
                # No descriptor, or no memory, is left.  Who waits would wake us again and again.
                for each in self._listeners:
                    self.house.unwatch(each.fileno())
                self._again = time.monotonic() + _PAUSE_SECONDS
                return
            sock.setblocking(False)
            if len(self._clients) >= MOST_CLIENTS:
                self._drop(next(iter(self._clients.values())))
            patience = ASK_SECONDS if self._patient() else SILENCE
            client = _Client(sock, time.monotonic() + patience)
            self._clients[sock.fileno()] = client
            self.house.watch(sock.fileno(), partial(self._read, client))

    def _read(self, client: _Client) -> None:
        try:
            data = client.sock.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            self._drop(client)
            return
        if client.answered:
            # It has its answer; what it still says is thrown away until it closes.
            if not data:
                self._drop(client)
            return
        if not data:
            # Closed for writing, it may still read; gone, the answer goes nowhere.
            self._reply(client, question.read(client.received + b"\n\n"))
            return
        if not client.received:
            client.until = time.monotonic() + ASK_SECONDS
        client.received += data
        asked = question.read(client.received)
        if asked is not None:
            self._reply(client, asked)

    def _reply(self, client: _Client, asked: Question | None) -> None:
        client.answered = True
        client.unsent = memoryview(self._answer(asked))
        client.until = time.monotonic() + READ_SECONDS
        self._flush(client)

    def _flush(self, client: _Client) -> None:
        try:
            sent = send_some(client.sock, client.unsent)
        except OSError:
            self._drop(client)
            return
        client.unsent = client.unsent[sent:]
        if client.unsent:
            self.house.watch(client.sock.fileno(), partial(self._flush, client), True)
            return
        try:
            # Closing on what is unread would take the answer back.
            client.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(client)
            return
        client.until = min(client.until, time.monotonic() + LINGER_SECONDS)
        self.house.watch(client.sock.fileno(), partial(self._read, client))

    def _drop(self, client: _Client) -> None:
        fd = client.sock.fileno()
        if self._clients.pop(fd, None) is None:
            return
        self.house.unwatch(fd)
        client.sock.close()
