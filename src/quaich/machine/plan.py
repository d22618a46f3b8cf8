"""What makes a machine ready for sites, as a plan: steps with what they do and how to undo them.

Pure: from what was found (``Facts``) to the steps that are missing, so that a machine that is
ready has none.  What must not be changed by a program, or cannot be by this user, is advice.
Nothing that somebody else has put in a place is replaced: that is advice too.
"""

import shlex

from quaich.machine import unit
from quaich.machine.system import DEBIAN, OTHER, RHEL, System, install, remove
from quaich.values import dataclass, field

SERVICE_USER = "quaich"
TMPFILES = "/etc/tmpfiles.d/quaich.conf"

PACKAGES = "packages"
ACCOUNT = "account"
DIRECTORY = "directory"
FILE = "file"
SERVICE = "service"


@dataclass(frozen=True)
class Places:
    """The directories of all sites; ``is_system`` where they are root's."""

    is_system: bool
    config: str
    state: str
    run: str
    log: str
    nginx: str
    unit: str


@dataclass(frozen=True)
class Entry:
    """What is at a path: ``kind`` is ``directory``, ``file`` or ``other``; text of a file."""

    kind: str
    uid: int = 0
    mode: int = 0
    text: str = ""


@dataclass(frozen=True)
class Facts:
    """What was found; ``entries`` only has paths where there is something.

    ``command`` is how quaich is started from here, ``venv_package`` what would bring virtual
    environments (empty: it is not known), ``manager`` whether systemd runs (this user's own, if it
    is not root's machine), ``lingers`` whether it does when the user is not logged in.
    """

    system: System
    uid: int
    command: tuple[str, ...]
    has_venv: bool
    has_nginx: bool
    manager: bool
    venv_package: str = ""
    accounts: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    entries: dict[str, Entry] = field(default_factory=dict)
    is_nginx_enabled: bool = True
    is_nginx_running: bool = True
    lingers: bool = False


@dataclass(frozen=True)
class Step:
    """One change.  ``undo`` is a command; where there is none, ``why`` says why."""

    kind: str
    what: str
    undo: str = ""
    why: str = ""
    commands: tuple[tuple[str, ...], ...] = ()
    path: str = ""
    mode: int = 0
    text: str = ""


@dataclass(frozen=True)
class Plan:
    """The steps in their order, and what is left to the operator: all, on an unknown system."""

    steps: tuple[Step, ...]
    advice: tuple[str, ...] = ()
    is_known: bool = True


def make(places: Places, facts: Facts) -> Plan:
    """The plan for this machine and user."""
    if places.is_system and facts.system.family == OTHER:
        return Plan((), _by_hand(places, facts), is_known=False)
    steps: list[Step] = []
    advice: list[str] = []
    _packages(facts, steps, advice)
    if places.is_system:
        _account(places, facts, steps)
    _directories(places, facts, steps, advice)
    if facts.manager and places.unit:
        _unit(places, facts, steps, advice)
    if places.is_system:
        _nginx(facts, steps)
    return Plan(tuple(steps), tuple(advice))


def _missing(facts: Facts) -> tuple[tuple[str, ...], list[str]]:
    """The packages to install, and what is missing without a package that is known."""
    packages = []
    unknown = []
    if not facts.has_venv:
        if facts.venv_package:
            packages.append(facts.venv_package)
        else:
            unknown.append(
                "the Python that runs quaich cannot make virtual environments (it lacks "
                "ensurepip): install what completes it, or run quaich by the system's python3"
            )
    if not facts.has_nginx:
        packages.append("nginx")
    return tuple(packages), unknown


def _packages(facts: Facts, steps: list[Step], advice: list[str]) -> None:
    packages, unknown = _missing(facts)
    advice += unknown
    if not packages:
        return
    if not facts.system.known:
        advice.append(f"install, by this system's own tool: {', '.join(packages)}")
        return
    commands = install(facts.system, packages)
    if facts.uid != 0:
        shown = " && ".join(shlex.join(("sudo", *each)) for each in commands)
        advice.append(f"missing: {', '.join(packages)}; an administrator can say: {shown}")
        return
    steps.append(
        Step(
            PACKAGES,
            f"install {', '.join(packages)}",
            remove(facts.system, packages),
            commands=commands,
        )
    )


def _nginx(facts: Facts, steps: list[Step]) -> None:
    if facts.manager and not facts.is_nginx_enabled:
        command: tuple[str, ...] = ("systemctl", "enable", "--now", "nginx")
        undo = "systemctl disable --now nginx"
        steps.append(Step(SERVICE, "start nginx now and at every boot", undo, commands=(command,)))
    elif not facts.manager and not facts.is_nginx_running:
        # Debian's package brings a script for machines without systemd; others have none.
        has_script = facts.system.family == DEBIAN
        command = ("service", "nginx", "start") if has_script else ("nginx",)
        undo = "service nginx stop" if has_script else "nginx -s quit"
        steps.append(Step(SERVICE, "start nginx", undo, commands=(command,)))


def _account(places: Places, facts: Facts, steps: list[Step]) -> None:
    if SERVICE_USER in facts.accounts:
        return
    group = facts.system.web_user
    # A group that is left of an earlier user is taken over.
    own = ("--gid", SERVICE_USER) if SERVICE_USER in facts.groups else ("--user-group",)
    command = (
        *("useradd", "--system", *own, "--no-create-home", "--groups", group),
        *("--home-dir", places.state, "--shell", "/usr/sbin/nologin", SERVICE_USER),
    )
    what = f"create the user {SERVICE_USER}, whom sites run as, in the group {group}"
    steps.append(Step(ACCOUNT, what, f"userdel {SERVICE_USER}", commands=(command,)))


