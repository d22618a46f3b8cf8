"""The texts made from the option table for the command line: ``--help`` and one option's row.

Every known name appears in the help with its status, so that no name a uWSGI user may look for
meets silence.
"""

from quaich.config.options import TABLE
from quaich.config.options.row import DIFFERS, NO_EFFECT, PLANNED, REFUSED, SAME, Option

_NAME_COLUMN = 40


def status(option: Option) -> str:
    """How an option relates to uWSGI's, in one phrase."""
    if option.modern:
        return "quaich's own"
    if option.relation == SAME:
        return "as in uWSGI"
    if option.relation == DIFFERS:
        return f"differs from uWSGI: {option.why}"
    if option.relation == NO_EFFECT:
        return f"accepted without effect: {option.why}"
    if option.relation == REFUSED:
        return f"not supported: {option.why}; use {option.instead}"
    handling = f"refused: {option.guards}" if option.guards else "ignored with a warning"
    return f"planned with {option.capability}; until then {handling}"


def _help_line(option: Option, name: str) -> str:
    flags = f"-{option.short}|--{name}" if option.short else f"--{name}"
    text = option.help if option.implemented else f"[{status(option)}]"
    return f"    {flags:<{_NAME_COLUMN}}{text}\n"


def _section(title: str, options: list[Option]) -> str:
    lines = "".join(_help_line(option, name) for option in options for name in option.names)
    return f"{title}\n{lines}\n"


def compatible_help(program: str) -> str:
    """The answer to ``--help``: all names, the ones that work first."""
    options = [option for option in TABLE if option.both_doors or not option.modern]
    return (
        f"Usage: {program} [options...]\n"
        f"       quaich serve module:app [options...]    (see: quaich serve --help)\n"
        f"       quaich check|reload|stop|status|...     (see: quaich help)\n\n"
        + _section("Options:", [option for option in options if option.implemented])
        + _section(
            "Accepted without effect:",
            [option for option in options if option.relation == NO_EFFECT],
        )
        + _section("Planned:", [option for option in options if option.relation == PLANNED])
        + _section("Refused:", [option for option in options if option.relation == REFUSED])
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
