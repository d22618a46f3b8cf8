"""What deployments and rollbacks cost the clients of a site behind nginx, every third one broken.

``python bench/deploys.py [--changes 50]`` deploys an application below a directory of its own, asks
it through an nginx of its own at a steady rate, and meanwhile deploys and goes back; every third
change is broken on purpose: an import error, an application that is not healthy, an include that
nginx refuses, or a kill -9 of the deployment at a random step.  It tells the requests that failed,
whether what is served always was the last good release, what is left behind, and how long an
unchanged deployment takes.

With ``--strict`` the exit status is 1 unless all of that is as it should be.
"""

import argparse
import random
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.steady import APPLICATION, Clients, Target
from tests.support.deployed import Sites
from tests.support.processes import open_descriptors, wait_until

WRAPPER = """
steady = application

def application(environ, start_response):
    if environ["PATH_INFO"] == "/":
        return steady(environ, start_response)
    health = environ["PATH_INFO"] == "/health"
    start_response("{status}" if health else "200 OK", [("Content-Type", "text/plain")])
    return [b"{version}"]
"""
IMPORT, UNHEALTHY, INCLUDE, KILLED = "import error", "unhealthy", "bad include", "killed"
KINDS = (IMPORT, UNHEALTHY, INCLUDE, KILLED)
STEPS = ("build", "check", "start", "switch", "nginx", "finish")
STATUSES = {IMPORT: 3, UNHEALTHY: 4, INCLUDE: 5}


@dataclass
class Seen:
    """What the changes have come to."""

    problems: list[str] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)


class Run:
    """One site and the changes to it."""

    def __init__(self, sites: Sites, directory: Path, chance: random.Random) -> None:
        self.sites, self.directory, self.chance = sites, directory, chance
        self.app = directory / "app"
        self.app.mkdir()
        self.seen = Seen()
        self.good: list[str] = []
        (directory / "bad.conf").write_text("no_such_directive on;\n")

    def write(self, version: str, broken: str = "") -> None:
        status = "500 Oops" if broken == UNHEALTHY else "200 OK"
        top = "import no_such_module\n" if broken == IMPORT else ""
        text = top + APPLICATION + WRAPPER.format(status=status, version=version)
        (self.app / "wsgi.py").write_text(text)
        more = f'[nginx]\ninclude = ["{self.directory}/bad.conf"]\n' if broken == INCLUDE else ""
        (self.app / "site.toml").write_text(f'[site]\nhealth = "/health"\nkeep = 3\n{more}')

    def serves(self) -> str:
        status, body = self.sites.get("/version")
        return body if status == 200 else f"status {status}"

    def expect(self, version: str, after: str) -> None:
        found = self.serves()
        if found != version:
            self.seen.problems.append(f"after {after}: {found} is served, expected {version}")

    def deploy(self, version: str) -> None:
        self.write(version)
        began = time.monotonic()
        self.sites.deploy(self.app)
        self.seen.took.append(time.monotonic() - began)
        self.good.append(version)
        self.expect(version, f"deploy {version}")

    def rollback(self) -> None:
        said = self.sites.data("rollback", "shop")
        self.good.pop()
        self.expect(self.good[-1], f"rollback to {said['release']}")

    def break_(self, version: str, kind: str) -> None:
        self.write(version, kind)
        if kind != KILLED:
            self.sites.deploy(self.app, status=STATUSES[kind])
            self.expect(self.good[-1], kind)
            return
        step = self.chance.choice(STEPS)
        self.sites.killed(
            ("quaich.deploy.records", "begin", step), "deploy", str(self.app), "--site", "shop"
        )
        self.seen.done[f"killed in {step}"] += 1
        if step == STEPS[-1]:
            self.good.append(version)
        elif step != "nginx":
            # From the switch on the new release serves, until the next run takes it back.
            self.expect(self.good[-1], f"a kill in {step}")

    def go(self, changes: int) -> None:
        """Change the site that often."""
        for number in range(1, changes + 1):
            version = f"v{number}"
            if number % 3 == 0:
                kind = KINDS[number // 3 % len(KINDS)]
                self.break_(version, kind)
                self.seen.done[kind] += 1
            elif number % 3 == 2 and len(self.good) > 2:
                self.rollback()
                self.seen.done["rollback"] += 1
            else:
                self.deploy(version)
                self.seen.done["deploy"] += 1
            print(f"\r{number} of {changes}", end="", flush=True)
        print()
        self.sites.quaich("unlock", "shop")
        self.expect(self.good[-1], "all of it")

    def leftovers(self, before: dict[int, str], held: int) -> None:
        """What there is more than at the beginning."""
        self.seen.problems += [f"left behind: {each}" for each in self.sites.leftovers()]
        releases = self.sites.releases()
        if len(releases) > 4:
            self.seen.problems.append(f"{len(releases)} releases, expected 3 and one to go back to")
        environments = list(self.sites.path("lib", "shop", "environments").iterdir())
        if len(environments) != 1:
            self.seen.problems.append(f"{len(environments)} environments, expected 1")
        after = self.sites.processes()
        if len(after) != len(before):
            self.seen.problems.append(f"{len(after)} processes, {len(before)} before: {after}")
        grown = open_descriptors(master(self.sites)) - held
        if grown > 0:
            self.seen.problems.append(f"the master has {grown} descriptors more than before")


def master(sites: Sites) -> int:
    return int(sites.path("run", "shop", "master.pid").read_text())


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--changes", type=int, default=50, help="deploys and rollbacks (50)")
    parser.add_argument("--rate", type=float, default=200, help="requests a second (200)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--strict", action="store_true", help="fail unless all is well")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="quaich-deploys-") as name:
        sites = Sites(Path(name) / "q")
        run = Run(sites, Path(name), random.Random(options.seed))
        clients = None
        try:
            run.write("v0")
            sites.deploy(run.app, *sites.front())
            run.good.append("v0")
            before, held = sites.processes(), open_descriptors(master(sites))
            clients = Clients([Target("nginx", ("127.0.0.1", sites.port))], rate=options.rate)
            clients.phase("changes")
            run.go(options.changes)
            wait_until(lambda: len(sites.processes()) <= len(before), 40, "old workers are gone")
            run.leftovers(before, held)
            outcome = clients.end()
            log = sites.path("nginx", "error.log").read_text(errors="replace")
        finally:
            if clients is not None:
                clients.kill()
            sites.close()
    seen = run.seen
    print(f"changes: {', '.join(f'{count} {what}' for what, count in sorted(seen.done.items()))}")
    for row in (each for each in outcome.rows if each.phase == "changes"):
        print(
            f"{row.kind:9} {row.sent:7} requests {row.failed:4} failed   p50 {row.median * 1e3:.1f}"
            f" ms   p99 {row.most * 1e3:.1f} ms   slowest {row.slowest * 1e3:.0f} ms"
        )
    for failure, count in Counter(each.reason for each in outcome.failures).items():
        print(f"  {count} {failure}")
    for said, count in Counter(re.findall(r"failed \(([^)]*)\)", log)).items():
        print(f"  nginx: {count} times {said}")
    print(
        f"an unchanged deployment: median {statistics.median(seen.took):.2f} s, longest "
        f"{max(seen.took):.2f} s"
    )
    for problem in seen.problems:
        print(f"PROBLEM {problem}")
    if not seen.problems:
        print("served: always the last good release; left behind: nothing")
    return 1 if options.strict and (seen.problems or outcome.failures) else 0


if __name__ == "__main__":
    sys.exit(main())
