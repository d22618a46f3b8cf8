"""A steady load: requests at a fixed rate from kept and one-shot connections, every failure told.

A process of its own, so that the clients do not wait for what drives them: one thread, one epoll,
no framework.  It is given its targets as JSON in ``argv[1]``, obeys lines on its standard input
(``phase NAME``, ``end``) and writes what it saw as JSON to its standard output.

A request has its time to start whether or not the ones before it were answered, so a server that
stalls is seen by all who come meanwhile.  Nothing is sent twice: a request on a kept connection
that the server closes without an answer has failed.  Only a connection that is seen to be closed
before anything was sent on it is given up quietly, as every client with a pool does.
"""

import errno
import json
import os
import random
import select
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

APPLICATION = '''
"""Answers with the number it was asked by, the length of the body and its own pid."""

import os
import time

running = os.open("running", os.O_RDWR | os.O_CREAT, 0o644) if os.path.exists("running") else -1


def application(environ, start_response):
    query = dict(part.split("=") for part in environ["QUERY_STRING"].split("&"))
    number = int(query["n"])
    if running >= 0:
        os.pwrite(running, b"%d %d\\n" % (number, os.getpid()), number * 32)
    length = len(environ["wsgi.input"].read())
    if query["ms"] != "0":
        time.sleep(int(query["ms"]) / 1000)
    body = b"%d %d %d" % (number, length, os.getpid())
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
'''
"""What the load expects behind every target.  Where there is a file ``running``, it notes in it
which process has begun which request."""

KEPT, SELDOM, ONCE = "kept", "seldom", "one-shot"
KINDS = (KEPT, SELDOM, ONCE)


@dataclass(frozen=True)
class Target:
    """Somewhere to ask; ``kinds`` are the clients that this server can serve."""

    name: str
    address: tuple[str, int] | str
    kinds: Sequence[str] = KINDS


@dataclass(frozen=True)
class Failure:
    """A request without its answer.  ``worker`` answered last on this connection, 0: nobody yet."""

    number: int
    target: str
    kind: str
    reason: str
    sent: float
    failed: float
    worker: int
    detail: str = ""


@dataclass
class Row:
    """What one kind of client saw of one target in one phase.

    ``dropped`` connections were closed by the server when nothing was asked on them; ``stalled``
    requests took more than a second.
    """

    phase: str
    target: str
    kind: str
    sent: int = 0
    failed: int = 0
    median: float = 0.0
    most: float = 0.0
    slowest: float = 0.0
    slowest_at: float = 0.0
    dropped: int = 0
    stalled: int = 0


@dataclass
class Outcome:
    """All that a load saw; ``late`` is by how much the load itself was late at worst."""

    rows: list[Row] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    late: float = 0.0


class Connection:
    """One connection and the request on it."""

    def __init__(self, target: Target, kind: str) -> None:
        self.target = target
        self.kind = kind
        family = socket.AF_UNIX if isinstance(target.address, str) else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        if family == socket.AF_INET:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.number = 0
        self.phase = ""
        self.began = 0.0
        self.unsent = b""
        self.got = b""
        self.expect = b""
        self.answered = 0
        self.worker = 0
        # A client that asks seldom: when next.
        self.due = 0.0

    @property
    def idle(self) -> bool:
        return not self.number


