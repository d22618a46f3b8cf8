"""What reloads cost the clients: requests that fail and the slowest one, beside no reloads at all.

``python bench/reloads.py [--variant NAME]... [--uwsgi PATH]`` starts a server, asks it at a steady
rate directly and through nginx (over TCP and UNIX by uwsgi, and over HTTP with kept upstream
connections), first in peace and then while it is reloaded at random moments.  ``--uwsgi`` measures
that program in the same way, a few reloads long.

With ``--strict`` the exit status is 1 if a request failed, or one took longer than twice the
slowest without reloads plus 50 ms.
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
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import peers
from bench.steady import APPLICATION, KEPT, ONCE, SELDOM, Clients, Outcome, Target
from tests.support.nginx import Nginx
from tests.support.ports import free_port
from tests.support.processes import open_descriptors, resident, wait_until
from tests.support.server import Server, command

NGINX = """
    upstream kept {{ server 127.0.0.1:{http}; keepalive 8; }}
    server {{
        listen 127.0.0.1:PORT;
        access_log off;
        location / {{ include uwsgi_params; uwsgi_pass 127.0.0.1:{uwsgi}; }}
    }}
    server {{
        listen 127.0.0.1:{unix_front};
        access_log off;
        location / {{ include uwsgi_params; uwsgi_pass unix:{unix}; }}
    }}
    server {{
        listen 127.0.0.1:{http_front};
        access_log off;
        location / {{
            proxy_pass http://{upstream};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
"""

# What is wrong with the code, and what a reload to it must say.
BROKEN = {
    "raises": "1 / 0\n",
    "syntax": "def application(:\n",
    "leaves": "import sys\nsys.exit(0)\n",
    "ends": "import os\nos._exit(0)\n",
    "segfaults": "import ctypes\nctypes.string_at(0)\n",
}
HANGS = {"hangs": "import time\ntime.sleep(3600)\n"}


@dataclass(frozen=True)
class Variant:
    """A way to run the server and to reload it."""

    options: tuple[str, ...] = ()
    chain: bool = False
    broken: dict[str, str] = field(default_factory=dict)


VARIANTS = {
    "plain": Variant(),
    "lazy-apps": Variant(("--lazy-apps",)),
    "threads": Variant(("--threads", "4")),
    "max-requests": Variant(("--max-requests", "50", "--min-worker-lifetime", "0")),
    "chain": Variant(("--lazy-apps", "--touch-chain-reload", "chain"), chain=True),
    "broken": Variant(broken=BROKEN),
    "hangs": Variant(("--startup-timeout", "2"), broken=HANGS),
}


@dataclass
class Site:
    """A server of the load's application with nginx before it."""

    name: str
    server: Server
    nginx: Nginx
    targets: list[Target]
    directory: Path
    serves: Callable[[], int]

    @property
    def log(self) -> str:
        return self.server.log


def site(argv: list[str], name: str, directory: Path, *, keeps: bool, workers: int) -> Site:
    """Start ``argv`` and nginx; ``keeps`` says whether its HTTP keeps connections."""
    (directory / "steady_app.py").write_text(APPLICATION)
    (directory / "chain").touch()
    http, uwsgi, unix_front, http_front = (free_port() for _ in range(4))
    unix = directory / "app.sock"
    server = Server(
        [
            *argv,
            *("--http-socket", f"127.0.0.1:{http}", "--socket", f"127.0.0.1:{uwsgi}"),
            *("--socket", str(unix), "-w", "steady_app", "--master", "-p", str(workers)),
            *("--need-app", "--disable-logging", "--vacuum", "--pidfile", "site.pid"),
        ],
        cwd=directory,
        output=directory / "server.log",
    )
    text = NGINX.format(
        http=http,
        uwsgi=uwsgi,
        unix=unix,
        unix_front=unix_front,
        http_front=http_front,
        upstream="kept" if keeps else f"127.0.0.1:{http}",
    )
    front = Nginx(directory / "nginx", text)
    try:
        server.wait_listening(("127.0.0.1", http))
        wait_until(lambda: len(server.children()) >= workers, 20, "workers run")
        front.start()
    except BaseException:
        server.kill()
        raise
    kinds = (KEPT, SELDOM, ONCE)
    targets = [
        Target("direct", ("127.0.0.1", http), kinds if keeps else (ONCE,)),
        Target("nginx tcp", front.address, kinds),
        Target("nginx unix", ("127.0.0.1", unix_front), kinds),
        Target("nginx http", ("127.0.0.1", http_front), kinds),
    ]
    pattern = re.compile(r"^generation=\d+ serves" if keeps else r"^binary reloading uWSGI", re.M)
    return Site(
        name,
        server,
        front,
        targets,
        directory,
        lambda: len(set(pattern.findall(server.log)) if keeps else pattern.findall(server.log)),
    )


@dataclass
class Measured:
    """One variant of one server."""

    name: str
    outcome: Outcome
    reloads: int
    began: int
    notes: list[str] = field(default_factory=list)

    @property
    def peace(self) -> float:
        return max(row.slowest for row in self.outcome.rows if row.phase == "peace")

    @property
    def limit(self) -> float:
        return 2 * self.peace + 0.05

    @property
    def bad(self) -> bool:
        slow = any(row.slowest > self.limit for row in self.outcome.rows)
        return slow or bool(self.outcome.failures) or bool(self.notes)


def reload(here: Site, variant: Variant) -> None:
    """Ask once."""
    if variant.chain:
        (here.directory / "chain").write_text(str(time.monotonic()))
    else:
        here.server.send(signal.SIGHUP)


def disturb(here: Site, variant: Variant, count: int, gap: float, chance: random.Random) -> None:
    """Reload that often at random moments."""
    for _ in range(count):
        time.sleep(chance.uniform(0, 2 * gap))
        reload(here, variant)


def break_and_mend(here: Site, variant: Variant, count: int, notes: list[str]) -> None:
    """Reload to code that fails, one way after the other, and then to code that works."""
    code = here.directory / "steady_app.py"
    kinds = list(variant.broken)
    for number in range(count):
        kind = kinds[number % len(kinds)]
        refused = len(re.findall(r"^error: .* serves on: ", here.log, re.M))
        code.write_text(variant.broken[kind])
        began = time.monotonic()
        here.server.send(signal.SIGHUP)
        try:
            wait_until(
                lambda refused=refused: (  # type: ignore[misc]
                    len(re.findall(r"^error: .* serves on: ", here.log, re.M)) > refused
                ),
                10,
                "refused",
            )
        except AssertionError:
            notes.append(f"{kind}: the log does not say within 10 s that the reload was refused")
        if number < len(kinds):
            print(f"  {kind}: refused after {time.monotonic() - began:.2f} s", flush=True)
        code.write_text(APPLICATION)
        before = len(re.findall(r"^generation=\d+ serves", here.log, re.M))
        here.server.send(signal.SIGHUP)
        try:
            wait_until(
                lambda before=before: (  # type: ignore[misc]
                    len(re.findall(r"^generation=\d+ serves", here.log, re.M)) > before
                ),
                10,
                "mended",
            )
        except AssertionError:
            notes.append(f"{kind}: the mended code does not serve within 10 s")


def leads(pid: int) -> bool:
    """Whether a process leads its group, as a zygote does."""
    try:
        return os.getpgid(pid) == pid
    except ProcessLookupError:
        return False


def settle(here: Site, workers: int, timeout: float) -> None:
    """Wait until no generation is coming or leaving: one zygote at most, and for a while."""
    since, last = time.monotonic(), [-1]

    def calm() -> bool:
        nonlocal since, last
        children = [each.pid for each in here.server.children() if each.parent == here.server.pid]
        zygotes = [pid for pid in children if leads(pid)]
        # Workers may be replaced at any time; one more then exists for a moment.
        settled = len(zygotes) <= 1 and 0 <= len(children) - len(zygotes) - workers <= 1
        now = time.monotonic()
        if not settled or zygotes != last:
            since, last = now, zygotes
        return now - since > 1.5

    wait_until(calm, timeout, f"one generation of {workers} workers")


def measure(
    here: Site, name: str, variant: Variant, options: argparse.Namespace, count: int, gap: float
) -> Measured:
    clients = Clients(here.targets, rate=options.rate, kept=options.kept, seed=options.seed)
    notes: list[str] = []
    try:
        clients.phase("warm")
        time.sleep(2)
        held, memory = open_descriptors(here.server.pid), resident(here.server.pid)
        clients.phase("peace")
        time.sleep(options.peace)
        clients.phase("reloads")
        before = here.serves()
        if variant.broken:
            break_and_mend(here, variant, count, notes)
        else:
            disturb(here, variant, count, gap, random.Random(options.seed))
        try:
            settle(here, options.workers, 90)
        except AssertionError as error:
            left = [f"{each.pid} {each.name}" for each in here.server.processes()]
            notes.append(f"{error}; there are {left}")
        began = here.serves() - before
        grown = open_descriptors(here.server.pid) - held
        if grown > 0 and "uwsgi" not in here.name:
            notes.append(f"the master has {grown} descriptors more than before")
        for pattern in ("killed: did not leave", "a defect in quaich", "Traceback"):
            seen = here.log.count(pattern)
            if seen and not variant.broken:
                notes.append(f"{seen} times in the log: {pattern}")
        more = (resident(here.server.pid) - memory) / 1024
        print(f"  the master: {grown:+d} descriptors, {more:+.0f} KiB", flush=True)
        outcome = clients.end()
    finally:
        clients.kill()
    return Measured(name, outcome, count, began, notes)


def table(found: Measured) -> str:
    rows = [row for row in found.outcome.rows if row.phase == "reloads"]
    peace = {(row.target, row.kind): row for row in found.outcome.rows if row.phase == "peace"}
    reasons: dict[tuple[str, str], Counter[str]] = {}
    for each in found.outcome.failures:
        reasons.setdefault((each.target, each.kind), Counter())[each.reason] += 1
    heads = "path        clients   requests failed kept-closed  p50 ms   p99 ms  slowest  in peace"
    lines = [
        f"{found.name}: {found.reloads} reloads asked for, {found.began} done",
        f"{heads}  other failures",
    ]
    for row in rows:
        why = reasons.get((row.target, row.kind), Counter())
        calm = peace.get((row.target, row.kind))
        others = ", ".join(f"{n} {reason}" for reason, n in why.items() if reason != "kept-closed")
        lines.append(
            f"{row.target:11} {row.kind:9} {row.sent:8} {sum(why.values()):6}"
            f" {why['kept-closed']:11} {row.median * 1e3:7.1f} {row.most * 1e3:8.1f}"
            f" {row.slowest * 1e3:8.1f}  {calm.slowest * 1e3 if calm else 0:8.1f}  {others}"
            + ("  TOO SLOW" if row.slowest > found.limit else "")
        )
    failed = len(found.outcome.failures)
    slowest = max((row.slowest for row in rows), default=0.0)
    lines.append(
        f"{'all':21} {sum(row.sent for row in rows):8} {failed:6}  slowest {slowest * 1e3:.0f} ms,"
        f" in peace {found.peace * 1e3:.0f}, allowed {found.limit * 1e3:.0f};"
        f" the load itself was late by {found.outcome.late * 1e3:.0f};"
        f" {sum(row.dropped for row in rows)} idle connections closed by the server"
    )
    return "\n".join([*lines, *(f"PROBLEM {note}" for note in found.notes)])


def run(name: str, options: argparse.Namespace) -> Measured:
    """One variant of quaich, or uWSGI (``uwsgi``, ``uwsgi-chain``)."""
    theirs = name.startswith("uwsgi")
    variant = VARIANTS["chain" if name.endswith("chain") else "plain" if theirs else name]
    argv = [options.uwsgi] if theirs else command()
    count = options.uwsgi_reloads if theirs else options.reloads
    # A reload of uWSGI that comes while it executes itself would kill it.
    # A file that is touched is looked at once a second.
    gap = (
        max(3.0, options.gap) if theirs else max(1.5, options.gap) if variant.chain else options.gap
    )
    with tempfile.TemporaryDirectory(prefix="reloads") as directory:
        here = site(
            [*argv, *variant.options],
            name,
            Path(directory),
            keeps=not theirs,
            workers=options.workers,
        )
        try:
            return measure(here, name, variant, options, count, gap)
        except BaseException:
            print("\n".join(here.log.splitlines()[-40:]), file=sys.stderr)
            raise
        finally:
            if options.log:
                (Path(options.log) / f"{name}.log").write_text(here.log)
            here.nginx.stop()
            here.server.kill()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--variant", action="append", choices=[*VARIANTS, "all"], default=None)
    parser.add_argument("--reloads", type=int, default=200)
    parser.add_argument("--gap", type=float, default=0.4, help="seconds between two, on average")
    parser.add_argument("--rate", type=float, default=300.0, help="requests a second, all paths")
    parser.add_argument("--kept", type=int, default=4, help="kept connections per path and kind")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--peace", type=float, default=20.0, help="seconds without reloads before")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--uwsgi", help="measure this program beside it")
    parser.add_argument("--uwsgi-reloads", type=int, default=10)
    parser.add_argument("--failures", type=int, default=10, help="how many to show")
    parser.add_argument("--nice", type=int, default=0, help="for all of it, on a busy machine")
    parser.add_argument("--log", help="a directory for the servers' logs")
    parser.add_argument("--strict", action="store_true", help="exit 1 on any failure or slowness")
    options = parser.parse_args()
    if options.nice:
        os.nice(options.nice)
    names = options.variant or ["plain"]
    if "all" in names:
        names = list(VARIANTS)
    bad = False
    print(peers.machine(), f"quaich {peers.quaich_build()}, {options.workers} workers", sep="\n")
    for name in [*names, *(("uwsgi",) if options.uwsgi else ())]:
        found = run(name, options)
        print(f"\n{table(found)}", flush=True)
        for each in found.outcome.failures[: options.failures]:
            print(
                f"  {each.reason} ({each.detail}) {each.target} {each.kind} request {each.number}"
                f" sent at {each.sent:.3f}, {(each.failed - each.sent) * 1e3:.1f} ms later"
                f" worker {each.worker}"
            )
        bad |= found.bad and not name.startswith("uwsgi")
    return 1 if bad and options.strict else 0


if __name__ == "__main__":
    sys.exit(main())
