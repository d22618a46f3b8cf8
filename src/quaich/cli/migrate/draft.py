"""An ini file in the making, with the list of what could not be carried over.

Every key that is written is an option of the table; a test holds the servers' tables to it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from quaich.config.kinds import PEERS, Refused
from quaich.config.options import BY_LONG_NAME
from quaich.config.options.row import NO_EFFECT, PLANNED, REFUSED
from quaich.config.suggest import hint
from quaich.errors import UsageError
from quaich.values import dataclass, field


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())


@dataclass
class Draft:
    """The lines of the file in order, and remarks about the rest."""

    source: str
    lines: list[tuple[str, str, str]] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)

    def set(self, key: str, value: object, comment: str = "") -> None:
        """Write a setting, with a comment above it."""
        if isinstance(value, bool):
            value = "true" if value else "false"
        # A percent sign is special in the file, and a value is one line.
        text = _one_line(str(value)).replace("%", "%%")
        self.lines.append((key, text, comment))

    def miss(self, name: str, why: str) -> None:
        """Note something that has no equivalent."""
        self.missing.append((name, why))

    def ini(self) -> str:
        """The file."""
        parts = [f"; made by quaich migrate from {_one_line(self.source)}\n[uwsgi]\n"]
        for key, value, comment in self.lines:
            if comment:
                parts.append(f"; {comment}\n")
            parts.append(f"{key} = {value}\n" if value else f"{key} =\n")
        return "".join(parts)

    def remarks(self) -> str:
        """What has no equivalent, and what is written but not acted on yet."""
        text = ""
        if self.missing:
            text += "no equivalent:\n"
            text += "".join(f"  {name}: {why}\n" for name, why in self.missing)
        waiting = {}
        for key, _, _ in self.lines:
            option = BY_LONG_NAME[key]
            if option.relation in (PLANNED, REFUSED):
                waiting[key] = option.capability or option.why
        if waiting:
            text += "written, but not supported yet:\n"
            text += "".join(f"  {key} ({what})\n" for key, what in waiting.items())
        idle = [key for key, _, _ in self.lines if BY_LONG_NAME[key].relation == NO_EFFECT]
        if idle:
            text += f"written, without effect: {', '.join(idle)}\n"
        return text


class Switch(NamedTuple):
    """An option of a server's command line: what it is called inside, and what it takes.

    ``takes`` is ``value``, ``list`` (every occurrence counts), or the constant of a flag.
    """

    name: str
    takes: object = "value"


def switches(
    names: Iterable[str], flags: Collection[str], lists: Collection[str]
) -> dict[str, Switch]:
    """The switches of a server whose flags all have a ``--no-`` twin."""
    found = {}
    for name in names:
        if name in flags:
            found[f"--{name}"] = Switch(name, True)
            found[f"--no-{name}"] = Switch(name, False)
        else:
            found[f"--{name}"] = Switch(name, "list" if name in lists else "value")
    return found


Handler = Callable[[Draft, str, object], None]


def to(key: str, comment: str = "") -> Handler:
    """A handler that writes the value as an option of the table."""

    def handle(draft: Draft, name: str, value: object) -> None:
        for each in value if isinstance(value, list | tuple) else (value,):
            draft.set(key, each, comment)

    return handle


def without(why: str) -> Handler:
    """A handler for what has no equivalent."""
    return lambda draft, name, value: draft.miss(name, why)


def proxies(draft: Draft, name: str, value: object) -> None:
    """A handler for the addresses of the proxies that are believed; what names none is a miss."""
    words = value if isinstance(value, list | tuple) else str(value).split(",")
    wanted = ",".join(word for word in (str(each).strip() for each in words) if word)
    try:
        PEERS.read(wanted)
    except Refused:
        draft.miss(name, f"forwarded-allow takes {PEERS.expected}")
    else:
        draft.set("forwarded-allow", wanted)


def ignore(draft: Draft, name: str, value: object) -> None:
    """A handler for what asks for nothing that is not so anyway."""


def apply(draft: Draft, values: Mapping[str, object], handlers: Mapping[str, Handler]) -> None:
    """Hand every value to its handler, in the order of the handlers."""
    for name, handler in handlers.items():
        if name in values and values[name] is not None:
            handler(draft, name, values[name])
    for name in values:
        if name not in handlers:
            draft.miss(name, f"unknown{hint(name, handlers)}")


def read_options(
    server: str, arguments: Sequence[str], switches: Mapping[str, Switch]
) -> tuple[dict[str, object], list[str]]:
    """A command line as values by inner name, and the other arguments."""
    values: dict[str, object] = {}
    others: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            others.extend(rest)
            break
        if not argument.startswith("-") or argument == "-":
            others.append(argument)
            continue
        written, equals, attached = argument.partition("=")
        if not argument.startswith("--") and argument[:2] in switches:
            written, attached = argument[:2], argument[2:].removeprefix("=")
            equals = attached
        switch = switches.get(written)
        if switch is None:
            known = [each[2:] for each in switches if each.startswith("--")]
            raise UsageError(f"{server}: unknown option {written}{hint(written, known, '--')}")
        if switch.takes not in ("value", "list"):
            values[switch.name] = switch.takes
            continue
        value = attached if equals else next(rest, None)
        if value is None:
            raise UsageError(f"{server}: {written} needs a value")
        if switch.takes == "list":
            held = values.setdefault(switch.name, [])
            assert isinstance(held, list)
            held.append(value)
        else:
            values[switch.name] = value
    return values, others


def write_application(draft: Draft, target: str, factory: bool = False) -> None:
    """The application, as module or file."""
    if factory and "()" not in target:
        module, _, name = target.partition(":")
        target = f"{module}:{name or 'create_app'}()"
    if target.partition(":")[0].endswith(".py"):
        path, _, name = target.partition(":")
        draft.set("wsgi-file", path)
        draft.set("callable", name or "application")
    else:
        draft.set("module", target)


def write_service(draft: Draft) -> None:
    """What the other servers do without being told."""
    draft.set("master", True, "a master supervises the workers")
    draft.set("die-on-term", True, "SIGTERM stops; without it uWSGI reloads")
    draft.set("need-app", True, "an application that cannot be imported stops the start")
    draft.set("vacuum", True, "sockets and pid file are removed at the end")
