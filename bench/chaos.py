"""Processes killed at random moments under load: who notices, and how soon all is as before.

``worker``: only requests inside the killed worker may fail, and another serves within a second.
``zygote``: nobody notices, and workers can be forked again.  ``master``: within two seconds nothing
of the server is left, neither process nor socket file nor pid file, and it can be started again.
``stop``: a worker is stopped for a while (SIGSTOP); only who is held by it waits.

A request is inside a worker if its application had begun it there, or if it was on a connection
that the worker held.  With ``--strict`` the exit status is 1 if any of this does not hold.
"""

import argparse
import os
import random
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import peers
from bench.reloads import Site, leads, site
from bench.steady import Clients, Failure
from tests.support.processes import stat, wait_until
from tests.support.server import READY, Server, command

VICTIMS = ("worker", "zygote", "master", "stop")
WITHIN = 60.0


@dataclass(frozen=True)
class Killed:
    """Who, when, and how long until all was as before (or, for the master, until all was gone)."""

    pid: int
    at: float
    seconds: float


def workers(here: Site) -> list[int]:
    """The workers that run now."""
    mine = here.server.pid
    return [p.pid for p in here.server.children() if p.parent == mine and not leads(p.pid)]


def kill_worker(here: Site, chance: random.Random) -> Killed:
    ready = len(re.findall(READY, here.log))
    pid = chance.choice(workers(here))
    began = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: len(re.findall(READY, here.log)) > ready, WITHIN, "another is ready")
    return Killed(pid, began, time.monotonic() - began)


def kill_zygote(here: Site, chance: random.Random) -> Killed:
    loaded = here.log.count("application loaded ")
    (pid,) = [each.pid for each in here.server.children() if leads(each.pid)]
    began = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: here.log.count("application loaded ") > loaded, WITHIN, "a new zygote")
    return Killed(pid, began, time.monotonic() - began)


def kill_master(here: Site, chance: random.Random) -> Killed:
    old = here.server
    began = time.monotonic()
    old.send(signal.SIGKILL)
    old.wait_exit()
    try:
        old.wait_gone(WITHIN)
        gone = time.monotonic() - began
        files = [here.directory / name for name in ("app.sock", "site.pid")]
        wait_until(lambda: not any(each.exists() for each in files), 2.0, f"{files} are gone")
    finally:
        ready = len(re.findall(READY, old.log))
        here.server = Server(old.argv, cwd=here.directory, output=old.output)
    wait_until(
        lambda: len(re.findall(READY, here.log)) >= ready + 4 or here.server.process.poll(),
        WITHIN,
        "it is started again",
    )
    if here.server.process.poll() is not None:
        raise AssertionError(f"no fresh start: {here.log.splitlines()[-3:]}")
    return Killed(old.pid, began, gone)


def stop_worker(here: Site, chance: random.Random) -> Killed:
    pid = chance.choice(workers(here))
    began = time.monotonic()
    os.kill(pid, signal.SIGSTOP)
    time.sleep(2)
    if stat(pid) is not None:
        os.kill(pid, signal.SIGCONT)
    return Killed(pid, began, time.monotonic() - began)


ACTS: dict[str, Callable[[Site, random.Random], Killed]] = {
    "worker": kill_worker,
    "zygote": kill_zygote,
    "master": kill_master,
    "stop": stop_worker,
}


def blame(failure: Failure, killed: list[Killed], begun: Callable[[int], int]) -> str:
    """``begun`` or ``held`` by a process that was killed, or ``other``."""
    for each in killed:
        if not failure.sent - 0.05 <= each.at <= failure.failed:
            continue
        by = begun(failure.number)
        if by == each.pid:
            return "begun"
        # On its connection, or accepted by it and not begun.
        if by == 0 and (failure.worker == each.pid or failure.failed - each.at < 0.25):
            return "held"
    return "other"


def run(victim: str, options: argparse.Namespace) -> bool:
    """One kind of victim; whether all was well."""
    chance = random.Random(options.seed)
    killed: list[Killed] = []
    problems: list[str] = []
    with tempfile.TemporaryDirectory(prefix="chaos") as name:
        directory = Path(name)
        (directory / "running").touch()
        here = site(command(), "quaich", directory, keeps=True, workers=4)
        clients = Clients(here.targets, rate=options.rate, work=5, seed=options.seed)
        try:
            clients.phase(victim)
            time.sleep(2)
            for _ in range(options.times):
                time.sleep(chance.uniform(options.pause, options.pause + 0.5))
                try:
                    killed.append(ACTS[victim](here, chance))
                except AssertionError as error:
                    problems.append(str(error)[:300])
            time.sleep(1)
            outcome = clients.end()
            notes = os.open(directory / "running", os.O_RDONLY)

            def begun(number: int) -> int:
                text = os.pread(notes, 32, number * 32).split(b"\n")[0].strip(b"\0").split()
                return int(text[1]) if len(text) == 2 and int(text[0]) == number else 0

            blamed = [(blame(each, killed, begun), each) for each in outcome.failures]
            os.close(notes)
            here.server.stop()
        finally:
            clients.kill()
            here.nginx.stop()
            here.server.kill()
    counts = Counter(who for who, _ in blamed)
    seconds = sorted(each.seconds for each in killed) or [0.0]
    sent = sum(row.sent for row in outcome.rows)
    late = {"worker": 1.0, "master": 2.0}.get(victim)
    what = {"master": "gone after", "stop": "stopped for"}.get(victim, "back after")
    print(
        f"{victim:7} {len(killed):3} times, {what} {seconds[len(seconds) // 2]:.2f} s"
        f" (at most {seconds[-1]:.2f}); {sent} requests, failed:"
        f" {counts['begun']} begun by the victim, {counts['held']} held by it,"
        f" {counts['other']} others;"
        f" {sum(row.stalled for row in outcome.rows)} took more than a second",
        flush=True,
    )
    if victim == "stop":
        for row in outcome.rows:
            if row.stalled:
                print(f"  {row.target} {row.kind}: {row.stalled} of {row.sent}")
    if late is not None and seconds[-1] > late:
        slow = sum(each > late for each in seconds)
        problems.append(f"{slow} times it took more than {late:g} s")
    if victim != "master" and counts["other"]:
        problems.append(f"{counts['other']} requests failed that were not inside the victim")
        for who, each in blamed:
            if who == "other":
                near = min((abs(k.at - each.failed), k.pid) for k in killed)
                print(f"  {each}, nearest kill {near}")
    for problem in problems:
        print(f"  PROBLEM {problem}")
    return not problems


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--victim", action="append", choices=VICTIMS)
    parser.add_argument("--times", type=int, default=50, help="for each victim")
    parser.add_argument("--rate", type=float, default=300.0)
    parser.add_argument(
        "--pause",
        type=float,
        default=1.1,
        help="seconds before the next at least; what dies within a second of its start is "
        "replaced after a growing pause, so below 1 this shows that",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--strict", action="store_true")
    options = parser.parse_args()
    print(peers.machine(), f"quaich {peers.quaich_build()}, 4 workers", sep="\n")
    good = [run(victim, options) for victim in options.victim or VICTIMS]
    return 0 if all(good) or not options.strict else 1


if __name__ == "__main__":
    sys.exit(main())
