"""``quaich setup``: makes a machine, or an account on it, ready for sites; asks before it does."""

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence

from quaich.cli import words
from quaich.cli.output import show
from quaich.deploy.layout import Layout, layout
from quaich.errors import QuaichError, UsageError
from quaich.machine import look, plan, unit
from quaich.machine.apply import apply
from quaich.machine.plan import Places

USAGE = """\
Usage: quaich setup [--yes] [--dry-run] [--json]

Installs what is missing (nginx, Python's venv), and creates the account and the directories of
sites and their systemd unit. As an ordinary user: directories in your home, a unit of your own.

    --dry-run    only show the steps, each with its undo
    --yes        do them without asking
    --json       show them as JSON
"""


def run(argv: Sequence[str]) -> int:
    """The command; ``argv[0]`` is its name."""
    asked = words.split(argv, ("--yes", "--dry-run", "--json"), ())
    if "--help" in asked.flags:
        show(USAGE)
        return 0
    if asked.rest:
        raise UsageError(f"setup: it takes no names, got {' '.join(asked.rest)}")
    where = places(layout(os.geteuid(), os.environ), os.environ)
    facts = look.facts(where, os.environ, command())
    made = plan.make(where, facts)
    as_json = "--json" in asked.flags
    is_applied = bool(made.steps) and "--dry-run" not in asked.flags
    if is_applied and "--yes" not in asked.flags:
        show(plan.as_text(made, facts.system))
        if not _consents():
            raise QuaichError("setup: nothing was changed; quaich setup --yes does it")
    if is_applied:
        apply(made.steps, lambda text: _tell(text, as_json))
    if as_json:
        data = {**plan.as_data(made, facts.system), "applied": is_applied}
        show(f"{json.dumps(data)}\n")
    elif is_applied:
        show("".join(f" ! {each}\n" for each in made.advice))
        show("ready\n")
    else:
        show(plan.as_text(made, facts.system))
    return 0 if made.is_known else 1


def places(found: Layout, environ: Mapping[str, str]) -> Places:
    """The layout, as the plan wants it, with the place of the unit."""
    directory = ""
    if found.is_system:
        directory = "/etc/systemd/system"
    elif not environ.get("QUAICH_PREFIX"):
        # What is only tried out below a prefix leaves nothing elsewhere.
        directory = f"{os.path.dirname(found.config)}/systemd/user"
    return Places(
        is_system=found.is_system,
        config=found.config,
        state=found.state,
        run=found.run,
        log=found.log,
        nginx=found.nginx,
        unit=f"{directory}/{unit.NAME}" if directory else "",
    )


def command() -> tuple[str, ...]:
    """How quaich is started from anywhere: its program, or its module by this Python."""
    beside = os.path.join(os.path.dirname(sys.executable), "quaich")
    for path in (beside, shutil.which("quaich")):
        if path and os.path.isabs(path) and os.access(path, os.X_OK):
            return (path,)
    return (sys.executable, "-m", "quaich")


def _consents() -> bool:
    if not sys.stdin.isatty():
        return False
    show("do this? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _tell(text: str, as_json: bool) -> None:
    (sys.stderr if as_json else sys.stdout).write(f"{text}\n")
    (sys.stderr if as_json else sys.stdout).flush()
