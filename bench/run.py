"""CPU time per hello-world request over keep-alive, beside other servers, in one run.

Each server runs one process.  They are asked in turn, round after round, so that whatever else
the machine does falls on all of them; the result is the median round.  User and system time are
those of the server's processes, from /proc, over a counted number of requests.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import peers
from tests.support import http
from tests.support.ports import free_port
from tests.support.server import Server

RESULTS = Path(__file__).parent / "results"

# With Host, which wrk adds, the seven that a browser sends.
HEADERS = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language: en-GB,en;q=0.7,de;q=0.3",
    "Accept-Encoding: gzip, deflate, br",
    "Connection: keep-alive",
    "Cookie: sessionid=4f1a7c0b9d2e4e8f9a6b; csrftoken=Zk3Qm8Lw2Xr7",
)


@dataclass
class Round:
    requests: int
    seconds: float
    utime: float
    stime: float

    @property
    def user(self) -> float:
        return self.utime / self.requests * 1e6

    @property
    def system(self) -> float:
        return self.stime / self.requests * 1e6

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


@dataclass
class Contestant:
    name: str
    version: str
    server: Server
    port: int
    note: str = ""
    keeps: bool = True
    problem: str = ""
    rounds: list[Round] = field(default_factory=list)


def check(contestant: Contestant) -> str:
    """What is wrong with the server's answers, or nothing."""
    address = ("127.0.0.1", contestant.port)
    headers = (("Host", "localhost"), *(tuple(each.split(": ", 1)) for each in HEADERS))
    try:
        contestant.server.wait_listening(address)
        deadline = time.monotonic() + 15
        while True:
            # It may listen before it can answer.
            try:
                with http.Client(address) as client:
                    for _ in range(3 if contestant.keeps else 1):
                        reply = client.request("/", headers=headers)
                        if (reply.status, reply.body) != (200, b"Hello world"):
                            return f"answers {reply.status} {reply.body[:50]!r}"
                return ""
            except (AssertionError, OSError) as error:
                if time.monotonic() > deadline:
                    return f"keeps no connection: {error}"
                time.sleep(0.1)
    except AssertionError as error:
        return str(error)


def cpu(server: Server) -> tuple[float, float]:
    found = server.processes()
    return sum(each.utime for each in found), sum(each.stime for each in found)


def load(port: int, seconds: int, connections: int) -> int:
    """Run wrk on the last processor; the number of requests answered well."""
    headers = [word for header in HEADERS for word in ("-H", header)]
    done = subprocess.run(
        [
            *("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", *headers),
            f"http://127.0.0.1:{port}/",
        ],
        capture_output=True,
        text=True,
        timeout=seconds + 30,
        check=True,
        preexec_fn=lambda: pin(-1),
    )
    trouble = re.search(r"Non-2xx.*|Socket errors.*", done.stdout)
    if trouble:
        raise RuntimeError(trouble[0])
    found = re.search(r"(\d+) requests in", done.stdout)
    if not found:
        raise RuntimeError(done.stdout + done.stderr)
    return int(found[1])


def pin(index: int) -> None:
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) > 1:
        os.sched_setaffinity(0, {processors[index]})


def measure(contestant: Contestant, seconds: int, connections: int) -> None:
    try:
        load(contestant.port, 1, connections)
        user, system = cpu(contestant.server)
        began = time.monotonic()
        requests = load(contestant.port, seconds, connections)
        elapsed = time.monotonic() - began
        user, system = (b - a for a, b in zip((user, system), cpu(contestant.server), strict=True))
        contestant.rounds.append(Round(requests, elapsed, user, system))
    except (RuntimeError, subprocess.SubprocessError) as error:
        contestant.problem = f"under load: {error}"


