"""Configurations read by quaich and by uWSGI, compared: accepted or refused, and to what effect.

``python bench/config_differential.py --uwsgi PATH [--random N] [DIRECTORY...]`` reads every file
below the directories, and N random configurations, with both.  uWSGI shows what it read by
``--show-config``; quaich's items are put into the same form.  A difference that a diagnostic code
names is counted, any other is printed.  It exits 1 when there is one.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from quaich.config.resolve import dump, read_compatible
from quaich.config.sources import Host
from quaich.errors import ConfigError

SECONDS = 3.0
ENVIRON = {"HOME": "/root", "FOO": "bar", "NUMBER": "3", "EMPTY": "", "NESTED": "x$(FOO)"}
SUFFIXES = (".ini", ".yml", ".yaml", ".xml")
_BEGIN = ";uWSGI instance configuration\n"
_END = ";end of configuration\n"
_ADDED = ("show-config = true\n", "no-server = true\n")

# Codes that say: this is read otherwise than uWSGI reads it.
_MEANT_OTHERWISE = frozenset(
    ("QX112", "QX114", "QX115", "QX116", "QX117", "QX119", "QX121", "QX127", "QX129", "QX130",
     "QX143", "QX147")
)
# Codes that say: this is refused, although uWSGI may go on.
_REFUSED = frozenset(
    ("QX107", "QX129", "QX140", "QX141", "QX142", "QX143",
     "QX144", "QX145", "QX151", "QX202", "QX203", "QX210")
)  # fmt: skip


@dataclass(frozen=True)
class Reading:
    """What one reader made of a configuration.

    ``effect`` is None when it was refused while it was read; ``refused`` is why it was then, or
    when its values were applied.
    """

    effect: str | None
    refused: str = ""
    codes: frozenset[str] = frozenset()


def by_uwsgi(uwsgi: str, arguments: Sequence[str], directory: Path) -> Reading:
    """What uWSGI makes of a command line."""
    command = [uwsgi, "--show-config", "--no-server", *arguments]
    environ = {"PATH": os.environ.get("PATH", ""), **ENVIRON}
    try:
        done = subprocess.run(
            command,
            cwd=directory,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Reading(None, "never ends")
    text = (done.stdout + done.stderr).decode("utf-8", "surrogateescape")
    begin, end = text.find(_BEGIN), text.find(_END)
    if begin < 0 or end < 0:
        last = " | ".join(text.strip().split("\n")[-2:])
        return Reading(None, last or f"exit {done.returncode}")
    effect = text[begin + len(_BEGIN) : end]
    for line in _ADDED:
        effect = effect.replace(line, "", 1)
    return Reading(effect)


def by_quaich(arguments: Sequence[str]) -> Reading:
    """What quaich makes of a command line, in the current directory."""
    errors: list[ConfigError] = []
    # Something to serve, so that nothing else is missing.
    argv = ["quaich", "--callable=differential", "--module=differential", *arguments]
    try:
        resolution = read_compatible(argv, ENVIRON, Host(), errors)
    except ConfigError as error:
        return Reading(None, str(error), frozenset((error.code,)))
    codes = frozenset(note.code for note in resolution.config.notes)
    if resolution.action:
        return Reading(None, f"{resolution.action} {resolution.status}", codes)
    codes |= {error.code for error in errors}
    text = dump(resolution.items)
    effect = text[text.index(_BEGIN) + len(_BEGIN) : text.index(_END)]
    for line in ("callable = differential\n", "module = differential\n"):
        effect = effect.replace(line, "", 1)
    refused = [error for error in errors if error.code not in ("QX202", "QX210")]
    return Reading(effect, str(refused[0]) if refused else "", codes)


def verdict(theirs: Reading, ours: Reading) -> str:
    """``same``, ``named`` (a code tells of the difference) or ``differs``."""
    if bool(theirs.refused) != bool(ours.refused):
        codes = _REFUSED | _MEANT_OTHERWISE if ours.refused else _MEANT_OTHERWISE
        if not ours.codes & codes:
            return "differs"
        if theirs.effect == ours.effect or None in (theirs.effect, ours.effect):
            return "named"
    if theirs.effect == ours.effect or (theirs.refused and ours.refused):
        return "same"
    return "named" if ours.codes & _MEANT_OTHERWISE else "differs"


@dataclass
class Tally:
    """How many of each verdict, and what to show."""

    counts: Counter[str] = field(default_factory=Counter)
    shown: list[str] = field(default_factory=list)

    def add(self, name: str, theirs: Reading, ours: Reading, text: str = "") -> None:
        found = verdict(theirs, ours)
        self.counts[found] += 1
        if found == "differs":
            parts = [f"--- {name}"]
            if text:
                parts.append(text.rstrip("\n"))
            for who, reading in (("uWSGI", theirs), ("quaich", ours)):
                said = reading.refused if reading.effect is None else repr(reading.effect)
                parts.append(f"{who}: {said} {' '.join(sorted(reading.codes))}")
            self.shown.append("\n".join(parts))


def compare(uwsgi: str, path: Path, name: str, tally: Tally, text: str = "") -> None:
    """Read one file with both."""
    os.chdir(path.parent)
    arguments = [path.name]
    tally.add(name, by_uwsgi(uwsgi, arguments, path.parent), by_quaich(arguments), text)


def files(directories: Sequence[str]) -> Iterator[Path]:
    for directory in directories:
        root = Path(directory).resolve()
        found = [root] if root.is_file() else sorted(root.rglob("*"))
        yield from (path for path in found if path.suffix in SUFFIXES and path.is_file())


_NAMES = ("a", "b", "base", "x", "n", "processes", "threads", "vacuum", "master", "chmod", "env")
_VALUES = (
    "1", "2", "0", "-3", "", "true", "false", "off", "/srv/x", "abc", "a b c", "K=V", "60s",
    "x ; y", "%(a)", "%(b)", "%(base)/%(a)", "%(nope)", "%(n + 1)", "%(n * 2 - 1)", "%(a b)",
    "%(n ++)", "%(n / 0)", "$(FOO)", "$(NOPE)", "$(EMPTY)", "$(EMPTY)%(a)", "$(NESTED)",
    "z$(NESTED)", "%n", "%d", "%%x", "%%(a)", "%q", "%k", "%p|%s|%e|%c|%x|%0|%1|%i|%j",
    "@(one)", "x@(two)y", "%(a)%(b)", "%(%(a))", "$($(FOO))", "%((n + 1) * 2)", "%(a", "$(FOO",
    "@()", "%()", "%( n )", "%(n +  2)",
)  # fmt: skip
_BLOCKS = (
    "for = a b c", "for =", "for-times = 3", "for-times = %(n)", "for-glob = o*",
    "for-readline = two", "for-readline = nofile", "if-env = FOO", "if-env = FOO=bar",
    "if-env = NOPE", "if-not-env = NOPE", "if-not-env = FOO=x", "if-exists = one",
    "if-exists = nofile", "if-not-exists = one", "if-file = one", "if-dir = sub",
    "if-not-dir = sub", "if-opt = a", "if-opt = a=1", "if-not-opt = b", "if-reload",
    "if-not-reload", "if-plugin = python", "if-plugin = lua", "if-hostname = nowhere",
)  # fmt: skip
_ENDS = ("endif", "endfor", "end", "end-if =", "end-for")
_ODD = (
    "include = part.ini", "ini = :other", "ini = part.ini:other", "inherit = part.ini",
    "set = a=7", "set-ph = q=%(a)", "set-placeholder = w=1", "blacklist = threads",
    "end-blacklist", "; comment", "# comment", "", "die-on-term", "a", "<<<<<<< HEAD", "= 3",
    "a == b", "declare-option = d=env=$1", "d = x y", "print = %(a)", "iprint = x",
    "strict = false", "early-envdir = vars", "[other]", "[uwsgi]", "[uwsgi] ",
    "include = none.ini", "set = novalue", "exit = 3", "set-ph = vacuum=1",
    "inject-after = tail", "yaml = y.yml", "xml = x.xml", "env = A=%(b)", "whitelist = a b x",
)  # fmt: skip

_FIXTURES = {
    "one": "content\n",
    "two": "l1\n  l2\nl3",
    "part.ini": "[uwsgi]\npa = 1\npb = %(a) %n\nfor = 8 9\npc = %(_)\nendfor\n[other]\npo = %x\n",
    "tail": "\ntt = %n\n",
    "y.yml": "uwsgi:\n  ya: 1\n  yb: %n x # note\n",
    "x.xml": "<uwsgi><xa>1</xa><xb/></uwsgi>",
    "vars/EARLY": "early\n",
    "sub/empty": "",
    "oa": "",
    "ob": "",
}


def prepare(directory: Path) -> None:
    """The files that random configurations refer to."""
    for name, text in _FIXTURES.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def random_text(chance: random.Random) -> str:
    """A configuration that uses the language without restraint."""
    lines = ["[uwsgi]"]
    for _ in range(chance.randint(1, 9)):
        what = chance.random()
        if what < 0.6:
            equals = chance.choice((" = ", "=", "= ", "\t=\t"))
            lines.append(f"{chance.choice(_NAMES)}{equals}{chance.choice(_VALUES)}")
        elif what < 0.75:
            lines.append(chance.choice(_BLOCKS))
            for _ in range(chance.randint(0, 3)):
                value = chance.choice((*_VALUES, "%(_)", "<%(_)>", "%(_)%(a)"))
                lines.append(f"{chance.choice(_NAMES)} = {value}")
            if chance.random() < 0.9:
                lines.append(chance.choice(_ENDS))
        else:
            lines.append(chance.choice(_ODD))
    return "\n".join(lines) + chance.choice(("", "\n"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--uwsgi", required=True, help="the uWSGI program")
    parser.add_argument("--random", type=int, default=0, help="how many random configurations")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("directories", nargs="*")
    wishes = parser.parse_args()
    tally = Tally()
    for path in files(wishes.directories):
        compare(wishes.uwsgi, path, str(path), tally)
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        prepare(directory)
        for number in range(wishes.seed, wishes.seed + wishes.random):
            text = random_text(random.Random(number))
            path = directory / "case.ini"
            path.write_text(text)
            compare(wishes.uwsgi, path, f"random {number}", tally, text)
        os.chdir("/")
    print("\n".join(tally.shown))
    print(" ".join(f"{name}={count}" for name, count in sorted(tally.counts.items())))
    return 1 if tally.counts["differs"] else 0


if __name__ == "__main__":
    sys.exit(main())
