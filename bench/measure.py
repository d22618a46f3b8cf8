"""Looking at running servers: processor time, memory, system calls; and the load that makes them.

Who calls this is pinned to the servers' processor, as they are by inheriting it; the generators of
load get the other one.
"""

import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench import figures
from bench.figures import Cpu, Load
from bench.scenarios import Scenario
from tests.support.processes import TICK, in_session, stat

Loading = Callable[[], Load]

NATIVE = Path(__file__).parent / "native"


class Processors:
    """One processor for the servers and one for the clients, if there are two."""

    def __init__(self) -> None:
        found = sorted(os.sched_getaffinity(0))
        self.servers, self.clients = found[0], found[-1]
        os.sched_setaffinity(0, {self.servers})

    def client(self, argv: Sequence[str]) -> list[str]:
        return ["taskset", "-c", str(self.clients), *argv]


def compile_c(name: str, directory: Path, headers: str = "") -> Path:
    """What native/NAME.c becomes: a program, or a module of the Python that has these headers.

    CalledProcessError with the compiler's words if it fails.
    """
    made = directory / (f"{name}.so" if headers else name)
    module = ("-shared", "-fPIC", f"-I{headers}") if headers else ()
    subprocess.run(
        ["gcc", "-O2", *module, "-o", str(made), str(NATIVE / f"{name}.c")],
        check=True,
        timeout=120,
    )
    return made


def cpu(pids: Sequence[int]) -> Cpu:
    """The time that the living threads of these processes have had."""
    nanoseconds = user = system = 0
    for pid in pids:
        found = stat(pid)
        if found is None:
            continue
        user += round(found.utime * TICK)
        system += round(found.stime * TICK)
        for task in _tasks(pid):
            try:
                nanoseconds += int((task / "schedstat").read_text().split()[0])
            except OSError:
                continue
    return Cpu(nanoseconds, user, system)


def _tasks(pid: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return []


def children(pid: int) -> list[int]:
    """A process and its children: nginx's workers are in no session of their own."""
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return [pid, *map(int, found.read_text().split())] if found.exists() else []


def pids(session: int) -> list[int]:
    return [each.pid for each in in_session(session)]


def pss(found: Sequence[int]) -> int:
    """Octets of memory, each shared page divided by those who share it."""
    total = 0
    for pid in found:
        try:
            total += figures.shared(Path(f"/proc/{pid}/smaps_rollup").read_text())
        except OSError:
            continue
    return total


def system_calls(found: Sequence[int], load: Loading) -> float | None:
    """System calls per request under a load of its own; None where nothing can count them.

    perf counts and stops nobody; strace, which stops every call twice, only where there is no
    perf, so that times are never taken in the same run.
    """
    everybody = ",".join(map(str, found))
    counters = (
        ["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "-p", everybody],
        ["strace", "-f", "-c", *(word for pid in found for word in ("-p", str(pid)))],
    )
    for argv in counters:
        try:
            counter = subprocess.Popen(
                argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            )
        except FileNotFoundError:
            continue
        try:
            if not _counts(counter.pid, found[0]):
                continue
            done = load()
        finally:
            if counter.poll() is None:
                counter.send_signal(2)
            _, text = counter.communicate(timeout=30)
        calls = figures.counted(text)
        if calls >= 0:
            return calls / done.requests
    return None


def _counts(counter: int, watched: int) -> bool:
    """Wait until the counter is attached; whether it is."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            opened = [os.readlink(each.path) for each in os.scandir(f"/proc/{counter}/fd")]
            status = Path(f"/proc/{watched}/status").read_text()
        except OSError:
            return False  # it ended, as one that may not count does at once
        if "anon_inode:[perf_event]" in opened or f"TracerPid:\t{counter}\n" in status:
            return True
        time.sleep(0.02)
    return False


def wrk(
    processors: Processors, port: int, scenario: Scenario, seconds: int, script: Path | None
) -> Load:
    headers = [word for field in scenario.headers for word in ("-H", ": ".join(field))]
    argv = [
        *("wrk", "-t1", f"-c{scenario.connections}", f"-d{seconds}s", "--latency", *headers),
        *(("-s", str(script)) if script else ()),
        f"http://127.0.0.1:{port}{scenario.path}",
    ]
    return figures.wrk(_output(processors.client(argv), seconds))


def paced(
    processors: Processors, program: Path, port: int, scenario: Scenario, rate: float, seconds: int
) -> Load:
    argv = [str(program), str(port), scenario.path, f"{rate:.3f}", str(seconds)]
    argv.append(str(scenario.connections))
    return figures.paced(_output(processors.client(argv), seconds), seconds)


def _output(argv: list[str], seconds: int) -> str:
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=seconds + 30, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise figures.LoadError(f"{Path(argv[3]).name} did not end") from error
    if done.returncode:
        raise figures.LoadError(f"{Path(argv[3]).name}: {done.stderr.strip()[-300:]}")
    return done.stdout


def post_script(octets: int, directory: Path) -> Path:
    """For wrk: the same body each time, so that its Lua runs once and never per request."""
    path = directory / f"post-{octets}.lua"
    path.write_text(f'wrk.method = "POST"\nwrk.body = string.rep("x", {octets})\n')
    return path


@contextmanager
def idle_clients(port: int, number: int) -> Iterator[Callable[[], int]]:
    """Connections that asked once and stay; what is given counts those still open."""
    clients: list[socket.socket] = []
    try:
        for _ in range(number):
            client = socket.create_connection(("127.0.0.1", port), timeout=10)
            clients.append(client)
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n")
            reply = b""
            while not reply.endswith(b"Hello world"):
                data = client.recv(4096)
                if not data:
                    raise figures.LoadError(f"closed the idle connection {len(clients)}")
                reply += data
        yield lambda: sum(not _ended(each) for each in clients)
    except OSError as error:
        raise figures.LoadError(f"idle connection {len(clients)}: {error}") from error
    finally:
        for client in clients:
            client.close()


def _ended(client: socket.socket) -> bool:
    poll = select.poll()
    poll.register(client, select.POLLRDHUP | select.POLLIN)
    return bool(poll.poll(0))


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
