"""What slow clients cost an honest one: latency at one worker with one thread, alone and beside
clients that send their head a byte a second, their body a byte a second, never read, or never send;
then beside all of them at once.

The exit status is 1 if the honest client's 99th percentile goes beyond three times what it is
alone, or if one request takes longer than 100 ms beside all.
"""

import argparse
import contextlib
import multiprocessing
import resource
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.synchronize import Event
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import peers
from tests.support import http
from tests.support.net import Address
from tests.support.ports import free_port
from tests.support.server import Server

KINDS = ("head", "body", "reader", "idle")

LONGEST = 0.1
"""Seconds that no honest request may take."""

# What each kind sends at once; the first two go on byte by byte.
HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
BODY = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"
READER = b"GET /?20000000 HTTP/1.1\r\nHost: localhost\r\n\r\n"


def allow_descriptors() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def drip(address: tuple[str, int], counts: dict[str, int], ready: Event, lost: object) -> None:
    """Hold that many clients of each kind, every one sending a byte a second, until killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    slow: list[tuple[str, socket.socket]] = []
    for kind, count in counts.items():
        for _ in range(count):
            sock = socket.socket()
            if kind == "reader":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(address)
            sock.sendall({"head": HEAD, "body": BODY, "reader": READER, "idle": b""}[kind])
            sock.setblocking(False)
            slow.append((kind, sock))
    ready.set()
    gone = 0
    while True:
        began = time.monotonic()
        for number, (kind, sock) in enumerate(slow):
            if kind in ("head", "body"):
                try:
                    sock.send(b"x")
                except OSError:
                    gone += 1
                    lost.value = gone  # type: ignore[attr-defined]
            # Spread over the second: what comes at once is a burst, not slowness.
            ahead = began + number / len(slow) - time.monotonic()
            if ahead > 0.002:
                time.sleep(ahead)
        time.sleep(max(0.0, began + 1 - time.monotonic()))


@contextlib.contextmanager
def slow_clients(address: tuple[str, int], counts: dict[str, int]) -> Iterator[object]:
    """A process with the slow clients; yields the number the server has given up on."""
    context = multiprocessing.get_context("spawn")
    ready, lost = context.Event(), context.Value("i", 0)
    process = context.Process(target=drip, args=(address, counts, ready, lost), daemon=True)
    process.start()
    try:
        if not ready.wait(60):
            raise AssertionError("the slow clients could not all connect")
        yield lost
    finally:
        process.kill()
        process.join()


def honest(address: Address, requests: int, pace: float = 0.002) -> list[float]:
    """The seconds that each request of a client takes, half of them on connections of their own."""
    times = []
    with http.Client(address, timeout=30) as kept:
        for number in range(requests):
            began = time.perf_counter()
            if number % 2:
                reply = kept.request()
            else:
                reply = http.get(address, timeout=30)
            times.append(time.perf_counter() - began)
            if reply.status != 200:
                raise AssertionError(f"an honest request got {reply.status}")
            time.sleep(pace)
    return sorted(times)


def percentile(times: list[float], share: float) -> float:
    return times[min(len(times) - 1, int(len(times) * share))]


@contextlib.contextmanager
def served(directory: Path) -> Iterator[tuple[str, int]]:
    """quaich with one worker and one thread."""
    port = free_port()
    argv = peers.quaich_argv(port)
    argv[argv.index("-w") + 1] = "digest"
    server = Server(argv, cwd=peers.APPS, output=directory / "quaich.log")
    try:
        server.wait_ready()
        yield ("127.0.0.1", port)
        server.stop()
    finally:
        server.kill()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=500, help="of each kind")
    parser.add_argument("--requests", type=int, default=3000, help="honest ones, each time")
    parser.add_argument("--factor", type=float, default=3.0)
    options = parser.parse_args()
    allow_descriptors()
    failed = False
    with tempfile.TemporaryDirectory() as directory, served(Path(directory)) as address:
        honest(address, 500)
        idle = honest(address, options.requests)
        limit = percentile(idle, 0.99) * options.factor
        mixes = [{kind: options.clients} for kind in KINDS]
        mixes.append(dict.fromkeys(KINDS, options.clients))
        print(f"{'slow clients':44} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8}  times idle p99")
        for mix in [{}, *mixes]:
            if mix:
                with slow_clients(address, mix) as lost:
                    times = honest(address, options.requests)
                    given_up = lost.value  # type: ignore[attr-defined]
            else:
                times, given_up = idle, 0
            p99 = percentile(times, 0.99)
            name = ", ".join(f"{count} {kind}" for kind, count in mix.items()) or "none"
            slow = p99 > limit or (len(mix) > 1 and times[-1] > LONGEST)
            verdict = "  TOO SLOW" if slow else ""
            failed |= slow
            print(
                f"{name:44} {percentile(times, 0.5) * 1e3:8.2f} {p99 * 1e3:8.2f} "
                f"{times[-1] * 1e3:8.2f}  {p99 / percentile(idle, 0.99):.2f}{verdict}"
                + (f"  ({given_up} bytes refused)" if given_up else "")
            )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
