"""The plans of machines, as they are printed; ``golden/`` holds what is expected."""

from pathlib import Path

import pytest

from quaich.machine import plan, unit
from quaich.machine.plan import Entry, Facts, Places
from quaich.machine.system import System
from quaich.values import replace

GOLDEN = Path(__file__).parent / "golden"
DEBIAN = System("debian", "Debian GNU/Linux 12 (bookworm)", "12")
ROCKY = System("rhel", "Rocky Linux 9.4", "9.4")
ALPINE = System("other", "Alpine Linux v3.20", "3.20")
SYSTEM = Places(
    True,
    "/etc/quaich",
    "/var/lib/quaich",
    "/run/quaich",
    "/var/log/quaich",
    "",
    "/etc/systemd/system/quaich-site@.service",
)
HOME = "/home/ann"
USER = Places(
    False,
    f"{HOME}/.config/quaich",
    f"{HOME}/.local/share/quaich",
    "/run/user/1000/quaich",
    f"{HOME}/.local/state/quaich/log",
    f"{HOME}/.local/state/quaich/nginx",
    f"{HOME}/.config/systemd/user/quaich-site@.service",
)
EMPTY = Facts(
    DEBIAN, 0, ("/usr/bin/quaich",), False, False, True, "python3.11-venv", frozenset({"root"})
)


def ready(places: Places, facts: Facts) -> Facts:
    """The facts after everything that the plan says was done."""
    entries = dict(facts.entries)
    for step in plan.make(places, facts).steps:
        if step.kind == plan.DIRECTORY:
            entries[step.path] = Entry("directory", facts.uid, step.mode)
        elif step.kind == plan.FILE:
            entries[step.path] = Entry("file", facts.uid, step.mode, step.text)
    accounts = facts.accounts | {plan.SERVICE_USER}
    return replace(
        facts,
        has_venv=True,
        has_nginx=True,
        accounts=accounts,
        entries=entries,
        is_nginx_enabled=True,
        is_nginx_running=True,
    )


CASES = {
    "debian": (SYSTEM, EMPTY),
    "rocky": (
        SYSTEM,
        replace(EMPTY, system=ROCKY, venv_package="python3-pip", is_nginx_enabled=False),
    ),
    "alpine": (SYSTEM, replace(EMPTY, system=ALPINE, venv_package="")),
    "user": (USER, replace(EMPTY, uid=1000, command=(f"{HOME}/v/bin/quaich",), has_venv=True)),
    "container": (SYSTEM, replace(EMPTY, manager=False, is_nginx_running=False)),
}


@pytest.mark.parametrize("name", CASES)
def test_golden(name: str) -> None:
    places, facts = CASES[name]
    made = plan.make(places, facts)
    text = plan.as_text(made, facts.system)
    assert text == (GOLDEN / f"{name}.txt").read_text()
    for step in made.steps:
        assert bool(step.undo) != bool(step.why)
    assert len(plan.as_data(made, facts.system)["steps"]) == len(made.steps)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [name for name in CASES if name != "alpine"])
def test_what_is_ready_needs_nothing(name: str) -> None:
    places, facts = CASES[name]
    made = plan.make(places, ready(places, facts))
    assert made.steps == ()
    assert "nothing to do" in plan.as_text(made, facts.system)


def test_a_foreign_unit_is_left_alone() -> None:
    facts = ready(SYSTEM, EMPTY)
    foreign = replace(facts, entries={**facts.entries, SYSTEM.unit: Entry("file", 0, 0o644, "[U]")})
    made = plan.make(SYSTEM, foreign)
    assert made.steps == ()
    assert any("was not written by quaich" in each for each in made.advice)
    older = Entry("file", 0, 0o644, f"{unit.MARK}: an older one\n")
    made = plan.make(SYSTEM, replace(facts, entries={**facts.entries, SYSTEM.unit: older}))
    assert [step.kind for step in made.steps] == [plan.FILE, plan.SERVICE]
    assert made.steps[0].undo == ""


@pytest.mark.parametrize(
    ("path", "entry", "said"),
    [
        (SYSTEM.config, Entry("file", 0, 0o644), "it is no directory"),
        (SYSTEM.state, Entry("other", 0, 0o777), "it is no directory"),
        (SYSTEM.log, Entry("directory", 33, 0o755), "belongs to user 33"),
    ],
)
def test_what_is_in_the_way_is_said(path: str, entry: Entry, said: str) -> None:
    facts = ready(SYSTEM, EMPTY)
    made = plan.make(SYSTEM, replace(facts, entries={**facts.entries, path: entry}))
    assert made.steps == ()
    assert any(path in each and said in each for each in made.advice)


@pytest.mark.parametrize(
    ("path", "mode", "better"),
    [(SYSTEM.config, 0o777, 0o755), (SYSTEM.run, 0o700, 0o711), (SYSTEM.run, 0o770, 0o751)],
)
def test_modes_are_mended(path: str, mode: int, better: int) -> None:
    facts = ready(SYSTEM, EMPTY)
    entries = {**facts.entries, path: Entry("directory", 0, mode)}
    (step,) = plan.make(SYSTEM, replace(facts, entries=entries)).steps
    assert (step.path, step.mode, step.undo) == (path, better, f"chmod {mode:o} {path}")


def test_a_python_that_no_package_completes() -> None:
    made = plan.make(SYSTEM, replace(ready(SYSTEM, EMPTY), has_venv=False, venv_package=""))
    assert made.steps == ()
    assert "ensurepip" in made.advice[0]


def test_a_group_that_is_there() -> None:
    steps = plan.make(SYSTEM, replace(EMPTY, groups=frozenset({"quaich"}))).steps
    (step,) = [each for each in steps if each.kind == plan.ACCOUNT]
    assert "--user-group" not in step.commands[0]
    assert "--gid quaich " in " ".join(step.commands[0])


def test_a_command_in_a_home_directory() -> None:
    made = plan.make(SYSTEM, replace(EMPTY, command=("/root/v/bin/quaich",)))
    assert any("home directory" in each for each in made.advice)
