"""The texts made from the option table: ``--help`` and the reference page.

Every known name appears in the help with its status, so that no name a uWSGI user may look for
meets silence.
"""

from quaich.config.options import TABLE
from quaich.config.options.row import (
    DIFFERS,
    NO_ARGUMENT,
    NO_EFFECT,
    OPTIONAL,
    PLANNED,
    SAME,
    Option,
)

_NAME_COLUMN = 40


def _help_line(option: Option, name: str) -> str:
    flags = f"-{option.short}|--{name}" if option.short else f"--{name}"
    if option.implemented:
        text = option.help
    elif option.relation == NO_EFFECT:
        text = f"[no effect] {option.why}"
    elif option.guards:
        text = f"[not supported yet; refused: {option.guards}]"
    else:
        text = "[not supported yet; ignored with a warning]"
    return f"    {flags:<{_NAME_COLUMN}}{text}\n"


def _section(title: str, options: list[Option]) -> str:
    lines = "".join(_help_line(option, name) for option in options for name in option.names)
    return f"{title}\n{lines}\n"


def compatible_help(program: str) -> str:
    """The answer to ``--help``: all names, the ones that work first."""
    options = [option for option in TABLE if not option.modern]
    return (
        f"Usage: {program} [options...]\n"
        f"       quaich serve module:app [options...]    (see: quaich serve --help)\n\n"
        + _section("Options:", [option for option in options if option.implemented])
        + _section(
            "Accepted without effect:",
            [option for option in options if option.relation == NO_EFFECT],
        )
        + _section("Known:", [option for option in options if option.relation == PLANNED])
    ).rstrip() + "\n"


def modern_help() -> str:
    """The answer to ``quaich serve --help``."""
    options = [option for option in TABLE if option.implemented]
    lines = "".join(
        f"    --{name:<{_NAME_COLUMN - 2}}{option.help}\n"
        for option in options
        for name in option.names
    )
    return (
        "Usage: quaich serve [module:app] [options...]\n\n"
        "Serves a WSGI application over HTTP, on 127.0.0.1:8000 unless --bind says otherwise.\n"
        "A master is on, SIGTERM stops gracefully, and an application that cannot be loaded\n"
        "is fatal.  Unknown options are errors.\n\n"
        f"Options:\n{lines}"
    )


_RELATIONS = {SAME: "the same as uWSGI's", DIFFERS: "differs from uWSGI's"}


def _default(option: Option) -> str:
    if option.kind.repeats:
        return "none; may be given more than once"
    if option.default is None:
        return "none"
    return f"`{option.kind.write(option.default)}`"


def _entry(option: Option) -> str:
    names = ", ".join(f"`{name}`" for name in option.names)
    if option.short:
        names += f", `-{option.short}`"
    relation = "not in uWSGI" if option.modern else _RELATIONS[option.relation]
    if option.why:
        relation += f": {option.why}"
    lines = [f"### {option.name}", "", f"{option.help[0].upper()}{option.help[1:]}.", ""]
    lines.append(f"- Names: {names}")
    if option.arg == NO_ARGUMENT:
        lines.append("- Value: a flag; in a file, `true` or `false`")
    else:
        optional = " (optional)" if option.arg == OPTIONAL else ""
        lines.append(f"- Value: {option.kind.expected}{optional}")
    if not option.acts:
        lines.append(f"- Default: {_default(option)}")
        lines.append(f"- Changed by a reload: {'yes' if option.reloadable else 'no'}")
    lines.append(f"- Relation: {relation}")
    return "\n".join(lines) + "\n"


def reference() -> str:
    """The reference page of the implemented options, in the order of the table."""
    known = sum(len(option.names) for option in TABLE if option.relation == PLANNED)
    head = (
        "# Options\n\n"
        "Generated from the option table by `python -m quaich.config.generate`; do not edit.\n\n"
        "Each option works on the command line (`--name value`), in ini and JSON files\n"
        "(`name = value`), and in the environment (`UWSGI_NAME`, and `QUAICH_NAME`, which\n"
        "comes last and so outranks everything; `quaich serve` reads only `QUAICH_NAME`).\n"
        "Of a scalar the last value counts; options that may be given more than once add up.\n\n"
        f"{known} more names of uWSGI's are known and not supported yet:\n"
        "using one is a warning, or an error where ignoring it would remove a protection.\n"
    )
    parts = [head]
    groups = dict.fromkeys(option.group for option in TABLE if option.implemented)
    for group in groups:
        parts.append(f"## {group}\n")
        parts.extend(
            _entry(option) for option in TABLE if option.implemented and option.group == group
        )
    parts.append("## Accepted without effect\n")
    parts.append(
        "".join(
            f"- {', '.join(f'`{name}`' for name in option.names)}: {option.why}\n"
            for option in TABLE
            if option.relation == NO_EFFECT
        )
    )
    return "\n".join(parts)
