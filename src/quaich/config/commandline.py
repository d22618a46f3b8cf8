"""The command line as uWSGI reads it: glibc's ``getopt_long`` over the option table.

Short flags bundle (``-Mp4``) and take their value attached or next; long options take theirs
after ``=`` or next, and may be abbreviated to a prefix that only one name has.  An optional value
needs the ``=``, a flag refuses one.  What is not an option is a configuration file, and files are
read after all options, wherever they stand.  ``--`` ends the options.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from quaich.config.item import COMMAND_LINE, Item
from quaich.config.options import BY_LONG_NAME, COMPATIBLE_NAMES, TABLE
from quaich.config.options.row import NO_ARGUMENT, REQUIRED, Option
from quaich.config.suggest import hint
from quaich.errors import UsageError


class CommandLine(NamedTuple):
    """The options in the order given, and the other arguments."""

    items: list[Item]
    others: list[str]


_LONG = COMPATIBLE_NAMES
_SHORT = {option.short: option for option in reversed(TABLE) if option.short}


def compatible(arguments: Sequence[str]) -> CommandLine:
    """Read the arguments that follow the program's name, behind the compatible door."""
    result = CommandLine([], [])
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            result.others.extend(rest)
        elif argument.startswith("--"):
            result.items.append(_long(argument[2:], rest, _expand(argument[2:])))
        elif argument.startswith("-") and argument != "-":
            result.items.extend(_bundle(argument[1:], rest))
        else:
            result.others.append(argument)
    return result


def modern(arguments: Sequence[str]) -> CommandLine:
    """Read the arguments of ``quaich serve``: whole names, and flags may be given a value."""
    result = CommandLine([], [])
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            result.others.extend(rest)
        elif argument == "-h":
            result.items.append(_item("help", None))
        elif argument.startswith("--"):
            name, equals, value = argument[2:].partition("=")
            option = BY_LONG_NAME.get(name)
            if option is None:
                suggestion = hint(name, BY_LONG_NAME, "--")
                raise UsageError(f"unknown option --{name}{suggestion}", code="QX104")
            if equals and option.arg == NO_ARGUMENT:
                result.items.append(_item(name, value))
            else:
                result.items.append(_long(argument[2:], rest, name))
        elif argument.startswith("-") and argument != "-":
            message = f"unknown option {argument}; quaich serve takes long options only"
            raise UsageError(message, code="QX104")
        else:
            result.others.append(argument)
    return result


def _item(name: str, value: str | None) -> Item:
    return Item(name, value, COMMAND_LINE, COMMAND_LINE)


def _expand(text: str) -> str:
    """The whole name that an abbreviation stands for."""
    name = text.partition("=")[0]
    if name in _LONG:
        return name
    matches = [known for known in _LONG if known.startswith(name)] if name else []
    if not matches:
        suggestion = hint(name, _LONG, "--")
        raise UsageError(f"unknown option --{name}{suggestion}", code="QX104")
    if len(matches) > 1:
        shown = ", ".join(f"--{match}" for match in matches[:6])
        more = f" and {len(matches) - 6} more" if len(matches) > 6 else ""
        raise UsageError(f"--{name} is ambiguous: it may be {shown}{more}", code="QX105")
    return matches[0]


def _long(text: str, rest: Iterator[str], name: str) -> Item:
    option = BY_LONG_NAME[name]
    _, equals, value = text.partition("=")
    if option.arg == NO_ARGUMENT and equals:
        raise UsageError(
            f"--{name} takes no value on the command line (in a file: {name} = {value})",
            code="QX106",
        )
    if equals:
        return _item(name, value)
    return _item(name, _next(option, f"--{name}", rest) if option.arg == REQUIRED else None)


def _bundle(letters: str, rest: Iterator[str]) -> list[Item]:
    items = []
    for index, letter in enumerate(letters):
        option = _SHORT.get(letter)
        if option is None:
            raise UsageError(f"unknown option -{letter}", code="QX104")
        attached = letters[index + 1 :]
        if option.arg == NO_ARGUMENT:
            items.append(_item(option.name, None))
            continue
        if attached or option.arg != REQUIRED:
            items.append(_item(option.name, attached or None))
        else:
            items.append(_item(option.name, _next(option, f"-{letter}", rest)))
        break
    return items


def _next(option: Option, written: str, rest: Iterator[str]) -> str:
    value = next(rest, None)
    if value is None:
        message = f"{written} needs a value: expected {option.kind.expected}"
        raise UsageError(message, code="QX106")
    return value
