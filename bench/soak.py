"""Many requests, and what they leave: descriptors and memory of every process, before and after.

The exit status is 1 if a process has more descriptors than before, or its memory has grown by
more than the allowance.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import peers
from tests.support import uwsgi
from tests.support.net import connect, exchange
from tests.support.ports import free_port
from tests.support.processes import open_descriptors, resident, wait_until
from tests.support.server import Server

BATCH = 16
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n"
CLOSING = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
ANSWER = b"Hello world"


def kept(address: tuple[str, int], count: int) -> None:
    """Requests on one connection after the other, a hundred batches of pipelined ones on each."""
    done = 0
    while done < count:
        with connect(address) as sock:
            for _ in range(100):
                sock.sendall(REQUEST * BATCH)
                seen = b""
                while seen.count(ANSWER) < BATCH:
                    data = sock.recv(65536)
                    if not data:
                        raise AssertionError("closed although it should be kept")
                    seen += data
                done += BATCH


def closed(address: tuple[str, int], count: int) -> None:
    """Every request on its own connection."""
    for _ in range(count):
        if ANSWER not in exchange(address, CLOSING):
            raise AssertionError("no answer")


def packets(address: tuple[str, int], count: int) -> None:
    """The uwsgi protocol, as behind nginx."""
    data = uwsgi.packet(uwsgi.variables("/"))
    for _ in range(count):
        if ANSWER not in exchange(address, data):
            raise AssertionError("no answer")


def snapshot(server: Server) -> dict[int, tuple[str, int, int]]:
    """Name, descriptors and resident bytes of each process."""
    return {
        each.pid: (each.name, open_descriptors(each.pid), resident(each.pid))
        for each in server.processes()
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000, help="of each kind")
    parser.add_argument("--warm-up", type=int, default=5_000)
    parser.add_argument("--allow", type=int, default=256, help="KiB of growth per process")
    options = parser.parse_args()
    http_port, uwsgi_port = free_port(), free_port()
    kinds: list[tuple[str, Callable[[tuple[str, int], int], None], int]] = [
        ("kept connections", kept, http_port),
        ("a connection each", closed, http_port),
        ("uwsgi packets", packets, uwsgi_port),
    ]
    failed = False
    with tempfile.TemporaryDirectory() as name:
        argv = peers.quaich_argv(http_port, "--socket", f"127.0.0.1:{uwsgi_port}")
        server = Server(argv, cwd=peers.APPS, output=Path(name) / "quaich.log")
        try:
            server.wait_ready()
            for _, ask, port in kinds:
                ask(("127.0.0.1", port), options.warm_up)
            for kind, ask, port in kinds:
                before = snapshot(server)
                ask(("127.0.0.1", port), options.requests)
                # The last connections may be a moment from closed.
                wait_until(
                    lambda before=before: all(  # type: ignore[misc]
                        open_descriptors(pid) <= held[1] for pid, held in before.items()
                    ),
                    5,
                    f"descriptors back to {before} after {kind}; now {snapshot(server)}",
                )
                after = snapshot(server)
                if before.keys() != after.keys():
                    raise AssertionError(f"processes died: {before} {after}")
                for pid, (process, held, memory) in after.items():
                    growth = (memory - before[pid][2]) / 1024
                    bad = growth > options.allow
                    failed |= bad
                    print(
                        f"{kind:18} {options.requests:8} requests  {process:16} pid {pid:6}  "
                        f"descriptors {before[pid][1]} -> {held}  "
                        f"memory {memory / 1024:.0f} KiB, {growth:+.0f} KiB"
                        + ("  GREW" if bad else "")
                    )
            server.stop()
        finally:
            server.kill()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