class Load:
    """The clients."""

    def __init__(self, plan: dict[str, Any]) -> None:
        for each in plan["targets"]:
            if not isinstance(each["address"], str):
                each["address"] = tuple(each["address"])
        self.targets = [Target(**each) for each in plan["targets"]]
        self.rate = float(plan["rate"])
        self.kept = int(plan["kept"])
        self.timeout = float(plan["timeout"])
        self.work = float(plan["work"])
        self.chance = random.Random(plan["seed"])
        self.epoll = select.epoll()
        self.open: dict[int, Connection] = {}
        self.pools: dict[tuple[str, str], list[Connection]] = defaultdict(list)
        self.phase = "first"
        self.number = 0
        self.times: dict[tuple[str, str, str], list[tuple[float, float]]] = defaultdict(list)
        self.sent: dict[tuple[str, str, str], int] = defaultdict(int)
        self.dropped: dict[tuple[str, str, str], int] = defaultdict(int)
        self.outcome = Outcome()
        self.turns = [
            (target, kind)
            for target in self.targets
            for kind in target.kinds
            if kind in (KEPT, ONCE)
        ]
        self.seldom = [target for target in self.targets if SELDOM in target.kinds]

    def run(self) -> Outcome:
        self.epoll.register(0, select.EPOLLIN)
        os.set_blocking(0, False)
        gap = 1 / self.rate
        due = time.monotonic()
        turn, ended = 0, False
        next_look = due
        while True:
            now = time.monotonic()
            if ended and not any(not each.idle for each in self.open.values()):
                break
            if not ended:
                self.outcome.late = max(self.outcome.late, now - due)
                while due <= now:
                    self._ask(*self.turns[turn % len(self.turns)], now)
                    turn += 1
                    due += gap
            if now >= next_look:
                next_look = now + 0.05
                self._look(now, ended)
            wait = 0.05 if ended else min(0.05, max(0.0, due - time.monotonic()))
            for fd, events in self.epoll.poll(wait):
                if fd == 0:
                    ended = self._order() or ended
                elif fd in self.open:
                    self._event(self.open[fd], events)
        return self._summary()

    def _order(self) -> bool:
        """Obey what was written to us; whether to end."""
        text = os.read(0, 4096).decode()
        for line in text.splitlines():
            if line.startswith("phase "):
                self.phase = line[6:]
        return not text or "end" in text.splitlines()

    def _look(self, now: float, ended: bool) -> None:
        """Requests that took too long, and clients that ask now and then."""
        for conn in list(self.open.values()):
            if not conn.idle and now - conn.began > self.timeout:
                self._fail(conn, "timeout", "")
        if ended:
            return
        for target in self.seldom:
            pool = self.pools[target.name, SELDOM]
            for conn in [each for each in pool if each.idle and each.due <= now]:
                pool.remove(conn)
                self._send(conn, now)
            mine = sum(c.kind == SELDOM and c.target is target for c in self.open.values())
            for _ in range(self.kept - mine):
                self._connect(target, SELDOM, now)

    def _ask(self, target: Target, kind: str, now: float) -> None:
        pool = self.pools[target.name, kind]
        if kind == KEPT and len(pool) >= self.kept:
            self._send(pool.pop(self.chance.randrange(len(pool))), now)
        else:
            self._connect(target, kind, now)

    def _connect(self, target: Target, kind: str, now: float) -> None:
        conn = Connection(target, kind)
        self._begin(conn, now)
        error = conn.sock.connect_ex(target.address)
        if error not in (0, errno.EINPROGRESS):
            self._fail(conn, "refused", os.strerror(error))
            return
        self.open[conn.sock.fileno()] = conn
        self.epoll.register(conn.sock, select.EPOLLOUT | select.EPOLLIN)

    def _begin(self, conn: Connection, now: float) -> None:
        self.number += 1
        chance = self.chance.random()
        work = 50 if chance < 0.01 * self.work else 10 if chance < 0.1 * self.work else 0
        size = self.chance.choice((1, 500, 20000)) if self.chance.random() < 0.2 else 0
        lines = [
            f"{'POST' if size else 'GET'} /?n={self.number}&ms={work} HTTP/1.1",
            "Host: localhost",
            "User-Agent: steady",
            "Accept: */*",
        ]
        if size:
            lines.append(f"Content-Length: {size}")
        if conn.kind == ONCE:
            lines.append("Connection: close")
        conn.unsent = "\r\n".join([*lines, "", ""]).encode() + b"x" * size
        conn.expect = b"%d %d " % (self.number, size)
        conn.number, conn.phase, conn.began, conn.got = self.number, self.phase, now, b""
        self.sent[self.phase, conn.target.name, conn.kind] += 1

    def _send(self, conn: Connection, now: float) -> None:
        """The next request on a kept connection."""
        self._begin(conn, now)
        self._write(conn)

    def _write(self, conn: Connection) -> None:
        try:
            conn.unsent = conn.unsent[conn.sock.send(conn.unsent) :]
        except BlockingIOError:
            pass
        except OSError as error:
            # What the server said before it closed can still be read.
            if not self._read(conn):
                self._closed(conn, error)
            return
        wanted = select.EPOLLIN | (select.EPOLLOUT if conn.unsent else 0)
        self.epoll.modify(conn.sock, wanted)

    def _event(self, conn: Connection, events: int) -> None:
        if conn.idle:
            # Nothing was asked, so nothing may come but the end.
            self.dropped[self.phase, conn.target.name, conn.kind] += 1
            self._forget(conn)
            return
        if not conn.answered and conn.unsent:
            error = conn.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                self._fail(conn, "refused", os.strerror(error))
                return
        if events & select.EPOLLOUT and conn.unsent:
            self._write(conn)
        elif events & ~select.EPOLLOUT:
            self._read(conn)

    def _read(self, conn: Connection) -> bool:
        """Whether the request is over now, well or badly."""
        try:
            data = conn.sock.recv(65536)
        except BlockingIOError:
            return False
        except OSError as error:
            self._closed(conn, error)
            return True
        if not data:
            self._closed(conn, None)
            return True
        conn.got += data
        head, found, body = conn.got.partition(b"\r\n\r\n")
        if not found:
            return False
        fields = head.decode("latin-1").lower().split("\r\n")
        length = next((int(f[15:]) for f in fields if f.startswith("content-length:")), -1)
        if length < 0 or len(body) < length:
            if length >= 0:
                return False
            length = len(body)
        if not head.startswith((b"HTTP/1.1 200 ", b"HTTP/1.0 200 ")):
            self._fail(conn, f"status {head[9:12].decode('latin-1')}", body[:60].decode("latin-1"))
        elif len(body) != length or not body.startswith(conn.expect):
            self._fail(conn, "wrong", repr(conn.got[:200]))
        else:
            self._answered(conn, int(body[len(conn.expect) :]), "connection: close" in fields)
        return True

    def _answered(self, conn: Connection, worker: int, close: bool) -> None:
        now = time.monotonic()
        took = (now - conn.began, conn.began)
        self.times[conn.phase, conn.target.name, conn.kind].append(took)
        conn.worker, conn.number = worker, 0
        conn.answered += 1
        if conn.kind == ONCE or close:
            self._forget(conn)
            return
        conn.due = now + self.chance.uniform(0.3, 1.5)
        self.pools[conn.target.name, conn.kind].append(conn)

    def _closed(self, conn: Connection, error: OSError | None) -> None:
        detail = os.strerror(error.errno) if error is not None and error.errno else "end"
        reason = "cut" if conn.got else "kept-closed" if conn.answered else "closed"
        self._fail(conn, reason, detail)

    def _fail(self, conn: Connection, reason: str, detail: str) -> None:
        self.outcome.failures.append(
            Failure(
                conn.number,
                conn.target.name,
                conn.kind,
                reason,
                conn.began,
                time.monotonic(),
                conn.worker,
                detail,
            )
        )
        self.times[conn.phase, conn.target.name, conn.kind]
        self._forget(conn)

    def _forget(self, conn: Connection) -> None:
        pool = self.pools[conn.target.name, conn.kind]
        if conn in pool:
            pool.remove(conn)
        conn.number = 0
        fd = conn.sock.fileno()
        if self.open.pop(fd, None) is not None:
            self.epoll.unregister(fd)
        conn.sock.close()

    def _summary(self) -> Outcome:
        for key, sent in sorted(self.sent.items()):
            times = sorted(self.times[key])
            row = Row(*key, sent=sent, failed=sent - len(times), dropped=self.dropped[key])
            if times:
                row.median = times[len(times) // 2][0]
                row.most = times[min(len(times) - 1, int(len(times) * 0.99))][0]
                row.slowest, row.slowest_at = times[-1]
                row.stalled = sum(took > 1 for took, _ in times)
            self.outcome.rows.append(row)
        return self.outcome


class Clients:
    """The load as the one who drives it sees it.

    ``rate`` is in requests a second over all targets; of every hundred one sleeps for 50 ms in the
    application and nine for 10, times ``work``.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        *,
        rate: float,
        kept: int = 4,
        timeout: float = 15.0,
        work: float = 1.0,
        seed: int = 1,
    ) -> None:
        plan = {
            "targets": [asdict(each) for each in targets],
            "rate": rate,
            "kept": kept,
            "timeout": timeout,
            "work": work,
            "seed": seed,
        }
        self._timeout = timeout
        self._process = subprocess.Popen(
            [sys.executable, "-S", str(Path(__file__).resolve()), json.dumps(plan)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def phase(self, name: str) -> None:
        """What is sent from now on counts as this."""
        self._tell(f"phase {name}")

    def end(self) -> Outcome:
        """Let the last requests be answered; what was seen."""
        self._tell("end")
        text, _ = self._process.communicate(timeout=self._timeout + 30)
        found = json.loads(text)
        return Outcome(
            [Row(**each) for each in found["rows"]],
            [Failure(**each) for each in found["failures"]],
            found["late"],
        )

    def kill(self) -> None:
        """For when something else went wrong."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


if __name__ == "__main__":
    print(json.dumps(asdict(Load(json.loads(sys.argv[1])).run())))
