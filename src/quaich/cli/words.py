"""Command lines of the subcommands that are taken apart alike; pure.

``--name value`` and ``--name=value`` are the same; ``--`` ends the options.  An unknown option is
an error that names the nearest one.
"""

from collections.abc import Collection, Sequence

from quaich.config.suggest import hint
from quaich.errors import UsageError
from quaich.values import dataclass, field


@dataclass
class Words:
    """What was said: flags, values by their names in order, and everything else."""

    flags: set[str] = field(default_factory=set)
    values: dict[str, list[str]] = field(default_factory=dict)
    rest: list[str] = field(default_factory=list)

    def last(self, name: str, default: str = "") -> str:
        """The value of an option that counts once: the last one."""
        return self.values.get(name, [default])[-1]


def split(argv: Sequence[str], flags: Collection[str], values: Collection[str]) -> Words:
    """Take apart what follows the command's name, ``argv[0]``; raises UsageError."""
    words = Words()
    known = {*flags, "-h", "--help"}
    rest = iter(argv[1:])
    for argument in rest:
        name, equals, value = argument.partition("=")
        if argument == "--":
            words.rest += rest
        elif argument in known:
            words.flags.add("--help" if argument == "-h" else argument)
        elif name in values:
            given = value if equals else next(rest, "")
            if not given:
                raise UsageError(f"{argv[0]}: {name} needs a value")
            words.values.setdefault(name, []).append(given)
        elif argument.startswith("-") and argument != "-":
            meant = hint(argument, [each[2:] for each in (*flags, *values)], "--")
            raise UsageError(f"{argv[0]}: unknown option {argument}{meant}")
        else:
            words.rest.append(argument)
    return words
