"""Who reads HTTP rightly: every request of the corpus to real servers, and what each makes of it.

``python bench/conformance.py [--requests DIR] [--peers NAME,..]`` starts quaich and the peers in
turn, sends each case of ``tests/corpus/http1`` in one piece over a connection of its own, and
compares what the application was told, and what was refused, with what the corpus says.  A case is

* taken wrongly, where the application was run for a request that is to be refused, or told another
  method, path, host or body than was sent;
* refused wrongly, where a request that is to be answered was not;
* unanswered, where a refusal is due and the connection ends, or stays open, without a word.

``--requests`` names a directory with somebody else's cases: ``valid`` and ``invalid``, each with
``*.http`` files in which the ends of lines are written out, as in the source distribution of
gunicorn (``tests/requests``).  Of these only is known whether they are to be accepted.  A case with
settings of its own (``cfg`` in the file beside it) is left out, and a valid one of HTTP/1.1 without
Host, which RFC 9112 section 3.2 refuses.  ``--show NAME`` prints the cases
that this server has wrong.

The corpus is quaich's: where the standards leave a choice, another one counts as wrong here.
"""

import argparse
import hashlib
import json
import re
import socket
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import peers
from bench.peers import Ask, Peer
from bench.scenarios import Setup
from tests.corpus import reader
from tests.support.net import accepts
from tests.support.ports import free_port
from tests.support.processes import wait_until
from tests.support.server import Server

SETUP = Setup("conformance", "mirror", threads=4)
NAMES = ("quaich", "uwsgi", "gunicorn-gthread", "waitress", "granian", "cheroot", "fastwsgi")
PATIENCE = 1.5
"""Seconds without a word after which none is expected any more."""

# Limits that the corpus sets are another server's business.
USUAL: dict[str, int] = {}
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked", re.IGNORECASE)
_MIRROR = re.compile(rb"\r\nx-mirror:[ \t]*([^\r]*)", re.IGNORECASE)
_HOST = re.compile(rb"\r\nhost:", re.IGNORECASE)
_ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|([rnt0]))")
_LETTERS = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"0": b"\0"}


@dataclass(frozen=True)
class Wanted:
    """What must become of one request; ``exact`` is whether more than the status is known."""

    refused: bool
    method: str = ""
    path: str = ""
    host: str | None = None
    body: bytes | None = None
    exact: bool = True


@dataclass(frozen=True)
class Case:
    name: str
    data: bytes
    wanted: tuple[Wanted, ...]
    ours: bool = True


@dataclass
class Outcome:
    """How a server did."""

    kinds: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    died: int = 0


def corpus() -> list[Case]:
    """The cases whose every outcome is a request or a refusal, without limits of their own."""
    found = []
    for case in reader.read("http1"):
        if case.limits != USUAL or not case.expected or any(not e.status for e in case.expected):
            continue
        wanted = tuple(
            Wanted(
                each.status != 200,
                each.method,
                each.environ.get("PATH_INFO") or "",
                each.environ.get("HTTP_HOST"),
                each.body,
            )
            for each in case.expected
        )
        found.append(Case(case.name, case.data, wanted))
    return found


def theirs(directory: Path) -> list[Case]:
    """Cases of which only is known whether the first request is to be accepted."""
    found = []
    for kind in ("valid", "invalid"):
        for path in sorted((directory / kind).glob("*.http")):
            beside = path.with_suffix(".py")
            if beside.exists() and "cfg" in beside.read_text():
                continue
            text = _ESCAPE.sub(_octet, path.read_bytes().replace(b"\n", b""))
            if kind == "valid" and b" HTTP/1.1\r\n" in text and not _HOST.search(text):
                continue
            wanted = Wanted(kind == "invalid", exact=False)
            found.append(Case(f"{kind}: {path.stem}", text, (wanted,), ours=False))
    return found


def _octet(match: re.Match[bytes]) -> bytes:
    code, letter = match.groups()
    return bytes((int(code, 16),)) if code else _LETTERS[letter]


