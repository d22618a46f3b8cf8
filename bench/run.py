"""quaich beside its peers, scenario by scenario, in one run; bench/README.md says how to read it.

Each server runs one process, on one processor; the load comes from the other.  The servers of a
scenario have their turns one after the other, round after round, so that whatever else the machine
does falls on all of them.
"""

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import answers, measure, peers, report
from bench.figures import Load, LoadError, Round
from bench.measure import Processors, note
from bench.peers import Ask, Peer
from bench.scenarios import FLOOR, FLOORS, QUICK_PEERS, SCENARIOS, Scenario, Setup, chosen
from tests.support.nginx import Nginx
from tests.support.ports import free_port
from tests.support.server import Server

RESULTS = Path(__file__).parent / "results"
DESCRIPTORS = 8192
BESIDE = (report.BASE, FLOOR)  # who is asked at everybody's rate
HELLO = next(each for each in SCENARIOS if each.name == "hello")


@dataclass
class Running:
    """A server that was started for a setup, and nginx where it stands in front."""

    peer: Peer
    version: str
    server: Server
    port: int
    nginx: Nginx | None = None
    failed: str = ""

    def pids(self) -> list[int]:
        return measure.pids(self.server.pid)

    def front(self) -> list[int]:
        if self.nginx is None or self.nginx.process is None:
            return []
        return measure.children(self.nginx.process.pid)

    def ended(self) -> str:
        status = self.server.process.poll()
        if status is None:
            return ""
        last = self.server.log.strip().splitlines()[-1:] or ["it wrote nothing"]
        return f"ended with {status}: {last[0][:200]}"

    def stop(self) -> None:
        self.server.kill()
        if self.nginx is not None:
            self.nginx.stop()


