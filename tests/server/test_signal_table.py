"""Every signal, in both doors, to the master and to a worker: what becomes of everybody.

Each row is one signal to a server with two workers and a request of a second inside one of them.
``uwsgi`` is what uWSGI 2.0.31 was seen to do with the same row; where it is not what quaich does,
``why`` says why.  With ``QUAICH_TESTS_UWSGI`` naming a uWSGI program, the rows of the compatible
door run against it too.
"""

import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.support.net import Address, connect
from tests.support.ports import free_port
from tests.support.processes import stat, wait_until
from tests.support.server import Server

APPLICATION = """
import os, time

def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        open("slow", "w").write(str(os.getpid()))
        time.sleep(1)
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""

WITHIN = 20.0


@dataclass(frozen=True)
class Seen:
    """What can be seen from outside.

    ``master`` runs or ended; ``workers`` are the same, all new, one of them new, one more or fewer,
    or gone; ``request`` is the one that ran when the signal came; ``next`` is one asked afterwards.
    """

    master: str = "runs"
    workers: str = "same"
    request: str = "answered"
    next: str = "answered"


NOTHING = Seen()
RELOAD = Seen(workers="new")
BRUTAL = Seen(workers="new", request="cut")
STOP = Seen("exit 0", "gone", "cut", "refused")
DRAIN = Seen("exit 0", "gone", "answered", "refused")
PAUSED = Seen(next="waits")
WOKEN = Seen(request="status 500")
MORE = Seen(workers="one more")
FEWER = Seen(workers="one fewer")
REPLACED = Seen(workers="one new", request="cut")
RELIEVED = Seen(workers="one new")

COMPATIBLE, DIE_ON_TERM, MODERN = "compatible", "die-on-term", "modern"


@dataclass(frozen=True)
class Row:
    """A signal and its outcome; ``log`` is a line that quaich then writes."""

    door: str
    to: str
    signals: str
    quaich: Seen
    uwsgi: Seen | None = None
    log: str = ""
    why: str = ""

    def __str__(self) -> str:
        return f"{self.door}-{self.to}-{self.signals.replace(' ', '-')}"


KILLED_BY_USR2 = Seen("exit -12", "gone", "answered", "refused")
KILLED_BY_ALRM = Seen("exit -14", "gone", "answered", "refused")

LOST = "uWSGI 2.0.31 lost this meaning, which its documentation gives"
DEADLY = "nothing that is not documented to end the server may end it"


def to_master(door: str) -> list[Row]:
    """What means the same in every door; uWSGI has no modern one."""
    there = door != MODERN
    nothing = NOTHING if there else None
    rows = [
        ("HUP", RELOAD, RELOAD, "action=reload", ""),
        ("USR1", NOTHING, NOTHING, "action=statistics", ""),
        ("USR2", NOTHING, KILLED_BY_USR2, "action=status", LOST),
        ("TSTP", PAUSED, PAUSED, "action=pause", ""),
        ("TSTP TSTP", NOTHING, NOTHING, "action=pause", ""),
        ("TSTP HUP", RELOAD, RELOAD, "resumed generation=2", ""),
        ("CONT", NOTHING, NOTHING, "", ""),
        ("WINCH", WOKEN, NOTHING, "action=wake", LOST),
        ("URG", NOTHING, NOTHING, "action=restore", ""),
        ("TTIN", MORE, NOTHING, "action=more", LOST),
        ("TTOU", FEWER, NOTHING, "action=fewer", LOST),
        ("ALRM", NOTHING, KILLED_BY_ALRM, "", DEADLY),
        ("CHLD", NOTHING, nothing, "", ""),
        ("PIPE", NOTHING, nothing, "", ""),
    ]
    return [
        Row(door, "master", name, quaich, uwsgi if there else None, log, why if there else "")
        for name, quaich, uwsgi, log, why in rows
    ]


TABLE = (
    *to_master(COMPATIBLE),
    Row(COMPATIBLE, "master", "TERM", BRUTAL, BRUTAL, "action=brutal-reload"),
    Row(COMPATIBLE, "master", "INT", STOP, STOP, "action=stop"),
    Row(COMPATIBLE, "master", "QUIT", STOP, STOP, "action=stop"),
    *to_master(DIE_ON_TERM),
    Row(DIE_ON_TERM, "master", "TERM", STOP, STOP, "action=stop"),
    Row(DIE_ON_TERM, "master", "INT", STOP, STOP, "action=stop"),
    Row(DIE_ON_TERM, "master", "QUIT", BRUTAL, BRUTAL, "action=brutal-reload"),
    *to_master(MODERN),
    Row(MODERN, "master", "TERM", DRAIN, log="action=drain"),
    Row(MODERN, "master", "INT", DRAIN, log="action=drain"),
    Row(MODERN, "master", "INT INT", STOP, log="action=drain"),
    Row(MODERN, "master", "QUIT", STOP, log="action=stop"),
    # To the worker with the request inside.
    Row(COMPATIBLE, "worker", "HUP", RELIEVED, RELIEVED),
    Row(COMPATIBLE, "worker", "TERM", REPLACED, REPLACED),
    Row(COMPATIBLE, "worker", "INT", REPLACED, REPLACED),
    Row(COMPATIBLE, "worker", "QUIT", REPLACED, REPLACED),
    Row(COMPATIBLE, "worker", "USR1", NOTHING, NOTHING),
    Row(COMPATIBLE, "worker", "USR2", NOTHING, NOTHING, "in application"),
    # It takes up nothing more; the other worker answers.
    Row(COMPATIBLE, "worker", "TSTP", NOTHING, NOTHING),
    Row(COMPATIBLE, "worker", "CONT", NOTHING, NOTHING),
    Row(COMPATIBLE, "worker", "WINCH", WOKEN, NOTHING, why=LOST),
    Row(COMPATIBLE, "worker", "URG", NOTHING, NOTHING),
    Row(COMPATIBLE, "worker", "TTIN", NOTHING, NOTHING),
    Row(COMPATIBLE, "worker", "TTOU", NOTHING, NOTHING),
    Row(COMPATIBLE, "worker", "ALRM", REPLACED, REPLACED),
    Row(COMPATIBLE, "worker", "CHLD", NOTHING, NOTHING),
    Row(COMPATIBLE, "worker", "PIPE", NOTHING, NOTHING),
)


class Scene:
    """A server with a request inside."""

    def __init__(self, server: Server, address: Address, directory: Path) -> None:
        self.server, self.address = server, address
        self.request = "waits"
        wait_until(lambda: len(self.workers()) == 2, WITHIN, "two workers")
        wait_until(lambda: ask(address) == "answered", WITHIN, "an answer")
        self.before = self.workers()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        slow = directory / "slow"
        wait_until(lambda: slow.exists() and slow.read_text(), WITHIN, "a request runs")
        self.busy = int(slow.read_text())

    def _run(self) -> None:
        self.request = ask(self.address, "/slow", WITHIN)

    def workers(self) -> set[int]:
        """The workers are the master's children in the group of another; a zygote leads its own."""
        found = set()
        for each in self.server.children():
            try:
                leads = os.getpgid(each.pid) == each.pid
            except ProcessLookupError:
                continue
            if each.parent == self.server.pid and not leads:
                found.add(each.pid)
        return found

    def seen(self) -> Seen:
        """What is to be seen now."""
        status = self.server.process.poll()
        now = self.workers()
        if not now:
            workers = "gone"
        elif now == self.before:
            workers = "same"
        elif not now & self.before:
            workers = "new" if len(now) == 2 else f"{len(now)} new"
        elif len(now) == 2:
            workers = "one new"
        elif now > self.before or now < self.before:
            more = len(now) - 2
            workers = {1: "one more", -1: "one fewer"}.get(more, f"{more:+d}")
        else:
            workers = f"{len(now & self.before)} old and {len(now - self.before)} new"
        master = "runs" if status is None else f"exit {status}"
        return Seen(master, workers, self.request, ask(self.address))

    def end(self) -> None:
        self._thread.join(WITHIN)


