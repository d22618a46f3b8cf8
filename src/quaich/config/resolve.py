"""From a list of items to one frozen ``Config``: what each means, what is missing, what is odd.

Precedence is order: the last scalar wins, lists collect.  An error stops with the place, the
option and what was expected; anything that only deserves a word becomes a note of the
configuration, which is logged once at the start.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from quaich.config import commandline, environment
from quaich.config.base import INFO, WARNING, Diagnostic
from quaich.config.collect import Collector
from quaich.config.effective import Config, ListenSpec
from quaich.config.expand import expand
from quaich.config.item import COMMAND_LINE, ENVIRONMENT, FILE, PLACEHOLDER, Item
from quaich.config.kinds import FLAG, Refused, is_false
from quaich.config.options import BY_LONG_NAME, COMPATIBLE_NAMES
from quaich.config.options.row import NO_EFFECT, OPTIONAL, PLANNED, Option
from quaich.config.sources import Host
from quaich.config.suggest import hint
from quaich.errors import ConfigError, UsageError

COMPATIBLE = "compatible"
MODERN = "modern"
DEFAULT_ADDRESS = "127.0.0.1:8080"
DEFAULT_MODERN_ADDRESS = "127.0.0.1:8000"
_ACTIONS = ("help", "version")
_TRAILING_COMMENT = re.compile(r"[ \t][;#]")
# How much is said about a file that is no configuration at all.
MAX_NOTES = 100
_MODERN_DEFAULTS = ("master", "need_app", "die_on_term", "vacuum", "strict")


@dataclass(frozen=True)
class Resolution:
    """A configuration and the items it was made from.

    ``action`` is ``help`` or ``version`` when the command line asked for that instead; nothing
    else was looked at then.
    """

    config: Config
    items: tuple[Item, ...] = ()
    action: str = ""


def compatible(argv: Sequence[str], environ: Mapping[str, str], host: Host | None = None) -> Config:
    """The configuration of uWSGI's own command line; ``argv[0]`` is the program."""
    return read_compatible(argv, environ, host or Host()).config


def modern(argv: Sequence[str], environ: Mapping[str, str], host: Host | None = None) -> Config:
    """The configuration of ``quaich serve``; ``argv[0]`` is the word ``serve``."""
    return read_modern(argv, environ, host or Host()).config


def read_compatible(argv: Sequence[str], environ: Mapping[str, str], host: Host) -> Resolution:
    """As ``compatible``, with what it was made from."""
    line = commandline.compatible(argv[1:])
    action = _action(line.items)
    if action:
        return Resolution(Config(), action=action)
    collector = Collector(host, environ)
    collector.add_all(environment.read(environ, environment.UWSGI))
    collector.add_all(line.items)
    for argument in line.others:
        # uWSGI's own processes are shown with such words behind their name.
        if not argument.startswith("["):
            collector.add_file(argument)
    collector.add_all(environment.read(environ, environment.QUAICH))
    builder = _Builder(COMPATIBLE, collector, environ)
    builder.apply()
    _listen_compatible(builder, host)
    return Resolution(builder.finish(), tuple(builder.items))


def read_modern(argv: Sequence[str], environ: Mapping[str, str], host: Host) -> Resolution:
    """As ``modern``, with what it was made from."""
    line = commandline.modern(argv[1:])
    action = _action(line.items)
    if action:
        return Resolution(Config(), action=action)
    collector = Collector(host, environ)
    collector.add_all(_application(line))
    collector.add_all(line.items)
    collector.add_all(environment.read(environ, environment.QUAICH))
    builder = _Builder(MODERN, collector, environ)
    builder.values.update(dict.fromkeys(_MODERN_DEFAULTS, True))
    builder.apply()
    if not builder.has_application:
        raise UsageError("nothing to serve: write quaich serve module:app")
    if not builder.listeners:
        builder.listen(DEFAULT_MODERN_ADDRESS, "http", "bind", "")
    return Resolution(builder.finish(), tuple(builder.items))