class Bench:
    def __init__(self, options: argparse.Namespace, directory: Path) -> None:
        self.rounds: int = options.rounds
        self.seconds: int = options.seconds
        self.directory = directory
        self.processors = Processors()
        self.paced: Path | None = None

    def start(self, peer: Peer, setup: Setup) -> Running:
        home = self.directory / f"{setup.name}-{peer.name}"
        home.mkdir()
        home.chmod(0o755)
        ask = Ask(setup, free_port(), home)
        env = {"PYTHONPATH": str(peers.SCENES)}
        if peer.name == peers.QUAICH.name:
            # It runs in an environment of its own; the application's packages are the peers'.
            env = {"PYTHONPATH": str(peers.site())} if setup.packages else {}
        server = Server(peer.argv(ask), cwd=peers.SCENES, output=home / "output", env=env)
        running = Running(peer, peers.of(peer), server, ask.port)
        if setup.nginx:
            try:
                running.nginx = Nginx(home / "nginx", peers.nginx(ask)).start()
                running.port = running.nginx.address[1]
            except AssertionError as error:
                running.failed = f"nginx: {error}"
        return running

    def setup(
        self, setup: Setup, scenarios: list[Scenario], wanted: list[Peer]
    ) -> dict[str, list[report.Row]]:
        """The scenarios of one setup, with one start of each server."""
        able = [
            each for each in wanted if any(each.serves(setup, s.name, s.kind) for s in scenarios)
        ]
        running = [self.start(each, setup) for each in able]
        try:
            return {each.name: self.scenario(each, running) for each in scenarios}
        finally:
            for one in running:
                one.stop()

    def scenario(self, scenario: Scenario, running: list[Running]) -> list[report.Row]:
        note(f"{scenario.name}: {scenario.title}")
        script = measure.post_script(scenario.post, self.directory) if scenario.post else None
        rows: list[tuple[Running, report.Row]] = []
        for one in running:
            if not one.peer.serves(scenario.setup, scenario.name, scenario.kind):
                continue
            row = report.Row(one.peer.name, one.version)
            keeps = one.peer.keeps or one.nginx is not None
            blind = one.peer.name in FLOORS and scenario.post > 0
            row.problem, row.remark = answers.check(
                HELLO if blind else scenario, one.port, keeps, one.ended
            )
            if blind:
                row.remark = "reads the body, and does not look at it"
            row.problem = one.failed or row.problem
            rows.append((one, row))
        for number in range(self.rounds):
            turn = number % len(rows) if rows else 0
            for one, row in rows[turn:] + rows[:turn]:
                if not row.problem:
                    self.attempt(scenario, one, row, script)
                if scenario.kind == "paced" and not row.problem:
                    measured = [o for o, its in rows if o.peer.name in BESIDE and not its.problem]
                    self.beside(scenario, row, [each for each in measured if each is not one])
        for one, row in rows:
            if not row.problem:
                self.look(scenario, one, row, script)
            if row.problem:
                note(f"  {row.name}: {row.problem}")
        return [row for _, row in rows]

    def load(self, scenario: Scenario, one: Running, script: Path | None, seconds: int) -> Load:
        return measure.wrk(self.processors, one.port, scenario, seconds, script)

    def attempt(
        self, scenario: Scenario, one: Running, row: report.Row, script: Path | None
    ) -> None:
        try:
            row.rounds.append(self.round(scenario, one, script))
        except (LoadError, subprocess.SubprocessError) as error:
            row.problem = f"under load: {one.ended() or error}"

    def round(self, scenario: Scenario, one: Running, script: Path | None) -> Round:
        if scenario.kind == "idle":
            with measure.idle_clients(one.port, scenario.idle) as still:
                found = self.measured(one, lambda: self.load(scenario, one, script, self.seconds))
                if still() < scenario.idle:
                    raise LoadError(f"kept {still()} of {scenario.idle} idle connections")
                return found
        if scenario.kind == "paced":
            most = self.load(scenario, one, script, 1)
            rate = most.requests / most.seconds
            return replace(self.at(rate / 2, scenario, one), most=rate)
        return self.measured(one, lambda: self.load(scenario, one, script, self.seconds))

    def at(self, rate: float, scenario: Scenario, one: Running) -> Round:
        if self.paced is None:
            self.paced = measure.compile_c("paced", self.directory)
        program = self.paced
        return self.measured(
            one,
            lambda: measure.paced(
                self.processors, program, one.port, scenario, rate, 2 * self.seconds
            ),
        )

    def beside(self, scenario: Scenario, row: report.Row, others: list[Running]) -> None:
        """Others at the rate of the round that a server has just had."""
        last = row.rounds[-1]
        found = {}
        for other in others:
            try:
                found[other.peer.name] = self.at(last.most / 2, scenario, other)
            except LoadError as error:
                # It may be asked for more than it can do, which is no fault of either.
                told = f"{other.peer.name} at this rate: {other.ended() or error}"
                row.remark = row.remark or told
        row.rounds[-1] = replace(last, beside=found)

    def measured(self, one: Running, load: measure.Loading) -> Round:
        pids, front = one.pids(), one.front()
        before, before_front = measure.cpu(pids), measure.cpu(front)
        done = load()
        after, after_front = measure.cpu(pids), measure.cpu(front)
        return Round(
            done, after - before, after_front - before_front if one.nginx is not None else None
        )

    def look(self, scenario: Scenario, one: Running, row: report.Row, script: Path | None) -> None:
        """What needs no rounds: memory after the load, and system calls in a run of their own."""
        pids = one.pids()
        row.pss = measure.pss(pids)
        try:
            row.calls = measure.system_calls(pids, lambda: self.load(scenario, one, script, 1))
        except LoadError as error:
            row.problem = f"while system calls were counted: {one.ended() or error}"


def contestants(names: list[str], directory: Path) -> tuple[list[Peer], dict[str, str]]:
    """Who can take part, and why the others cannot."""
    known = [peers.QUAICH, *peers.PEERS, *peers.floors(directory)]
    for name in names:
        if name not in [each.name for each in known]:
            raise ValueError(
                f"--peers {name}: no such server; there are {', '.join(p.name for p in known)}"
            )
    found, absent = [], {}
    for peer in known:
        if names and peer.name not in names:
            continue
        reasons = list(filter(None, [peer.obstacle()]))
        if peer.package and not reasons:
            failed = peers.install([peer.package, *peer.more], peer.debian)
            reasons = [f"{package}: {reason}" for package, reason in failed.items()]
        elif peer.name in FLOORS:
            try:
                if not (directory / FLOOR).exists():
                    measure.compile_c(FLOOR, directory)
            except (OSError, subprocess.SubprocessError) as error:
                reasons = [f"cannot be compiled: {error}"]
        if reasons:
            absent[peer.name] = "; ".join(reasons)
            note(f"{peer.name}: left out: {absent[peer.name]}")
        else:
            found.append(peer)
    return found, absent


