"""Clients with keep-alive and workers that leave: no client is to notice.

Each client here holds one connection for as long as it lives, asks at random moments, and counts as
a failure whatever is not the answer: an error, a refusal, a close, an answer that announces one.
"""

import os
import random
import re
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

import quaich
from tests.conftest import StartServer
from tests.support.net import Address, connect
from tests.support.processes import open_descriptors, stat, wait_until
from tests.support.server import START, Server

APPLICATION = """
import os, threading, time

SIZE = 3000000

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/slow":
        with open("slow", "w"):
            time.sleep(float(environ["QUERY_STRING"]))
    elif path == "/blocked":
        try:
            open("blocked", "w").close()
            time.sleep(60)
        except InterruptedError:
            open("interrupted", "w").close()
            if environ["QUERY_STRING"] == "raise":
                raise
    elif path == "/fork":
        here, there = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(there, b"!")
            time.sleep(30)
            os._exit(0)
        os.read(here, 1)
        os.close(here)
        os.close(there)
        os.kill(child, int(environ["QUERY_STRING"]))
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        start_response("200 OK", [("Content-Length", str(len(str(ended))))])
        return [str(ended).encode()]
    elif path == "/busy":
        open("busy", "w").close()
        until = time.monotonic() + float(environ["QUERY_STRING"])
        while time.monotonic() < until:
            pass
    elif path == "/large":
        start_response("200 OK", [("Content-Length", str(SIZE))])
        return [b"x" * SIZE]
    elif path == "/pieces":
        start_response("200 OK", [("Content-Length", str(SIZE))])
        return (b"x" * 10000 for _ in range(SIZE // 10000))
    elif path == "/peer":
        body = "%s %s" % (environ["REMOTE_ADDR"], environ["REMOTE_PORT"])
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body.encode()]
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = b"%d %d" % (os.getpid(), len(environ["wsgi.input"].read(length)))
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""

SIZE = 3000000
CLIENTS = 6


class Client:
    """One connection with keep-alive, and what went wrong on it."""

    def __init__(self, address: Address, timeout: float = 10.0) -> None:
        self.address = address
        self.socket = connect(address, timeout)
        self.left = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def ask(self, path: str = "/", body: bytes = b"") -> str:
        self.send(request(path, body))
        return self.answer()

    def answer(self) -> str:
        """The body of a 200 that does not end the connection."""
        while b"\r\n\r\n" not in self.left:
            self._more()
        head, _, self.left = self.left.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        assert b"connection: close" not in head.lower(), head
        length = re.search(rb"(?i)content-length: (\d+)", head)
        assert length
        size = int(length[1])
        while len(self.left) < size:
            self._more()
        body, self.left = self.left[:size], self.left[size:]
        return body.decode()

    def _more(self) -> None:
        data = self.socket.recv(65536)
        assert data, f"closed after {self.left[:100]!r}"
        self.left += data

    def pid(self) -> int:
        return int(self.ask().split()[0])

    def close(self) -> None:
        self.socket.close()


def request(path: str = "/", body: bytes = b"") -> bytes:
    method = "POST" if body else "GET"
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: h\r\n{length}\r\n".encode() + body


class Crowd:
    """Clients that ask at random moments until told to stop."""

    def __init__(self, addresses: Sequence[Address], paths: Sequence[str], count: int) -> None:
        self.failures: list[str] = []
        self.answers = 0
        self.pids: set[str] = set()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(addresses[n % len(addresses)], paths, n))
            for n in range(count)
        ]

    def _run(self, address: Address, paths: Sequence[str], seed: int) -> None:
        chance = random.Random(seed)
        client = Client(address)
        while not self._stop.is_set():
            try:
                self._ask(client, chance, chance.choice(paths))
                self.answers += 1
            except (AssertionError, OSError) as error:
                self.failures.append(f"{type(error).__name__}: {error}")
                client.close()
                client = Client(address)
            self._stop.wait(chance.choice((0.0, chance.random() * 0.05)))
        client.close()

    def _ask(self, client: Client, chance: random.Random, path: str) -> None:
        data = request(path, b"b" * chance.choice((0, 0, 10, 30000)))
        if chance.random() < 0.2:
            # In two, anywhere: also in the middle of the head.
            cut = chance.randrange(1, len(data))
            client.send(data[:cut])
            self._stop.wait(chance.random() * 0.03)
            data = data[cut:]
        client.send(data)
        body = client.answer()
        if path == "/":
            self.pids.add(body.split()[0])
        else:
            assert len(body) == SIZE

    def __enter__(self) -> "Crowd":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(START)
        assert not any(thread.is_alive() for thread in self._threads)


class Site:
    def __init__(self, start: StartServer, directory: Path) -> None:
        self._start, self.directory = start, directory

    def __call__(
        self, *options: str, workers: int = 2, env: Mapping[str, str] | None = None
    ) -> Server:
        (self.directory / "handover_app.py").write_text(APPLICATION)
        server = self._start(
            *("--http-socket", "127.0.0.1:0", "--http-keepalive=60", "-w", "handover_app"),
            *("--master", "-p", str(workers), "--disable-logging", *options),
            env=env,
        )
        server.wait_ready(workers)
        server.wait_line("^generation=1 serves")
        return server


@pytest.fixture
def site(start: StartServer, tmp_path: Path) -> Site:
    return Site(start, tmp_path)


def listening(server: Server) -> Address:
    match = server.wait_line(r"^listening (?P<host>[0-9.]+):(?P<port>\d+) ")
    return match["host"], int(match["port"])


def reload(server: Server, generation: int, workers: int = 2) -> list[int]:
    """Reload, and wait for what comes of it; the pids of the workers that serve now."""
    server.send(signal.SIGHUP)
    server.wait_line(rf"^generation={generation} serves")
    return ready(server, generation)


def ready(server: Server, generation: int) -> list[int]:
    pattern = rf"^worker=\d+ pid=(\d+) ready generation={generation}$"
    return [int(pid) for pid in re.findall(pattern, server.log, re.MULTILINE)]


@contextmanager
def held(address: Address) -> Iterator[Client]:
    client = Client(address)
    try:
        yield client
    finally:
        client.close()


@pytest.mark.parametrize("threads", [1, 4])
def test_no_client_notices_a_reload(site: Site, threads: int) -> None:
    server = site("--threads", str(threads), "--socket", "site.sock", "--http-socket", "http.sock")
    addresses: list[Address] = [listening(server), str(site.directory / "http.sock")]
    with Crowd(addresses, ["/"] * 20 + ["/large", "/pieces"], CLIENTS) as crowd:
        for generation in range(2, 10):
            reload(server, generation)
            before = crowd.answers
            wait_until(lambda: crowd.answers > before + 20, START, "answers")  # noqa: B023
    assert not crowd.failures, (crowd.failures, server.log)
    assert crowd.answers > 160
    assert "defect" not in server.log
    assert "killed" not in server.log


@pytest.mark.parametrize("threads", [1, 3])
def test_no_client_notices_a_recycled_worker(site: Site, threads: int) -> None:
    server = site(
        *("--max-requests", "30", "--min-worker-lifetime", "0", "--threads", str(threads))
    )
    with Crowd([listening(server)], ["/"], CLIENTS) as crowd:
        server.wait_line(r"^worker=\d+ pid=\d+ left exit=17 ", 30, count=8)
    assert not crowd.failures, (crowd.failures, server.log)


def test_brutally_reloaded_idle_clients_stay(site: Site) -> None:
    server = site()
    with held(listening(server)) as client:
        client.pid()
        server.send(signal.SIGTERM)
        server.wait_line(r"^worker=\d+ pid=\d+ left exit=30 ", count=2)
        assert client.pid() in ready(server, 2)


def test_an_idle_client_goes_to_another_worker_at_once(site: Site) -> None:
    server = site()
    with held(listening(server)) as client:
        assert client.pid() in server.wait_ready(2)
        me = client.ask("/peer")
        began = time.monotonic()
        new = reload(server, 2)
        server.wait_line(r"^worker=\d+ pid=\d+ left exit=17 ", count=2)
        # Less than the second that it would be waited for.
        assert time.monotonic() - began < 10
        assert client.pid() in new
        assert client.ask("/peer") == me
        host, port = client.socket.getsockname()
        assert me == f"{host} {port}"


def test_a_head_in_two_halves_meets_two_workers(site: Site) -> None:
    server = site(workers=1)
    with held(listening(server)) as client:
        first = client.pid()
        client.send(b"GET / HTTP/1.1\r\nHost: h\r\nX-Long: " + b"x" * 20000)
        new = reload(server, 2)
        server.wait_line(rf"^worker=1 pid={first} left exit=17 ")
        client.send(b"\r\n\r\n" + request())
        assert int(client.answer().split()[0]) in new
        assert int(client.answer().split()[0]) in new


def test_what_is_in_the_middle_is_finished_where_it_began(site: Site) -> None:
    server = site("--threads", "2", workers=1)
    address = listening(server)
    with held(address) as slow, held(address) as sending, held(address) as reading:
        old = slow.pid()
        slow.send(request("/slow?1.5"))
        wait_until((site.directory / "slow").exists, START, "a request runs")
        sending.send(request("/", b"b" * 1000)[:-10])
        reading.send(request("/pieces"))
        new = reload(server, 2)
        sending.send(b"b" * 10)
        assert sending.answer() == f"{old} 1000"
        assert len(reading.answer()) == SIZE
        assert slow.answer() == f"{old} 0"
        server.wait_line(rf"^worker=1 pid={old} left exit=17 ")
        assert {each.pid() for each in (slow, sending, reading)} <= set(new)


def test_no_client_notices_another_quaich(site: Site, tmp_path: Path) -> None:
    """The master is executed anew in the reload, and the lounge is still the same."""
    library = tmp_path / "lib" / "quaich"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(quaich.__file__).parent, library, ignore=ignored)
    server = site(env={"PYTHONPATH": str(library.parent)})
    with Crowd([listening(server)], ["/"], CLIENTS) as crowd:
        for generation in (2, 3):
            other = library / "__init__.new"
            text = (library / "__init__.py").read_text()
            other.write_text(f'{text}\n__version__ = "99.{generation}"\n')
            other.replace(library / "__init__.py")
            reload(server, generation)
            server.wait_line(rf"^quaich=99.{generation} .*goes on generation={generation - 1}$")
    assert not crowd.failures, (crowd.failures, server.log)


def test_guests_wait_for_a_worker_that_is_not_there_yet(site: Site) -> None:
    server = site(workers=1)
    with held(listening(server)) as client:
        pid = client.pid()
        client.send(request()[:10])
        os.kill(pid, signal.SIGHUP)
        server.wait_line(rf"worker=1 pid={pid} died exit=17 ")
        client.send(request()[10:])
        assert int(client.answer().split()[0]) in server.wait_ready(2)


def test_a_client_that_left_meanwhile_costs_nothing(site: Site) -> None:
    server = site(workers=1)
    clients = [Client(listening(server)) for _ in range(20)]
    for client in clients:
        client.pid()
    server.send(signal.SIGHUP)
    for client in clients:
        client.close()
    server.wait_line(r"^worker=1 pid=\d+ left exit=17 ")
    (new,) = ready(server, 2)
    with held(listening(server)) as client:
        assert client.pid() == new
    assert "error" not in server.log


def test_many_idle_clients(site: Site) -> None:
    server = site()
    clients = [Client(listening(server)) for _ in range(400)]
    for client in clients:
        client.pid()
    new = reload(server, 2)
    server.wait_line(r"^worker=\d+ pid=\d+ left exit=17 ", count=2)
    assert {client.pid() for client in clients} <= set(new)
    for client in clients:
        client.close()


def test_a_drain_closes_its_idle_clients(site: Site) -> None:
    server = site()
    with held(listening(server)) as client:
        client.pid()
        assert server.stop(signal.SIGINT) == 0
        assert client.socket.recv(1) == b""


def test_workers_killed_while_they_hand_over(site: Site) -> None:
    """Clients of a killed worker may lose their connection; the others, and the server, do not."""
    server = site()
    address = listening(server)
    chance = random.Random(7)
    for generation in range(2, 8):
        clients = [Client(address) for _ in range(50)]
        for client in clients:
            client.pid()
        old = ready(server, generation - 1)
        server.send(signal.SIGHUP)
        server.wait_line(rf"^generation={generation} serves")
        time.sleep(chance.random() * 0.01)
        try:
            os.kill(old[0], signal.SIGKILL)
        except ProcessLookupError:
            pass
        for client in clients:
            try:
                client.pid()
            except (AssertionError, OSError):
                pass
            client.close()
    with held(address) as client:
        assert client.pid() in ready(server, 7)
    assert "defect" not in server.log


def test_descriptors_do_not_pile_up(site: Site) -> None:
    server = site(workers=1)
    clients = [Client(listening(server)) for _ in range(5)]
    for generation in range(2, 17):
        (pid,) = reload(server, generation, 1)
        server.wait_line(rf"left exit=17 .* generation={generation - 1}$")
        assert {client.pid() for client in clients} == {pid}
        if generation == 3:
            # Of a generation that is settled, as every later one is to be.
            settled = open_descriptors(pid), open_descriptors(server.pid)
        elif generation > 3:
            wait_until(
                lambda: (open_descriptors(pid), open_descriptors(server.pid)) == settled,  # noqa: B023
                START,
                f"as many as {settled} descriptors",
            )
    for client in clients:
        client.close()


# Pause.


@pytest.mark.parametrize("threads", [1, 3])
def test_a_paused_worker_takes_nothing_and_goes_on(site: Site, threads: int) -> None:
    server = site("--threads", str(threads), "--http-timeout", "2", workers=1)
    address = listening(server)
    with held(address) as slow, held(address) as idle, held(address) as half:
        pid = idle.pid()
        slow.send(request("/slow?1"))
        wait_until((site.directory / "slow").exists, START, "a request runs")
        half.send(request()[:10])
        if threads == 1:
            # Busy: it pauses once its request is answered.
            os.kill(pid, signal.SIGTSTP)
            assert slow.answer() == f"{pid} 0"
        else:
            assert slow.answer() == f"{pid} 0"
            os.kill(pid, signal.SIGTSTP)
        wait_paused(server, pid)
        idle.send(request())
        with held(address) as late:
            late.send(request())
            # Longer than any of their deadlines.
            for waiting in (idle, late):
                waiting.socket.settimeout(1.3)
                with pytest.raises(TimeoutError):
                    waiting.answer()
                waiting.socket.settimeout(10)
            os.kill(pid, signal.SIGCONT)
            assert idle.answer() == f"{pid} 0"
            assert late.answer() == f"{pid} 0"
            half.send(request()[10:])
            assert half.answer() == f"{pid} 0"


def wait_paused(server: Server, pid: int) -> None:
    def is_paused() -> bool:
        # Not USR2: the stacks of threads that run are read while they change.
        os.kill(pid, signal.SIGUSR1)
        time.sleep(0.02)
        return f"pid={pid} statistics state=paused" in server.log

    wait_until(is_paused, START, "paused")


@pytest.mark.parametrize("threads", [1, 3])
def test_a_paused_worker_obeys(site: Site, threads: int) -> None:
    server = site("--threads", str(threads), workers=1)
    address = listening(server)
    with held(address) as client:
        first = client.pid()
        os.kill(first, signal.SIGTSTP)
        wait_paused(server, first)
        client.send(request())
        (second,) = reload(server, 2, 1)
        assert client.answer() == f"{second} 0"
        server.wait_line(rf"^worker=1 pid={first} left exit=17 ")
        os.kill(second, signal.SIGTSTP)
        wait_paused(server, second)
        os.kill(second, signal.SIGTERM)
        server.wait_line(rf"worker=1 pid={second} died exit=30 ")
        assert client.pid() not in (first, second)


def test_pausing_again_and_again(site: Site) -> None:
    server = site("--threads", "3", workers=1)
    (pid,) = server.wait_ready(1)
    with Crowd([listening(server)], ["/"], 4) as crowd:
        for _ in range(30):
            os.kill(pid, signal.SIGTSTP)
            time.sleep(0.01)
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.01)
        before = crowd.answers
        wait_until(lambda: crowd.answers > before + 50, START, "answers")
    assert not crowd.failures, crowd.failures


# Waking, and telling.


def test_a_blocked_request_is_woken(site: Site) -> None:
    server = site(workers=1)
    address = listening(server)
    with held(address) as client:
        pid = client.pid()
        client.send(request("/blocked"))
        wait_until((site.directory / "blocked").exists, START, "a request runs")
        os.kill(pid, signal.SIGWINCH)
        assert client.answer() == f"{pid} 0"
        assert (site.directory / "interrupted").exists()
        # Not inside a request it means nothing.
        for _ in range(50):
            os.kill(pid, signal.SIGWINCH)
        assert client.pid() == pid


def test_a_woken_request_that_does_not_mind_is_an_error(site: Site) -> None:
    server = site(workers=1)
    with held(listening(server)) as client:
        pid = client.pid()
        client.send(request("/blocked?raise"))
        wait_until((site.directory / "blocked").exists, START, "a request runs")
        os.kill(pid, signal.SIGWINCH)
        assert client.socket.recv(65536).startswith(b"HTTP/1.1 500 ")
    server.wait_line(r"^InterruptedError: \[Errno 4\] woken by SIGWINCH$")


def test_waking_at_every_moment_harms_nothing_but_the_request(site: Site) -> None:
    """Between requests, at their edges and inside: an answer, or a 500 and a new connection."""
    server = site(workers=1)
    address = listening(server)
    (pid,) = server.wait_ready(1)
    stop = threading.Event()

    def shoot() -> None:
        chance = random.Random(3)
        while not stop.wait(chance.random() * 0.002):
            os.kill(pid, signal.SIGWINCH)

    shooter = threading.Thread(target=shoot)
    shooter.start()
    answers = errors = 0
    deadline = time.monotonic() + 4
    client = Client(address)
    try:
        while time.monotonic() < deadline:
            client.send(request("/busy?0.0005"))
            head = client.socket.recv(65536)
            if head.startswith(b"HTTP/1.1 500 "):
                errors += 1
                client.close()
                client = Client(address)
            else:
                assert head.startswith(b"HTTP/1.1 200 "), (head, server.log[-2000:])
                answers += 1
    finally:
        stop.set()
        shooter.join(START)
        client.close()
    assert answers
    assert errors
    assert "defect" not in server.log
    assert server.log.count(" ready ") == 1


def test_the_master_wakes_who_is_blocked_and_nobody_else(site: Site) -> None:
    server = site()
    address = listening(server)
    with held(address) as busy, held(address) as blocked:
        busy.send(request("/busy?2"))
        wait_until((site.directory / "busy").exists, START, "a request runs")
        blocked.send(request("/blocked"))
        wait_until((site.directory / "blocked").exists, START, "another does")
        server.send(signal.SIGWINCH)
        pid = blocked.answer().split()[0]
        assert (site.directory / "interrupted").exists()
        assert busy.answer().split()[0] != pid
    assert re.findall(r"^pid=(\d+) is woken$", server.log, re.MULTILINE) == [pid]
    assert "died" not in server.log


def test_a_worker_tells_what_it_did(site: Site) -> None:
    server = site("--threads", "2", workers=1)
    with held(listening(server)) as client:
        pid = client.pid()
        pattern = re.compile(
            rf"^worker=1 pid={pid} statistics state=serving generation=1 age=\d+\.\ds "
            r"served=1 requests=1 exceptions=0 sent=[1-9]\d* busy=0\.\d{3}s "
            r"running=0 parked=1 refused=0$",
            re.MULTILINE,
        )

        def told() -> bool:
            os.kill(pid, signal.SIGUSR1)
            time.sleep(0.02)
            return bool(pattern.search(server.log))

        # The client has its answer a moment before the worker has counted it.
        wait_until(told, START, "the statistics")
        client.send(request("/slow?0.7"))
        wait_until((site.directory / "slow").exists, START, "a request runs")
        os.kill(pid, signal.SIGUSR2)
        server.wait_line(rf"^worker=1 pid={pid} core=\d age=\d\.\ds 127\.0\.0\.1 GET /slow\?0\.7$")
        server.wait_line(r'^  File ".*handover_app\.py", line \d+ in application$')
        client.answer()


def test_a_long_request_does_not_hold_idle_clients(site: Site) -> None:
    """The only thread is busy, and still those who wait go to the next worker at once."""
    server = site(workers=1)
    address = listening(server)
    with held(address) as slow, held(address) as idle:
        old = idle.pid()
        slow.send(request("/slow?4"))
        wait_until((site.directory / "slow").exists, START, "a request runs")
        idle.send(request())
        (new,) = reload(server, 2, 1)
        assert idle.answer() == f"{new} 0"
        assert idle.pid() == new
        assert slow.answer() == f"{old} 0"


def test_harakiri_spares_the_idle_clients(site: Site) -> None:
    server = site("--harakiri", "2", workers=1)
    address = listening(server)
    with held(address) as slow, held(address) as idle:
        old = idle.pid()
        slow.send(request("/slow?60"))
        server.wait_line(rf"worker=1 pid={old} harakiri ")
        assert idle.pid() != old


@pytest.mark.parametrize("name", ["SIGHUP", "SIGTERM", "SIGINT", "SIGUSR1", "SIGUSR2"])
def test_a_signal_for_a_child_of_the_application_is_not_for_the_worker(
    site: Site, name: str
) -> None:
    server = site("--threads", "2", workers=1)
    address = listening(server)
    number = int(signal.Signals[name])
    with held(address) as idle, held(address) as client:
        pid = idle.pid()
        for _ in range(3):
            assert client.ask(f"/fork?{number}") == str(-number)
        assert {idle.pid(), client.pid()} == {pid}
    assert "died" not in server.log


def test_a_guest_of_a_socket_that_is_mapped_to_others_is_served(site: Site) -> None:
    """Whoever takes it from the lounge: it is between two requests, and may ask at any moment."""
    server = site(
        *("--http-socket", "127.0.0.1:0", "--map-socket", "0:1", "--map-socket", "1:2"),
    )
    found = re.findall(r"^listening ([0-9.]+):(\d+) ", server.log, re.MULTILINE)
    clients = [Client((host, int(port))) for host, port in found for _ in range(6)]
    old = {client.pid() for client in clients}
    assert len(old) == 2
    new = set(reload(server, 2))
    # Until it has left, one of them may still answer.
    wait_until(lambda: not any(stat(pid) for pid in old), START, "the old workers are gone")
    assert {client.pid() for client in clients} <= new
    for client in clients:
        client.close()
