"""What a Django site costs in memory, and how soon it first answers, beside uWSGI.

``python bench/memory.py [--quaich PATH] [--uwsgi PATH]``: a master and 4 workers of
``examples/django``.  Memory is the proportional set size of all processes together, in which a page
that n processes share counts an nth for each: idle, and after 20,000 requests.  The environments of
both must have Django; for the time to the first answer they should have nothing else, since what
installs itself into the start of the interpreter (coverage does) delays every start.

Idle, quaich takes about a third more than uWSGI, whose master is the process that loaded the
application.  The floor are the same processes in Python, that do nothing: 38 MB where uWSGI has 42
and quaich 57 (``warmup = /``).  The master has 7 of its own, of which a bare interpreter has 3.2.
Each worker has 1.9 (the floor's 0.9: what any fork of this process writes to before its first line
of Python), and who has served 2.3 more.  The zygote has 2.2: the originals of what all workers
wrote to.  What all share is 5 more than the floor's: the modules of quaich, those of the master
too, of which the first generation is a fork; one that was executed takes as much, since then the
master shares nothing with it.

With ``--strict`` the exit status is 1 if quaich takes more than uWSGI idle, more than 85 MB after
the requests with ``warmup``, or more than 1.3 times as long to its first answer.
"""

import argparse
import compileall
import os
import re
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import quaich
from bench import peers
from tests.support import http
from tests.support.net import Address, exchange
from tests.support.ports import free_port
from tests.support.server import Server, command

SITE = peers.ROOT / "examples" / "django"
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
WORKERS = 4
ALLOWED = 85.0
FACTOR = 1.3


@dataclass
class Contestant:
    """A way to run the site, and what was measured of it; memory in MB, times in seconds."""

    name: str
    argv: list[str]
    starts: list[float] = field(default_factory=list)
    idle: float = 0.0
    after: float = 0.0
    idle_parts: str = ""
    after_parts: str = ""
    problem: str = ""

    @property
    def start(self) -> float:
        return statistics.median(self.starts) if self.starts else 0.0


def shares(server: Server) -> dict[str, float]:
    """The proportional set size of each process, in MB, by name and pid."""
    found = {}
    for each in server.processes():
        text = Path(f"/proc/{each.pid}/smaps_rollup").read_text()
        match = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
        assert match is not None
        found[f"{each.name} {each.pid}"] = int(match[1]) / 1024
    return found


def parts(found: dict[str, float]) -> str:
    """Each process, in the order of their start."""
    return " ".join(f"{value:.1f}" for value in found.values())


def start(contestant: Contestant, directory: Path) -> tuple[Server, Address, float]:
    """A server that has answered once, and how long that took."""
    address = ("127.0.0.1", free_port())
    began = time.monotonic()
    server = Server(
        [
            *contestant.argv,
            *("--http-socket", "{}:{}".format(*address), "--module", "mysite.wsgi"),
            *("--master", "--processes", str(WORKERS), "--disable-logging", "--need-app"),
        ],
        cwd=SITE,
        output=directory / f"{contestant.name.replace(' ', '-')}.log",
    )
    while True:
        if server.process.poll() is not None:
            raise AssertionError("\n".join(server.log.splitlines()[-5:]))
        try:
            if http.get(address).status == 200:
                return server, address, time.monotonic() - began
        except (OSError, AssertionError):
            if time.monotonic() - began > 30:
                server.kill()
                raise AssertionError(f"no answer in 30 s\n{server.log}") from None
            time.sleep(0.002)