def alone(setups: list[Setup]) -> dict[str, str]:
    """What the applications of frameworks cost without a server."""
    told = {}
    for setup in setups:
        if setup.packages:
            argv = [str(peers.ROOT / "bench" / "alone.py"), setup.module, "3000"]
            done = subprocess.run(
                [str(peers.VENV / "bin" / "python"), *argv],
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            price = done.stdout.strip() or "not known"
            told[setup.name] = f"the application alone, called in a loop: {price} µs a request"
    return told


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    comma = "comma-separated"
    parser.add_argument("--only", default="", metavar="SCENARIO,..", help=f"these, {comma}")
    parser.add_argument("--peers", default="", metavar="SERVER,..", help=f"these, {comma}")
    parser.add_argument("--rounds", type=int, help="3, and 2 with --quick")
    parser.add_argument("--seconds", type=int, default=1, help="of load, per server and round")
    parser.add_argument("--quick", action="store_true", help="fewer scenarios and servers")
    parser.add_argument(
        "--nice", type=int, default=0, help="of servers and clients; negative on a busy machine"
    )
    parser.add_argument("--name", default="latest", help="of the files under bench/results")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--no-results", action="store_true", help="write no file")
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 3)
    return options


def main() -> int:
    options = arguments()
    # Whoever ends it ends the servers too, also where it was started without a terminal.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(DESCRIPTORS, hard), hard))
    try:
        os.nice(options.nice)
    except PermissionError:
        print(f"--nice {options.nice}: less than 0 needs root", file=sys.stderr)
        return 2
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="quaich-bench-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        try:
            scenarios = chosen([s for s in options.only.split(",") if s], options.quick)
            names = [each for each in options.peers.split(",") if each]
            wanted, absent = contestants(
                names or (list(QUICK_PEERS) if options.quick else []), directory
            )
        except ValueError as error:
            print(error, file=sys.stderr)
            return 2
        if not peers.speaks_fastcgi():
            scenarios = [each for each in scenarios if each.setup.protocol != "fastcgi"]
        packages = list(dict.fromkeys(p for s in scenarios for p in s.setup.packages))
        for each in packages:
            absent |= peers.install([each])
        if packages and FLOOR in [each.name for each in wanted]:
            try:
                measure.compile_c("floor_wsgi", directory, peers.headers())
            except (OSError, subprocess.SubprocessError) as error:
                absent["floor, of pages"] = f"native/floor_wsgi.c cannot be compiled: {error}"
        bench = Bench(options, directory)
        before = os.getloadavg()[0]
        setups = list(dict.fromkeys(each.setup for each in scenarios))
        rows: dict[str, list[report.Row]] = {}
        for setup in setups:
            rows |= bench.setup(setup, [s for s in scenarios if s.setup == setup], wanted)
    run = {
        "machine": peers.machine(),
        "versions": {each.name: peers.of(each) for each in wanted},
        "rounds": options.rounds,
        "seconds": options.seconds,
        "nice": options.nice,
        "load_average": [round(before, 1), round(os.getloadavg()[0], 1)],
        "took_seconds": round(time.monotonic() - began),
        "left_out": absent,
        "notes": {each.name: each.note for each in wanted if each.note} | alone(setups),
    }
    found = {each.name: report.summaries(rows[each.name]) for each in scenarios}
    text = report.document(run, scenarios, found)
    figures = json.dumps({**run, "scenarios": found}, indent=1)
    print(figures if options.json else text)
    if not options.no_results:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{options.name}.md").write_text(text)
        (RESULTS / f"{options.name}.json").write_text(figures + "\n")
    quaich = [row for each in rows.values() for row in each if row.name == peers.QUAICH.name]
    return 1 if any(row.problem for row in quaich) else 0


if __name__ == "__main__":
    sys.exit(main())