def _directories(places: Places, facts: Facts, steps: list[Step], advice: list[str]) -> None:
    # Only its owner may look into a user's site; root's nginx has workers who are not root.
    mode = 0o755 if places.is_system or facts.uid == 0 else 0o700
    wanted = [places.config, places.state, places.run, places.log]
    if places.nginx:
        wanted.append(places.nginx)
    for path in wanted:
        entry = facts.entries.get(path)
        if entry is None:
            text = f"create {path} (mode {mode:o})"
            steps.append(Step(DIRECTORY, text, f"rmdir {shlex.quote(path)}", path=path, mode=mode))
        elif entry.kind != "directory":
            advice.append(f"{path} is in the way: it is no directory; remove or rename it")
        elif entry.uid != facts.uid:
            advice.append(
                f"{path} belongs to user {entry.uid}, who could replace what is in it: "
                f"chown {facts.uid} {shlex.quote(path)}"
            )
        else:
            _mode(path, entry.mode, places, steps)
    if places.is_system and facts.manager:
        # /run is empty after a boot.
        text = f"# Written by quaich setup\nd {places.run} 0755 root root -\n"
        _file(TMPFILES, text, f"have {places.run} made at every boot", facts, steps, advice)


def _mode(path: str, mode: int, places: Places, steps: list[Step]) -> None:
    """Nobody else may write, and what nginx reaches sockets through has to let it pass."""
    better, why = mode & ~0o022, "others may write to it"
    if places.is_system and path == places.run and not mode & 0o001:
        better |= 0o011
        why = why if mode & 0o022 else "nginx cannot pass through it to the sockets"
    if better != mode:
        text = f"change the mode of {path} from {mode:o} to {better:o}: {why}"
        undo = f"chmod {mode:o} {shlex.quote(path)}"
        steps.append(Step(DIRECTORY, text, undo, path=path, mode=better))


def _unit(places: Places, facts: Facts, steps: list[Step], advice: list[str]) -> None:
    if places.is_system:
        text = unit.system(facts.command, places.state)
        control: tuple[str, ...] = ("systemctl",)
        hidden = [each for each in facts.command if each.startswith(("/home/", "/root/"))]
        if hidden:
            advice.append(
                f"{hidden[0]} is in a home directory, which services may not enter: install "
                "quaich elsewhere (python3 -m venv /opt/quaich) and run setup from there"
            )
    else:
        text = unit.user(facts.command, places.state)
        control = ("systemctl", "--user")
        if not facts.lingers:
            advice.append("so that sites run when nobody is logged in: loginctl enable-linger")
    if _file(places.unit, text, "describe to systemd how a site is run", facts, steps, advice):
        command = (*control, "daemon-reload")
        why = "it only reads what is there"
        steps.append(Step(SERVICE, "have systemd read its units", why=why, commands=(command,)))


def _file(
    path: str, text: str, what: str, facts: Facts, steps: list[Step], advice: list[str]
) -> bool:
    """Add the step that writes a file, if it needs one; whether it does."""
    entry = facts.entries.get(path)
    if entry is not None and (entry.kind != "file" or not entry.text.startswith(unit.MARK)):
        advice.append(f"{path} was not written by quaich and is left alone; wanted: {what}")
        return False
    if entry is not None and entry.text == text:
        return False
    verb = "write" if entry is None else "write anew"
    undo = f"rm {shlex.quote(path)}" if entry is None else ""
    why = "" if entry is None else "what it replaces is an earlier version by quaich setup"
    steps.append(Step(FILE, f"{verb} {path}: {what}", undo, why, path=path, mode=0o644, text=text))
    return True


def _by_hand(places: Places, facts: Facts) -> tuple[str, ...]:
    """All of it as advice, for a system that is not known."""
    packages = [] if facts.has_nginx else ["nginx"]
    packages += [] if facts.has_venv else ["Python's venv and ensurepip"]
    advice = [f"{facts.system.name} is not known to quaich: nothing is changed"]
    if packages:
        advice.append(f"install {' and '.join(packages)}")
    if SERVICE_USER not in facts.accounts:
        advice.append(f"create a system user {SERVICE_USER} in the group of nginx's workers")
    for path in (places.config, places.state, places.run, places.log):
        if path not in facts.entries:
            advice.append(f"create {path}, owned by root, mode 755")
    return tuple(advice)


def as_text(plan: Plan, system: System) -> str:
    """The plan for people."""
    lines = [f"system: {system.name}" + (" (Red Hat's family)" if system.family == RHEL else "")]
    for number, step in enumerate(plan.steps, 1):
        lines.append(f"{number:2} {step.kind:9}  {step.what}")
        lines += [f"{'':14}$ {shlex.join(each)}" for each in step.commands]
        lines.append(f"{'':14}undo: {step.undo or f'none: {step.why}'}")
    if not plan.steps and plan.is_known:
        lines.append("nothing to do")
    lines += [f" ! {each}" for each in plan.advice]
    return "\n".join(lines) + "\n"


def as_data(plan: Plan, system: System) -> dict[str, object]:
    """The plan for programs."""
    return {
        "system": {"family": system.family, "name": system.name, "version": system.version},
        "steps": [
            {
                "kind": step.kind,
                "what": step.what,
                "undo": step.undo,
                "no_undo_because": step.why,
                "commands": [list(each) for each in step.commands],
                "path": step.path,
                "mode": f"{step.mode:04o}" if step.path else "",
                "text": step.text,
            }
            for step in plan.steps
        ],
        "advice": list(plan.advice),
    }