def dump(items: Sequence[Item]) -> str:
    """The items as the ini file that ``show-config`` prints."""
    lines = "".join(
        f"{item.key} = {'true' if item.value is None else item.value}\n" for item in items
    )
    return f"\n;uWSGI instance configuration\n[uwsgi]\n{lines};end of configuration\n\n"


def _action(items: Sequence[Item]) -> str:
    for item in items:
        option = BY_LONG_NAME[item.key]
        if option.name in _ACTIONS:
            return option.name
    return ""


def _application(line: commandline.CommandLine) -> list[Item]:
    if not line.others:
        return []
    if len(line.others) > 1:
        message = f"one application is served, got {' and '.join(line.others)}"
        for item in line.items:
            if item.value is None and BY_LONG_NAME[item.key].arg == OPTIONAL:
                message += f"; a value of --{item.key} needs an equals sign"
        raise UsageError(message)
    target = line.others[0]
    is_file = target.endswith((".py", ".wsgi")) or "/" in target
    return [Item("wsgi-file" if is_file else "module", target, COMMAND_LINE, COMMAND_LINE)]


def _listen_compatible(builder: "_Builder", host: Host) -> None:
    if builder.listeners:
        return
    protocol = builder.values.get("protocol", "auto")
    if host.stdin_is_socket():
        builder.listen("fd://0", "uwsgi" if protocol == "auto" else protocol, "socket", "")
        return
    if not builder.has_application:
        raise UsageError(
            "nothing to serve: give a socket and an application, for example "
            "quaich --http-socket 127.0.0.1:8080 --module wsgi"
        )
    builder.listen(DEFAULT_ADDRESS, protocol, "socket", "")
    spoken = "HTTP and the uwsgi protocol" if protocol == "auto" else protocol
    builder.note(INFO, f"no socket option: listening on {DEFAULT_ADDRESS} for {spoken}")


