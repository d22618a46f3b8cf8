"""``quaich doctor``: what is wrong with the machine that sites live on, and what to do about it."""

import os
import re
import stat
from collections.abc import Sequence

from quaich.cli import find, procs, words
from quaich.cli.checkreport import Report, as_json, as_text
from quaich.cli.output import show
from quaich.cli.setup import command, places
from quaich.config.codes.table import CODES
from quaich.deploy.layout import Layout, SitePaths, layout
from quaich.errors import QuaichError, UsageError
from quaich.machine import advice, checks, examine, look, plan
from quaich.machine.checks import SiteState

USAGE = """\
Usage: quaich doctor [--json]
       quaich doctor --suggest

Looks at nginx, Python, the kernel's limits, clock, firewall, SELinux, disks, memory, ports and the
deployed sites; changes nothing. As root it sees more.

    --json       print the findings as JSON
    --suggest    show commands that harden this machine (firewall, SSH, fail2ban); runs none

Exit status: 1 when there is an error, else 0.
"""

_SSH_PORT = re.compile(r"^\s*Port\s+(\d+)\s*$", re.MULTILINE | re.IGNORECASE)
_FILES = re.compile(r"^Max open files +(\d+)", re.MULTILINE)
_LISTEN = re.compile(r"^\s*listen\s*=\s*(\d+)\s*$", re.MULTILINE)


def run(argv: Sequence[str]) -> int:
    """The command; ``argv[0]`` is its name."""
    asked = words.split(argv, ("--json", "--suggest"), ())
    if "--help" in asked.flags:
        show(USAGE)
        return 0
    if asked.rest:
        raise UsageError(f"doctor: it takes no names, got {' '.join(asked.rest)}")
    found = layout(os.geteuid(), os.environ)
    system = look.system()
    if "--suggest" in asked.flags:
        has_nft = examine.output("nft", "--version") is not None
        show(advice.suggest(system, _ssh_port(), found.http_port, has_nft, command()))
        return 0
    where = places(found, os.environ)
    steps = plan.make(where, look.facts(where, os.environ, command())).steps
    directories = (found.state, found.log, found.run, "/tmp")
    machine = examine.machine(system, found.http_port, directories, sites(found), len(steps))
    report = Report(system.name, findings=checks.examine(machine), facts=checks.facts(machine))
    if "--json" in asked.flags:
        show(as_json([report]))
    else:
        show(as_text([report]))
        codes = dict.fromkeys(each.code for each in report.findings)
        show("".join(f"{code}: {CODES[code].remedy}\n" for code in codes))
    return 1 if report.failed else 0


def sites(found: Layout) -> tuple[SiteState, ...]:
    """Every site that has a configuration, as it runs."""
    try:
        names = sorted(os.listdir(found.state))
    except OSError:
        return ()
    states = []
    for name in names:
        try:
            paths = found.site(name)
        except QuaichError:
            continue
        if os.path.isfile(paths.configuration):
            states.append(_state(paths))
    return tuple(states)


def _state(paths: SitePaths) -> SiteState:
    pid = 0
    try:
        pid = procs.pid_in(paths.pidfile)
        pid = pid if procs.is_server(pid) else 0
    except QuaichError:
        pid = _by_control(paths.control)
    limits = _FILES.search(look.text_of(f"/proc/{pid}/limits")) if pid else None
    listen = _LISTEN.search(look.text_of(paths.configuration))
    try:
        mode = stat.S_IMODE(os.stat(paths.variables).st_mode)
    except OSError:
        mode = 0
    return SiteState(
        paths.name,
        pid,
        int(listen[1]) if listen else 0,
        int(limits[1]) if limits else 0,
        paths.variables,
        mode,
    )


def _by_control(path: str) -> int:
    try:
        found = find.connect(path)
    except QuaichError:
        return 0
    found.sock.close()
    return found.pid


def _ssh_port() -> int:
    """SSH's port on this machine: of the session that asks, else by its configuration."""
    words = os.environ.get("SSH_CONNECTION", "").split()
    if len(words) == 4 and words[3].isdecimal():
        return int(words[3])
    match = _SSH_PORT.search(look.text_of("/etc/ssh/sshd_config"))
    return int(match[1]) if match else 22