def ask(address: Address, count: int) -> None:
    """So many requests from two clients for each worker."""
    clients = WORKERS * 2
    failures: list[str] = []

    def some(share: int) -> None:
        for _ in range(share):
            reply = exchange(address, REQUEST)
            if not reply.startswith((b"HTTP/1.1 200 ", b"HTTP/1.0 200 ")):
                failures.append(repr(reply[:100]))
                return

    threads = [threading.Thread(target=some, args=(count // clients,)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise AssertionError(failures[0])


def measure(contestant: Contestant, directory: Path, requests: int) -> None:
    """Memory, idle and after."""
    server, address, _ = start(contestant, directory)
    try:
        # The other workers may still be on their way.
        time.sleep(2)
        found = shares(server)
        contestant.idle = sum(found.values())
        contestant.idle_parts = parts(found)
        ask(address, requests)
        found = shares(server)
        contestant.after = sum(found.values())
        contestant.after_parts = parts(found)
    finally:
        server.kill()


def floor(directory: Path) -> float:
    """What a Python master, zygote and workers take that do nothing: see ``bare.py``."""
    program = Path(__file__).with_name("bare.py")
    argv = [sys.executable, "-I", str(program), str(SITE), str(WORKERS)]
    server = Server(argv, cwd=SITE, output=directory / "bare.log")
    try:
        server.wait_line("^ready$")
        time.sleep(1)
        return sum(shares(server).values())
    finally:
        server.kill()


def contestants(quaich: list[str], uwsgi: str | None) -> list[Contestant]:
    found = [Contestant("quaich", quaich), Contestant("quaich warm", [*quaich, "--warmup", "/"])]
    if uwsgi:
        home = str(Path(uwsgi).resolve().parent.parent)
        found.append(Contestant("uwsgi", [uwsgi, "--virtualenv", home]))
    return found


def failures(found: list[Contestant]) -> list[str]:
    """What is not as it should be."""
    by_name = {each.name: each for each in found if not each.problem}
    theirs, warm, plain = (by_name.get(name) for name in ("uwsgi", "quaich warm", "quaich"))
    best = warm or plain
    wrong = [f"{each.name}: {each.problem}" for each in found if each.problem]
    if best is not None and theirs is not None:
        if best.idle > theirs.idle:
            wrong.append(f"{best.idle:.0f} MB idle; uWSGI takes {theirs.idle:.0f}")
        if best.start > theirs.start * FACTOR:
            wrong.append(
                f"{best.start:.2f} s to the first answer; allowed {theirs.start * FACTOR:.2f}"
            )
    if best is not None and best.after > ALLOWED:
        wrong.append(f"{best.after:.0f} MB after the requests; allowed {ALLOWED:.0f}")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quaich", help="measure this program, and not that of this interpreter")
    parser.add_argument("--uwsgi", help="measure this program beside it")
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--starts", type=int, default=7, help="of each, in turn")
    parser.add_argument("--strict", action="store_true")
    options = parser.parse_args()
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)
    # As installed: nobody measured here reads sources.
    for home in (Path(quaich.__file__).parent, SITE):
        compileall.compile_dir(home, quiet=1)
    ours = [options.quaich] if options.quaich else command()
    found = contestants(ours, options.uwsgi)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        least = floor(directory)
        for each in found:
            try:
                measure(each, directory, options.requests)
            except AssertionError as error:
                each.problem = str(error)
        for _ in range(options.starts):
            for each in found:
                if not each.problem:
                    server, _, seconds = start(each, directory)
                    server.kill()
                    each.starts.append(seconds)
    print(peers.machine(), f"quaich {peers.quaich_build()}, {WORKERS} workers", sep="\n")
    print("\nserver        idle MB  after MB  first answer s  each process idle, after")
    for each in found:
        if not each.problem:
            figures = f"{each.idle:8.1f} {each.after:9.1f} {each.start:15.2f}"
            print(f"{each.name:12} {figures}  {each.idle_parts}, {each.after_parts}")
    print(f"floor        {least:8.1f}  the same processes in Python, that do nothing (bare.py)")
    wrong = failures(found)
    for each in wrong:
        print(f"PROBLEM {each}")
    return 1 if wrong and options.strict else 0


if __name__ == "__main__":
    sys.exit(main())