def replies(port: int, case: Case) -> list[tuple[int, dict[str, object] | None]]:
    """What comes back: the status of each reply, and what the application was told."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as sock:
        sock.settimeout(PATIENCE)
        data = b""
        found: list[tuple[int, dict[str, object] | None]] = []
        try:
            sock.sendall(case.data)
            while len(found) < len(case.wanted):
                piece = sock.recv(65536)
                data += piece
                while True:
                    method = case.wanted[len(found)].method if len(found) < len(case.wanted) else ""
                    reply = _reply(data, method == "HEAD", not piece)
                    if reply is None:
                        break
                    status, told, size = reply
                    data = data[size:]
                    if status >= 200:
                        found.append((status, told))
                if not piece:
                    break
        except OSError:
            pass  # reset, or silent for too long: what came before counts
        return found


def _reply(
    data: bytes, head_only: bool, ended: bool
) -> tuple[int, dict[str, object] | None, int] | None:
    """The first reply: status, what the mirror said, and size; None while it is not here."""
    end = data.find(b"\r\n\r\n") + 4
    if end < 4 or not data.startswith(b"HTTP/1."):
        return None
    head = data[:end]
    if not head[9:12].isdigit():
        return None
    status = int(head[9:12])
    length = _LENGTH.search(head)
    if status < 200 or status in (204, 304) or head_only:
        size = end
    elif length is not None:
        size = end + int(length[1])
    elif _CHUNKED.search(head):
        last = data.find(b"\r\n0\r\n\r\n", end - 2)
        size = last + 7 if last >= 0 else len(data) + 1
    else:
        size = len(data) if ended else len(data) + 1
    if size > len(data):
        return None
    told = _MIRROR.search(head)
    return status, json.loads(told[1]) if told else None, size


def judge(case: Case, got: Sequence[tuple[int, dict[str, object] | None]]) -> str:
    """The kind of mistake, empty for none."""
    for number, wanted in enumerate(case.wanted):
        if number >= len(got):
            return "unanswered" if wanted.refused else "refused wrongly"
        status, told = got[number]
        if wanted.refused:
            return "taken wrongly" if told is not None or status < 300 else ""
        if told is None:
            return "refused wrongly"
        if wanted.exact and not _same(wanted, told):
            return "taken wrongly"
    return ""


def _same(wanted: Wanted, told: dict[str, object]) -> bool:
    if told["method"] != wanted.method or told["path"] != wanted.path:
        return False
    if wanted.host is not None and told["host"] != wanted.host:
        return False
    return wanted.body is None or told["body"] == hashlib.sha256(wanted.body).hexdigest()


class Contestant:
    """A server that is started again whenever it has died."""

    def __init__(self, peer: Peer, directory: Path) -> None:
        self._peer = peer
        self._directory = directory
        self.port = free_port()
        self._mending = threading.Lock()
        self._deaths = 0
        self.server = self._start()

    def _start(self) -> Server:
        env = {} if self._peer is peers.QUAICH else {"PYTHONPATH": str(peers.SCENES)}
        argv = self._peer.argv(Ask(SETUP, self.port, self._directory))
        output = self._directory / "output"
        server = Server(argv, cwd=peers.SCENES, output=output, env=env)
        wait_until(
            lambda: accepts(("127.0.0.1", self.port)) or server.process.poll() is not None,
            20,
            "it listens",
        )
        return server

    def run(self, cases: Sequence[Case], at_once: int) -> Outcome:
        outcome = Outcome()
        with ThreadPoolExecutor(at_once) as pool:
            for case, kind in zip(cases, pool.map(self._one, cases), strict=True):
                outcome.kinds[kind] += 1
                if kind:
                    outcome.wrong.append(f"{kind}: {case.name}")
        self._mend()
        outcome.died = self._deaths
        return outcome

    def _mend(self) -> None:
        with self._mending:
            if self.server.process.poll() is not None:
                self._deaths += 1
                self.server.kill()
                self.server = self._start()

    def _one(self, case: Case) -> str:
        for _ in range(3):
            try:
                return judge(case, replies(self.port, case))
            except ConnectionRefusedError:
                self._mend()
            except OSError:
                break
        return "no connection"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=Path, help="a directory with valid/ and invalid/")
    parser.add_argument("--peers", default=",".join(NAMES))
    parser.add_argument("--show", default="", help="print what this one has wrong")
    wishes = parser.parse_args()
    suites = {"corpus": corpus()}
    if wishes.requests:
        suites["theirs"] = theirs(wishes.requests)
    known = {each.name: each for each in (peers.QUAICH, *peers.PEERS)}
    kinds = ("taken wrongly", "refused wrongly", "unanswered", "no connection")
    print("| server | " + " | ".join(f"{n}: {k}" for n in suites for k in kinds) + " | died |")
    print("|---|" + "---:|" * (len(suites) * len(kinds) + 1))
    mine = 0
    for name in wishes.peers.split(","):
        peer = known[name]
        failed = peers.install([peer.package, *peer.more], peer.debian) if peer.package else {}
        if failed:
            print(f"| {name} | cannot be installed: {'; '.join(failed.values())} |")
            continue
        cells, died = [], 0
        for cases in suites.values():
            with tempfile.TemporaryDirectory(prefix="quaich-bench-") as directory:
                contestant = Contestant(peer, Path(directory))
                try:
                    # One that serves a connection until it is closed serves one a thread.
                    outcome = contestant.run(cases, SETUP.threads if peer.holds else 16)
                finally:
                    contestant.server.kill()
            cells += [str(outcome.kinds[kind]) for kind in kinds]
            died += outcome.died
            if name == wishes.show:
                print("\n".join(outcome.wrong), file=sys.stderr)
            if name == peers.QUAICH.name:
                mine += len(outcome.wrong)
        print(f"| {name} {peers.of(peer)} | " + " | ".join(cells) + f" | {died} |", flush=True)
    print("\n" + ", ".join(f"{name}: {len(cases)} cases" for name, cases in suites.items()))
    return 1 if mine else 0


if __name__ == "__main__":
    sys.exit(main())
