"""A worker's answerer and its engine in the test's own process: real sockets, and no fork."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from quaich.log.request import RequestLog
from quaich.log.selection import Selection
from quaich.stats.scoreboard import Scoreboard
from quaich.sys.clock import micros
from quaich.sys.io import Acceptor
from quaich.worker.answer import Answerer
from quaich.worker.connection import Connection, Door
from quaich.worker.handover import Handover
from quaich.worker.intake import READY, Intake
from quaich.worker.loop import Engine
from quaich.worker.lounge import Lounge
from quaich.worker.record import Recorder
from tests.support.logs import Lines
from tests.support.processes import wait_until

DEADLINE = 10.0
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
FIXED = {"SCRIPT_NAME": "", "SERVER_NAME": "node", "SERVER_PORT": "80"}

Application = Callable[[dict[str, Any], Any], Any]


def answerer(
    application: Application | None,
    board: Scoreboard,
    log: Lines,
    *,
    threads: int = 1,
    timeouts: tuple[float, float] = (DEADLINE, DEADLINE),
    recorded: bool = False,
    **more: Any,
) -> Answerer:
    slot = board.slot(1)
    recorder = None
    if recorded:
        selection = Selection(True, False, False, 0, 0, False, False, False)
        recorder = Recorder(slot=slot, log=log, lines=RequestLog(1, False), selection=selection)
    wanted: dict[str, Any] = {
        "choose": lambda environ: None,
        "application": application,
        "noting": True,
        "most": 0,
        "timing": True,
        "dynamic": lambda environ: None,
    }
    return Answerer(
        slot=slot,
        log=log,
        recorder=recorder,
        write_timeouts=timeouts,
        threads=threads,
        **{**wanted, **more},
    )


class Desk:
    """An answerer and one connection, whose other end is ``client``; no loop."""

    def __init__(
        self,
        application: Application | None,
        *,
        protocol: str = "http",
        room: int = 0,
        tcp: bool = False,
        threads: int = 1,
        **more: Any,
    ) -> None:
        self.log = Lines()
        self.board = Scoreboard.create(1, threads)
        self.slot = self.board.slot(1)
        self.answerer = answerer(application, self.board, self.log, threads=threads, **more)
        self.answerer.idents[0] = threading.get_ident()
        self.client, self.server = _loopback() if tcp else socket.socketpair()
        self.client.settimeout(DEADLINE)
        self.server.setblocking(False)
        if room:
            self.server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, room)
        acceptor: Any = _Entrance(self.server.fileno())
        door = Door(acceptor, "test", protocol, dict(FIXED), "80")
        self.intake = Intake(65535, 0, 65536)
        self.conn = Connection(self.server.fileno(), door, "192.0.2.7", 1234, self.answerer)

    def take(self, data: bytes = GET) -> None:
        """Let a whole request arrive."""
        assert self.intake.feed(self.conn, data) == READY
        self.conn.began = micros()

    def ask(self, data: bytes = GET, thread: int = 0) -> int:
        """Answer a request; what became of it."""
        self.take(data)
        return self.answerer.answer(self.conn, thread, None)

    def received(self) -> bytes:
        """What the client can read now."""
        self.client.setblocking(False)
        pieces = []
        try:
            while piece := self.client.recv(1 << 20):
                pieces.append(piece)
        except (BlockingIOError, ConnectionResetError):
            pass
        self.client.settimeout(DEADLINE)
        return b"".join(pieces)

    def close(self) -> None:
        self.client.close()
        self.server.close()
        os.close(self.board.fd)


def _loopback() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        return client, listener.accept()[0]


class _Entrance:
    def __init__(self, fd: int) -> None:
        self.fd = fd


@contextmanager
def desk(application: Application | None, **more: Any) -> Iterator[Desk]:
    made = Desk(application, **more)
    try:
        yield made
    finally:
        made.close()


class Hall:
    """An engine whose threads run, behind a listening socket of its own."""

    def __init__(
        self,
        application: Application | None,
        *,
        protocol: str = "http",
        path: Path | None = None,
        threads: int = 1,
        lounge: tuple[int, int] | None = None,
        room: int = 0,
        memory: int = 65536,
        timeout: float = DEADLINE,
        idle: float = DEADLINE,
        acceptor: Callable[[int], Acceptor] = Acceptor,
        **more: Any,
    ) -> None:
        self.log = Lines()
        self.board = Scoreboard.create(1, threads)
        self.slot = self.board.slot(1)
        self.answerer = answerer(
            application,
            self.board,
            self.log,
            threads=threads,
            timeouts=(timeout, timeout),
            **more,
        )
        family = socket.AF_INET if path is None else socket.AF_UNIX
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.room = room
        if room:
            # What a connection inherits.
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, room)
        self.listener.bind(("127.0.0.1", 0) if path is None else str(path))
        self.listener.listen(100)
        self.listener.setblocking(False)
        self.address = self.listener.getsockname()
        self.acceptor = acceptor(self.listener.fileno())
        self.door = Door(self.acceptor, "test", protocol, dict(FIXED), "80")
        self.handover = None
        if lounge is not None:
            place = Lounge(*lounge, lambda: self.board.heirs)
            self.handover = Handover(place, [self.door], self.answerer, self.log)
        self.signals, self.signaller = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.signalled: list[bytes] = []
        self.act: Callable[[bytes], None] = lambda data: None
        self.engine = Engine(
            doors=[self.door],
            intake=Intake(65535, 0, memory),
            answerer=self.answerer,
            log=self.log,
            threads=threads,
            http_timeout=timeout,
            gateway_timeout=timeout,
            idle_timeout=idle,
            on_signal=self._on_signal,
            handover=self.handover,
        )
        self.engine.open(self.signals)
        self.threads: list[threading.Thread] = []
        self.clients: list[socket.socket] = []
        self.failed: list[BaseException] = []

    def _on_signal(self) -> None:
        try:
            data = os.read(self.signals, 100)
        except BlockingIOError:
            return
        try:
            self.act(data)
        finally:
            self.signalled.append(data)

    def signal(self, data: bytes = b"!") -> None:
        """Have an idle thread act on a signal, and wait until it has."""
        count = len(self.signalled)
        os.write(self.signaller, data)
        wait_until(lambda: len(self.signalled) > count, DEADLINE, "the signal")

    def pause(self) -> None:
        """Pause, and wait until the engine, of one thread, has seen it."""
        self.engine.pause()
        # The first may still be among the events that it had already.
        self.signal()
        self.signal()

    def start(self) -> "Hall":
        self.engine.start_accepting()
        for lane in self.engine.lanes:
            thread = threading.Thread(target=self._run, args=(lane,), daemon=True)
            thread.start()
            self.threads.append(thread)
        return self

    def _run(self, lane: Any) -> None:
        try:
            self.engine.run(lane)
        except BaseException as error:
            self.failed.append(error)

    def client(self, data: bytes = b"") -> socket.socket:
        """A new client, which has sent ``data``."""
        made = socket.socket(self.listener.family, socket.SOCK_STREAM)
        self.clients.append(made)
        made.settimeout(DEADLINE)
        if self.room:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.room)
        made.connect(self.address)
        made.sendall(data)
        return made

    def parked(self, count: int = 1) -> list[Connection]:
        """Wait until so many connections are parked; these."""
        table = self.engine.table
        wait_until(lambda: len(table) == count, DEADLINE, f"{count} parked: {self.log.text}")
        return list(table.values())

    def begun(self) -> Connection:
        """Wait until part of a request has been read; its connection."""
        return self._parked_so(lambda conn: bool(conn.buffer) or conn.head is not None)

    def writing(self) -> Connection:
        """Wait until a reply waits for its client; its connection."""
        return self._parked_so(lambda conn: conn.writing or conn.suspended)

    def _parked_so(self, holds: Callable[[Connection], bool]) -> Connection:
        found: list[Connection] = []

        def look() -> bool:
            found[:] = [conn for conn in list(self.engine.table.values()) if holds(conn)]
            return bool(found)

        wait_until(look, DEADLINE, f"a connection is parked so: {self.log.text}")
        return found[0]

    def expire(self, part: str) -> None:
        """Let the time of who is parked run out, until the log says so."""

        def said() -> bool:
            for conn in list(self.engine.table.values()):
                conn.deadline = 0.0
            return part in self.log.text

        wait_until(said, DEADLINE, f"{part!r} in the log: {self.log.text}")

    def join(self) -> None:
        """Wait until every thread has returned."""
        ends = time.monotonic() + DEADLINE
        for thread in self.threads:
            thread.join(max(0.0, ends - time.monotonic()))
            assert not thread.is_alive(), self.log.text

    def stop(self) -> None:
        self.engine.halt()
        self.join()
        self.close()

    def close(self) -> None:
        self.engine.close()
        for each in self.clients:
            each.close()
        self.acceptor.close()
        self.listener.close()
        for fd in (self.signals, self.signaller, self.board.fd):
            os.close(fd)


@contextmanager
def hall(application: Application | None, **more: Any) -> Iterator[Hall]:
    """An engine that serves; stopped at the end, and no thread of it may have failed."""
    made = Hall(application, **more)
    try:
        yield made.start()
    finally:
        made.stop()
    assert not made.failed, made.failed


class Interfering:
    """What reads a connection before its protocol does: ``act``, and ``answer`` is said."""

    def __init__(
        self, act: Callable[[Connection, bytes], bytes | None], answer: bytes = b""
    ) -> None:
        self.act = act
        self.answer = answer

    def read(self, conn: Connection, data: bytes) -> bytes | None:
        return self.act(conn, data)


class Shouting:
    """What encodes all that is sent, so that it can be told; ``on_farewell`` is called before."""

    def __init__(self, on_farewell: Callable[[], None] = lambda: None) -> None:
        self.on_farewell = on_farewell

    def encode(self, data: bytes) -> bytes:
        return data.upper()

    def last(self, page: bytes) -> bytes:
        return page.upper() + b"LAST"

    def farewell(self) -> bytes:
        self.on_farewell()
        return b"FAREWELL"


def reset(client: socket.socket) -> None:
    """Leave at once, without an orderly end."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()


def reply_from(client: socket.socket) -> bytes:
    """One reply of known length, and nothing of what follows it."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        piece = client.recv(1)
        assert piece, head
        head += piece
    [length] = [line for line in head.split(b"\r\n") if line.startswith(b"Content-Length: ")]
    left = int(length.split()[1])
    pieces = [head]
    while left > 0:
        pieces.append(client.recv(min(left, 1 << 20)))
        assert pieces[-1], "the reply is cut"
        left -= len(pieces[-1])
    return b"".join(pieces)


def ended(client: socket.socket) -> bytes | None:
    """What comes until the server closes; None where it breaks off with a reset."""
    data = b""
    while True:
        try:
            piece = client.recv(65536)
        except ConnectionResetError:
            return None
        if not piece:
            return data
        data += piece
