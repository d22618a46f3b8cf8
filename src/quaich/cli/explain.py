"""``quaich explain CODE|OPTION``: the row of a diagnostic or of an option, from the tables."""

import sys
from collections.abc import Sequence

from quaich.config.codes.row import Code
from quaich.config.codes.table import CODES
from quaich.config.help import status
from quaich.config.options import BY_LONG_NAME, TABLE
from quaich.config.options.row import NO_ARGUMENT, OPTIONAL, Option
from quaich.config.suggest import hint
from quaich.errors import UsageError

USAGE = """\
Usage: quaich explain CODE       such as QX101: cause, consequence and remedy
       quaich explain OPTION     such as harakiri, --processes or -p: its row
"""


def run(argv: Sequence[str]) -> int:
    """The command; ``argv[0]`` is its name."""
    names = argv[1:]
    if not names or names[0] in ("-h", "--help"):
        (sys.stdout if names else sys.stderr).write(USAGE)
        return 0 if names else 1
    sys.stdout.write("\n".join(_explain(name) for name in names))
    return 0


def _explain(name: str) -> str:
    row = CODES.get(name.upper())
    if row is not None:
        return code_text(row)
    if len(name) == 2 and name[0] == "-":
        option = next((each for each in TABLE if each.short == name[1]), None)
    else:
        bare = name.lstrip("-")
        option = BY_LONG_NAME.get(bare) or BY_LONG_NAME.get(bare.lower().replace("_", "-"))
    if option is None:
        known = [*BY_LONG_NAME, *map(str.lower, CODES)]
        raise UsageError(f'neither an option nor a code: "{name}"{hint(name, known)}')
    return option_text(option)


def code_text(row: Code) -> str:
    """One code, for people."""
    return (
        f"{row.code}: {row.title} ({row.severity})\n"
        f"Cause:       {row.cause}\n"
        f"Consequence: {row.consequence}\n"
        f"Remedy:      {row.remedy}\n"
    )


def option_text(option: Option) -> str:
    """One option, for people."""
    names = ", ".join(option.names) + (f", -{option.short}" if option.short else "")
    lines = [f"{option.name}: {option.help}" if option.help else option.name]
    lines.append(f"Names:   {names}")
    if option.implemented:
        if option.arg == NO_ARGUMENT:
            lines.append("Value:   a flag; in a file, true or false")
        else:
            optional = " (optional)" if option.arg == OPTIONAL else ""
            lines.append(f"Value:   {option.kind.expected}{optional}")
        if option.kind.repeats:
            lines.append("Default: none; may be given more than once")
        elif not option.acts and option.default is not None:
            lines.append(f"Default: {option.kind.write(option.default)}")
        if not option.reloadable:
            lines.append("Reload:  a new value needs a restart")
    lines.append(f"Group:   {option.group}")
    lines.append(f"Status:  {status(option)}")
    return "\n".join(lines) + "\n"