def ask(address: Address, path: str = "/", timeout: float = 1.0) -> str:
    """Whether a request is answered, cut off, waits that long, or is refused."""
    reply = b""
    try:
        with connect(address, timeout) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
            while piece := client.recv(4096):
                reply += piece
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return "waits"
    except OSError:
        return "cut"
    if not reply:
        return "cut"
    status = reply.split()[1].decode()
    return "answered" if status == "200" else f"status {status}"


def begin(start: StartServer, directory: Path, row: Row, program: str | None) -> Scene:
    (directory / "table.py").write_text(APPLICATION)
    address = ("127.0.0.1", free_port())
    bind = "{}:{}".format(*address)
    if row.door == MODERN:
        arguments = ["serve", "table:application", "--bind", bind, "--workers", "2"]
    else:
        arguments = ["--http-socket", bind, "-w", "table", "--master", "-p", "2"]
        if row.door == DIE_ON_TERM:
            arguments.append("--die-on-term")
    return Scene(start(*arguments, argv=[program] if program else None), address, directory)


def send(scene: Scene, row: Row) -> None:
    """The row's signals, each after the one before it has been taken."""
    for number, name in enumerate(row.signals.split()):
        if number:
            scene.server.wait_line("action=|PAUSE", WITHIN)
        to = scene.server.pid if row.to == "master" else scene.busy
        os.kill(to, signal.Signals[f"SIG{name}"])


def settled(scene: Scene, expected: Seen) -> Seen:
    """What is seen once it is what was expected, or when there is no more hope."""
    deadline = time.monotonic() + WITHIN
    # Not before the request is over: an effect may come when nothing is expected.
    scene.end()
    while (now := scene.seen()) != expected and time.monotonic() < deadline:
        time.sleep(0.05)
    return now


def check(scene: Scene, row: Row, expected: Seen) -> None:
    before = len(scene.server.log)
    send(scene, row)
    seen = settled(scene, expected)
    assert seen == expected, scene.server.log[before:]
    if seen.master == "runs":
        assert stat(scene.server.pid)
    if seen == PAUSED:
        # As it was, so that the server can be stopped by any means.
        scene.server.send(signal.SIGTSTP)
        wait_until(lambda: ask(scene.address) == "answered", WITHIN, "it goes on")


def test_rows_are_unique_and_differences_have_a_reason() -> None:
    names = [str(row) for row in TABLE]
    assert len(set(names)) == len(names)
    for row in TABLE:
        differs = row.uwsgi is not None and row.uwsgi != row.quaich
        assert bool(row.why) == differs, row


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_quaich(row: Row, start: StartServer, tmp_path: Path) -> None:
    scene = begin(start, tmp_path, row, None)
    check(scene, row, row.quaich)
    if row.log:
        assert row.log in scene.server.log


@pytest.mark.skipif("QUAICH_TESTS_UWSGI" not in os.environ, reason="no uWSGI program is given")
@pytest.mark.parametrize("row", [row for row in TABLE if row.uwsgi], ids=str)
def test_uwsgi(row: Row, start: StartServer, tmp_path: Path) -> None:
    assert row.uwsgi is not None
    check(begin(start, tmp_path, row, os.environ["QUAICH_TESTS_UWSGI"]), row, row.uwsgi)