class _Builder:
    """Applies items one after the other and holds what they have made so far."""

    def __init__(self, door: str, collector: Collector, environ: Mapping[str, str]) -> None:
        self.door = door
        self.values: dict[str, Any] = {}
        self.places: dict[str, str] = {}
        self.listeners: list[ListenSpec] = []
        expanded = expand(collector.items, environ)
        self.items = expanded.items
        self.notes = [*collector.notes, *expanded.notes]
        self._names = BY_LONG_NAME if door == MODERN else COMPATIBLE_NAMES
        self._unknown_keys = 0
        self._referenced = expanded.referenced

    @property
    def has_application(self) -> bool:
        return any(self.values.get(name) for name in ("module", "wsgi_file", "mount"))

    def note(self, severity: str, text: str, place: str = "") -> None:
        self.notes.append(Diagnostic(severity, place, text))

    def listen(self, address: str, protocol: str, option: str, place: str) -> None:
        self.listeners.append(ListenSpec(address, protocol, option, place))

    def apply(self) -> None:
        strict = self._is_strict()
        for item in self.items:
            option = self._names.get(item.key)
            if option is None:
                self._unknown(item, strict)
            elif option.relation == PLANNED:
                self._planned(option, item)
            elif option.relation != NO_EFFECT:
                self._take(option, item)

    def finish(self) -> Config:
        more = len(self.notes) - MAX_NOTES
        if more > 0:
            del self.notes[MAX_NOTES:]
            self.note(WARNING, f"{more} more warnings of the same sort")
        protocol = self.values.get("protocol", "uwsgi")
        listeners = tuple(
            replace(spec, protocol=protocol) if spec.protocol == "uwsgi" else spec
            for spec in self.listeners
        )
        self.values["threads"] = max(1, self.values.get("threads", 1))
        if self.door == COMPATIBLE:
            self._supervise()
        return Config(
            **self.values,
            door=self.door,
            listeners=listeners,
            notes=tuple(self.notes),
            places=tuple(self.places.items()),
        )

    def _is_strict(self) -> bool:
        strict = bool(self.values.get("strict", False))
        for item in self.items:
            if item.key == "strict":
                strict = not is_false(item.value)
        return strict

    def _unknown(self, item: Item, strict: bool) -> None:
        if item.source == PLACEHOLDER:
            return
        # The environment is shared: Kubernetes alone sets QUAICH_PORT for a service of that name.
        refuse = strict and item.source != ENVIRONMENT
        if item.key in self._referenced and not refuse:
            return
        self._unknown_keys += 1
        # Looking for the likely meaning takes about a millisecond each.
        suggestion = hint(item.key, self._names) if self._unknown_keys <= MAX_NOTES else ""
        text = f'unknown option "{shorten(item.key)}"'
        if not refuse:
            self.note(WARNING, f"{text} ignored{suggestion}", item.place)
            return
        text += suggestion
        if item.key in self._referenced:
            text += f" (as a placeholder, declare it: set-placeholder = {item.key}={item.value})"
        raise ConfigError(text, item.place)

    def _planned(self, option: Option, item: Item) -> None:
        if option.implies:
            self.values.update(dict.fromkeys(option.implies, True))
            self.places.update(dict.fromkeys(option.implies, item.place))
        if option.kind is FLAG and is_false(item.value):
            return
        if option.guards:
            raise ConfigError(
                f"{item.key}: not supported yet, and it cannot be ignored: {option.guards}",
                item.place,
            )
        if self.door == MODERN and item.source == COMMAND_LINE:
            raise UsageError(f"--{item.key}: not supported yet")
        self.note(WARNING, f"{item.key}: not supported yet; ignored", item.place)

    def _take(self, option: Option, item: Item) -> None:
        if option.acts:
            return
        try:
            reading = option.kind.read(item.value)
        except Refused as refused:
            shown = f'"{shorten(item.value)}"' if item.value else "nothing"
            raise ConfigError(f"{item.key}: expected {refused}, got {shown}", item.place) from None
        remark = reading.remark
        if not remark and isinstance(reading.value, str) and item.source == FILE:
            remark = _text_remark(reading.value)
        if remark:
            self.note(WARNING, f"{item.key}: {remark}", item.place)
        if option.serves:
            self._serve(option, item, str(reading.value))
        elif option.kind.repeats:
            self.values[option.target] = (*self.values.get(option.target, ()), reading.value)
        else:
            self.values[option.target] = reading.value
        for name in option.names:
            self.places[name] = item.place

    def _serve(self, option: Option, item: Item, address: str) -> None:
        if option.modern:
            address = _bind_address(address, item)
        self.listen(address, option.serves, item.key, item.place)

    def _supervise(self) -> None:
        """Say which of uWSGI's habits are in force, each with the way out of it."""
        if self.values.get("processes", 1) > 1 and not self.values.get("master"):
            self.values["master"] = self.values["die_on_term"] = True
            self.note(
                INFO,
                "more than one process is always supervised: a master is running, and SIGTERM "
                "stops it; to say so, set master = true and die-on-term = true",
            )
        elif not self.values.get("master"):
            self.note(INFO, "no master: a worker that dies is not replaced; set master = true")
        elif not self.values.get("die_on_term"):
            self.note(INFO, "SIGTERM reloads instead of stopping; set die-on-term = true")
        if not self.values.get("need_app"):
            self.note(
                INFO,
                "an application that cannot be loaded is answered with 500; set need-app = true",
            )


def shorten(text: str) -> str:
    """A text at a length that a message can bear."""
    return text if len(text) <= 60 else f"{text[:60]}..."


def _text_remark(text: str) -> str:
    if _TRAILING_COMMENT.search(text):
        return "the comment is part of the value; a comment must stand on a line of its own"
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return "the quotes are part of the value"
    return ""


def _bind_address(address: str, item: Item) -> str:
    if address.startswith("unix:"):
        address = address[len("unix:") :]
        if address.startswith("//"):
            address = address[2:]
    elif ":" not in address and "/" not in address and not address.startswith("@"):
        suggestion = f"; did you mean :{address}?" if address.isdigit() else ""
        raise ConfigError(
            f'{item.key}: expected host:port, unix:/path or fd://N, got "{address}"{suggestion}',
            item.place,
        )
    if not address:
        raise ConfigError(f"{item.key}: expected a path after unix:", item.place)
    return address