def contestants(names: list[str], directory: Path) -> list[Contestant]:
    found: list[Contestant] = []
    wanted = [peer for peer in peers.PEERS if not names or peer.name in names]
    failed = peers.install(sorted({peer.package for peer in wanted}))
    for peer in wanted:
        if peer.package in failed:
            print(f"{peer.name}: {failed[peer.package]}", file=sys.stderr)
            continue
        port = free_port()
        found.append(
            Contestant(
                peer.name,
                peers.version(peer.package) or "",
                begin(peer.argv(port), peer.name, directory),
                port,
                peer.note,
                peer.keeps,
            )
        )
    import quaich

    port = free_port()
    server = begin(peers.quaich_argv(port), "quaich", directory)
    build = peers.quaich_build()
    found.append(Contestant("quaich", f"{quaich.__version__} {build}", server, port))
    return found


def begin(argv: list[str], name: str, directory: Path) -> Server:
    server = Server(argv, cwd=peers.APPS, output=directory / f"{name}.log")
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) > 1:
        # Before it has forked: what it starts inherits this.
        os.sched_setaffinity(server.pid, {processors[0]})
    return server


def summary(found: list[Contestant]) -> list[dict[str, object]]:
    rows = []
    for each in found:
        if not each.rounds:
            continue
        user = statistics.median(one.user for one in each.rounds)
        system = statistics.median(one.system for one in each.rounds)
        rows.append(
            {
                "name": each.name,
                "version": each.version,
                "note": each.note,
                "user_us": round(user, 2),
                "system_us": round(system, 2),
                "total_us": round(user + system, 2),
                "requests_per_second": round(statistics.median(one.rate for one in each.rounds)),
                "user_us_rounds": [round(one.user, 2) for one in each.rounds],
            }
        )
    return sorted(rows, key=lambda row: row["user_us"])  # type: ignore[arg-type, return-value]


def table(rows: list[dict[str, object]]) -> str:
    by_name = {row["name"]: float(row["user_us"]) for row in rows}  # type: ignore[arg-type]
    uwsgi = min((by_name[name] for name in by_name if name.startswith("uwsgi")), default=0)
    others = [value for name, value in by_name.items() if name != "quaich"]
    best = min(others, default=0)
    heads = ("server", "version", "user µs/request", "system", "both", "requests/s")
    lines = [
        "| " + " | ".join((*heads, "user ÷ uWSGI", "user ÷ best other")) + " |",
        "|" + "---|" * (len(heads) + 2),
    ]
    for row in rows:
        user = float(row["user_us"])  # type: ignore[arg-type]
        cells = [
            str(row["name"]),
            str(row["version"]),
            f"{user:.1f}",
            f"{row['system_us']:.1f}",
            f"{row['total_us']:.1f}",
            str(row["requests_per_second"]),
            f"{user / uwsgi:.2f}" if uwsgi else "-",
            f"{user / best:.2f}" if best else "-",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of load, per server and round")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--only", action="append", default=[], help="this peer (repeatable)")
    parser.add_argument("--no-results", action="store_true", help="write no file")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as directory:
        found = contestants(options.only, Path(directory))
        try:
            for each in found:
                each.problem = check(each)
            for number in range(options.rounds):
                turn = number % len(found)
                for each in found[turn:] + found[:turn]:
                    if not each.problem:
                        measure(each, options.seconds, options.connections)
        finally:
            for each in found:
                each.server.kill()
    for each in found:
        if each.problem:
            print(f"{each.name}: left out: {each.problem[:2000]}", file=sys.stderr)
    rows = summary(found)
    how = (
        f"hello world, one process, keep-alive, {options.connections} connections, 7 request "
        f"headers, median of {options.rounds} rounds of {options.seconds} s\n\n{peers.machine()}"
    )
    text = f"{how}\n\n{table(rows)}\n"
    for row in rows:
        if row["note"]:
            text += f"\n{row['name']}: {row['note']}"
    print(text)
    if not options.no_results:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "hello.md").write_text(f"# CPU time per request\n\n{text}\n")
        (RESULTS / "hello.json").write_text(
            json.dumps({"how": how, "servers": rows}, indent=2) + "\n"
        )
    return 1 if any(each.name == "quaich" and each.problem for each in found) else 0


if __name__ == "__main__":
    sys.exit(main())
