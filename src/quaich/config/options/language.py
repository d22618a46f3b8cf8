"""Rows: the language of configurations, beside the values in them.

All of these act while a configuration is read, and none has a field of its own: sources, blocks
of logic, placeholders, what a source may not use, and what is printed.
"""

from quaich.config import kinds
from quaich.config.kinds import Kind
from quaich.config.options.row import DIFFERS, NO_ARGUMENT, OPTIONAL, REQUIRED, SAME, Option

_NESTS = "blocks may stand in blocks, and else turns a condition around"


def _row(
    name: str,
    text: str,
    *aliases: str,
    kind: Kind = kinds.ANYTHING,
    group: str = "config",
    arg: str = REQUIRED,
    short: str = "",
    why: str = "",
) -> Option:
    relation = DIFFERS if why else SAME
    return Option(
        name,
        kind,
        group,
        text,
        aliases=aliases,
        short=short,
        arg=arg,
        acts=True,
        relation=relation,
        why=why,
    )


def _logic(name: str, text: str, *aliases: str, arg: str = REQUIRED, why: str = _NESTS) -> Option:
    return _row(name, text, *aliases, group="config-logic", arg=arg, why=why)


_SOURCES = (
    _row(
        "xmlconfig",
        "read an XML file: file.xml, file.xml:id, or - for stdin",
        "xml",
        short="x",
        why="document types and entities are refused",
    ),
    _row(
        "yaml",
        "read a YAML file: file.yml, file.yml:section, or - for stdin",
        "yml",
        short="y",
        why="lists and quotes are read as YAML has them, which needs PyYAML",
    ),
    _row(
        "config",
        "read a configuration file of any format, known by its extension",
        why="uWSGI leaves it to plugins",
    ),
    _row(
        "inherit",
        "read another configuration file behind everything else",
        why="variables are replaced in what it brings in",
    ),
    _row("inject-before", "put the text of a file before each configuration file read from here"),
    _row("inject-after", "put the text of a file behind each configuration file read from here"),
    _row("fallback-config", "start with another configuration when this one fails with status 1"),
    Option(
        "env-file",
        kinds.PATH,
        "config",
        "set environment variables from a file of NAME=value lines, as systemd reads it",
        acts=True,
        modern=True,
        both_doors=True,
    ),
    _row("envdir", "set an environment variable per file of a directory", group="process"),
    _row(
        "early-envdir",
        "as envdir, but at once, so that $(NAME) sees the variables",
        group="process",
    ),
    _row("unenv", "remove an environment variable", group="process"),
)

_RULES = (
    _row("declare-option", "declare an option: name=option=value;option=value with $1 to $9"),
    _row("declare-option2", "the same as declare-option"),
    _row("resolve", "set a placeholder to the address of a host: name=host"),
    _row("blacklist", "refuse these options from here on"),
    _row("end-blacklist", "refuse nothing any more", arg=NO_ARGUMENT),
    _row("whitelist", "refuse all but these options from here on"),
    _row("end-whitelist", "allow everything again", arg=NO_ARGUMENT),
    _row("print", "print a text when the configuration is applied", group="tools"),
    _row("iprint", "print a text at once", group="tools"),
    _row("exit", "exit at once, with a status (0)", group="tools", arg=OPTIONAL),
    _row("get", "print the value of an option and exit"),
    _row("dump-options", "list the names of all options and exit", arg=NO_ARGUMENT),
)

_LOGIC = (
    _logic("for", "repeat the lines up to endfor for each word"),
    _logic("for-glob", "repeat the lines up to endfor for each file of a pattern"),
    _logic("for-times", "repeat the lines up to endfor so many times"),
    _logic("for-readline", "repeat the lines up to endfor for each line of a file"),
    _logic("endfor", "end a loop", "end-for", arg=OPTIONAL, why=""),
    _logic("if-opt", "apply what follows if an option is set: name or name=value"),
    _logic("if-not-opt", "apply what follows if an option is not set"),
    _logic(
        "if-env",
        "apply what follows if an environment variable is set: NAME or NAME=value",
        "ifenv",
    ),
    _logic("if-not-env", "apply what follows if an environment variable is not set"),
    _logic(
        "if-reload",
        "apply what follows in a process that uWSGI has executed anew",
        arg=NO_ARGUMENT,
        why="never: a reload reads the configuration as a start does",
    ),
    _logic(
        "if-not-reload",
        "apply what follows in a process that was started",
        arg=NO_ARGUMENT,
        why="always: a reload reads the configuration as a start does",
    ),
    _logic("if-hostname", "apply what follows on a machine of this name"),
    _logic("if-not-hostname", "apply what follows on machines of other names"),
    _logic("if-hostname-match", "apply what follows on machines whose name matches a pattern"),
    _logic("if-not-hostname-match", "apply what follows on machines whose name does not match"),
    _logic("if-exists", "apply what follows if a file or directory exists", "ifexists"),
    _logic("if-not-exists", "apply what follows if nothing of this name exists"),
    _logic(
        "if-plugin",
        "apply what follows if uWSGI has a plugin",
        "ifplugin",
        why="python and http count as present; blocks may stand in blocks",
    ),
    _logic("if-not-plugin", "apply what follows if uWSGI lacks a plugin"),
    _logic("if-file", "apply what follows if a file exists"),
    _logic("if-not-file", "apply what follows if no such file exists"),
    _logic("if-dir", "apply what follows if a directory exists", "ifdir", "if-directory"),
    _logic("if-not-dir", "apply what follows if no such directory exists"),
    _logic("endif", "end a condition", "end-if", arg=OPTIONAL, why=""),
)

OPTIONS = (*_SOURCES, *_RULES, *_LOGIC)
