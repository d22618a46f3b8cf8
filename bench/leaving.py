"""Going back and going away under load: what a restore and a stop cost the clients.

``restore``: code that answers 500 is deployed, and ``quaich restore`` brings the old code back;
how long until the last answer of the bad code, and which requests got no answer at all.  The 500s
are the bad code's.

``term`` stops ``quaich serve`` by SIGTERM, ``fifo`` a uWSGI configuration by ``q``, beside a second
server.  Every request that the server has accepted must be answered; one that comes later is
refused, and nginx sends it to the second server where it knows one (``pair``) and answers 502 where
it does not (``single``).  A request counts as accepted if it was sent before the stop, or if its
application had begun it.  With ``--strict`` the exit status is 1 if one of these has no answer, any
request through ``pair`` failed, or a restore took longer than 300 ms and the slowest request.
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import peers
from bench.reloads import site
from bench.steady import APPLICATION, KEPT, ONCE, SELDOM, Clients, Failure, Target
from tests.support.nginx import Nginx
from tests.support.ports import free_port
from tests.support.server import Server, command, environment

BAD = """
def application(environ, start_response):
    environ["wsgi.input"].read()
    start_response("500 Internal Server Error", [("Content-Length", "3")])
    return [b"bad"]
"""
RESTORED = 0.3
SLOWEST_WORK = 0.05
PAIR = """
    upstream pair {{ server 127.0.0.1:{first}; server 127.0.0.1:{second} backup; keepalive 8; }}
    upstream single {{ server 127.0.0.1:{first}; keepalive 8; }}
    server {{
        listen 127.0.0.1:PORT;
        access_log off;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        location / {{ proxy_pass http://pair; }}
    }}
    server {{
        listen 127.0.0.1:{alone};
        access_log off;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        location / {{ proxy_pass http://single; }}
    }}
"""


def restore(options: argparse.Namespace) -> bool:
    """Deploy badly and go back, again and again; whether all was well."""
    chance = random.Random(options.seed)
    asked: list[float] = []
    again: list[float] = []
    took: list[float] = []
    with tempfile.TemporaryDirectory(prefix="restore") as name:
        directory = Path(name)
        argv = [*command(), "--snapshot", "1", "--control", "control.sock"]
        here = site(argv, "quaich", directory, keeps=True, workers=4)
        clients = Clients(here.targets, rate=options.rate, seed=options.seed)
        try:
            clients.phase("restore")
            time.sleep(2)
            for _ in range(options.times):
                (directory / "steady_app.py").write_text(BAD)
                before = here.serves()
                here.server.send(signal.SIGHUP)
                here.server.wait_line(r"^generation=\d+ serves", count=before + 1)
                time.sleep(chance.uniform(0.3, 0.6))
                asked.append(time.monotonic())
                subprocess.run(
                    [*command(), "restore", "--control", "control.sock"],
                    cwd=directory,
                    env=environment(),
                    stderr=subprocess.DEVNULL,
                    timeout=30,
                    check=True,
                )
                took.append(time.monotonic() - asked[-1])
                time.sleep(0.8)
                again.append(time.monotonic())
            outcome = clients.end()
            here.server.stop()
        finally:
            clients.kill()
            here.nginx.stop()
            here.server.kill()
    bad = [each for each in outcome.failures if each.reason == "status 500"]
    lost = [each for each in outcome.failures if each.reason != "status 500"]
    last = sorted(
        max([each.failed - at for each in bad if at <= each.failed < until], default=0.0)
        for at, until in zip(asked, again, strict=True)
    )
    print(
        f"restore {len(asked)} times: the last answer of the bad code"
        f" {last[len(last) // 2] * 1e3:.0f} ms after it was asked for (at most"
        f" {last[-1] * 1e3:.0f}), the command took {sorted(took)[len(took) // 2] * 1e3:.0f} ms"
        f" (at most {max(took) * 1e3:.0f}); {sum(row.sent for row in outcome.rows)} requests,"
        f" {len(bad)} answered by the bad code, {len(lost)} not answered",
        flush=True,
    )
    show(lost)
    return not lost and last[-1] <= RESTORED + SLOWEST_WORK


def show(failures: list[Failure]) -> None:
    """The first of them."""
    for each in failures[:10]:
        print(
            f"  {each.target} {each.kind} request {each.number}: {each.reason} ({each.detail})"
            f" after {(each.failed - each.sent) * 1e3:.1f} ms"
        )


def stop(way: str, options: argparse.Namespace) -> bool:
    """Stop a server under load, again and again; whether every accepted request was answered."""
    counts: Counter[str] = Counter()
    seconds: list[float] = []
    wrong: list[Failure] = []
    for turn in range(options.stops):
        with tempfile.TemporaryDirectory(prefix="stop") as name:
            found = stop_once(way, Path(name), options, turn)
        counts += found[0]
        seconds.append(found[1])
        wrong += found[2]
    seconds.sort()
    print(
        f"{way:7} {options.stops} times, ended after {seconds[len(seconds) // 2]:.2f} s (at most"
        f" {seconds[-1]:.2f}); {counts['sent']} requests;"
        f" accepted and not answered: {counts['accepted']}; failed through pair:"
        f" {counts['pair']}; come too late: {counts['refused']} refused,"
        f" {counts['502']} times 502 of nginx, {counts['late']} closed without an answer",
        flush=True,
    )
    show(wrong)
    return not wrong


def stop_once(
    way: str, directory: Path, options: argparse.Namespace, turn: int
) -> tuple[Counter[str], float, list[Failure]]:
    first, second, alone = free_port(), free_port(), free_port()
    (directory / "steady_app.py").write_text(APPLICATION)
    (directory / "running").touch()
    started = [
        Server(
            [*command(), *arguments(way, port, f"{port}.fifo")],
            cwd=directory,
            output=directory / f"{port}.log",
        )
        for port in (first, second)
    ]
    front = Nginx(directory / "nginx", PAIR.format(first=first, second=second, alone=alone))
    clients = None
    try:
        for server, port in zip(started, (first, second), strict=True):
            server.wait_ready(4)
            server.wait_listening(("127.0.0.1", port))
        front.start()
        kinds = (KEPT, SELDOM, ONCE)
        targets = [
            Target("direct", ("127.0.0.1", first), kinds),
            Target("single", ("127.0.0.1", alone), kinds),
            Target("pair", front.address, kinds),
        ]
        clients = Clients(targets, rate=options.rate, work=5, seed=options.seed + turn)
        clients.phase(way)
        time.sleep(1.5 + random.Random(turn).random() / 2)
        asked = time.monotonic()
        if way == "term":
            started[0].send(signal.SIGTERM)
        else:
            (directory / f"{first}.fifo").write_text("q")
        started[0].wait_exit(30)
        took = time.monotonic() - asked
        time.sleep(0.5)
        outcome = clients.end()
        notes = (directory / "running").read_bytes()
    finally:
        if clients is not None:
            clients.kill()
        front.stop()
        for server in started:
            server.kill()
    counts: Counter[str] = Counter(sent=sum(row.sent for row in outcome.rows))
    wrong = []
    for each in outcome.failures:
        text = notes[each.number * 32 :][:32].split(b"\n")[0].strip(b"\0").split()
        if each.target == "pair":
            what = "pair"
        elif each.sent < asked or (len(text) == 2 and int(text[0]) == each.number):
            what = "accepted"
        elif each.reason == "refused":
            what = "refused"
        else:
            what = "502" if each.reason == "status 502" else "late"
        counts[what] += 1
        if what in ("pair", "accepted"):
            wrong.append(each)
    return counts, took, wrong


def arguments(way: str, port: int, fifo: str) -> list[str]:
    address = f"127.0.0.1:{port}"
    if way == "term":
        return ["serve", "steady_app:application", "--bind", address, "--workers", "4"]
    return [
        *("--http-socket", address, "-w", "steady_app", "--master", "-p", "4", "--need-app"),
        *("--master-fifo", fifo, "--disable-logging"),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--what", action="append", choices=("restore", "term", "fifo"))
    parser.add_argument("--times", type=int, default=30, help="restores")
    parser.add_argument("--stops", type=int, default=15, help="of each kind")
    parser.add_argument("--rate", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--strict", action="store_true")
    options = parser.parse_args()
    print(peers.machine(), f"quaich {peers.quaich_build()}, 4 workers", sep="\n")
    good = [
        restore(options) if what == "restore" else stop(what, options)
        for what in options.what or ("restore", "term", "fifo")
    ]
    return 0 if all(good) or not options.strict else 1


if __name__ == "__main__":
    sys.exit(main())
