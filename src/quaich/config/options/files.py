"""Rows: where configuration comes from, and what quaich says about it."""

from quaich.config import kinds
from quaich.config.options.row import DIFFERS, NO_ARGUMENT, Option

OPTIONS = (
    Option(
        "ini",
        kinds.PATH,
        "config",
        "read an ini file: file.ini, file.ini:section, :section of the last file, or - for stdin",
        acts=True,
    ),
    Option(
        "json",
        kinds.PATH,
        "config",
        "read a JSON file: file.json, file.json:section, or - for stdin",
        aliases=("js",),
        short="j",
        acts=True,
        relation=DIFFERS,
        why="comments and trailing commas are tolerated with a warning",
    ),
    Option(
        "include",
        kinds.PATH,
        "config",
        "read another configuration file at this point",
        acts=True,
    ),
    Option(
        "set",
        kinds.pairs("name=value"),
        "config",
        "set an option, or a placeholder when no option has the name",
        short="S",
        acts=True,
    ),
    Option(
        "set-placeholder",
        kinds.pairs("name=value"),
        "config",
        "set a placeholder",
        aliases=("set-ph",),
        acts=True,
    ),
    Option(
        "strict",
        kinds.FLAG,
        "config",
        "refuse unknown options, which are otherwise a warning",
        arg=NO_ARGUMENT,
        default=False,
    ),
    Option(
        "show-config",
        kinds.FLAG,
        "config",
        "print the configuration as an ini file and go on starting",
        arg=NO_ARGUMENT,
        default=False,
    ),
    Option(
        "help",
        kinds.FLAG,
        "tools",
        "list every option and exit",
        aliases=("usage",),
        short="h",
        arg=NO_ARGUMENT,
        acts=True,
    ),
    Option(
        "version",
        kinds.FLAG,
        "tools",
        "print the version and exit",
        arg=NO_ARGUMENT,
        acts=True,
        relation=DIFFERS,
        why="it prints quaich's version and Python's",
    ),
)
