"""What the items mean: each applied in order, until one frozen ``Config`` is made of them.

The last scalar wins, lists collect, and what a declared option or an ``inherit`` brings in is
applied where uWSGI would.  An error stops with the place, the option and what was expected;
anything that only deserves a word becomes a note of the configuration.
"""

import re
from contextlib import suppress
from typing import Any

from quaich.config import declare, logformat, loggers, remarks
from quaich.config.base import Diagnostic, Encryption
from quaich.config.codes import diagnose
from quaich.config.collect import MAX_DECLARATIONS, Collector
from quaich.config.effective import Config, ListenSpec
from quaich.config.expand import expand
from quaich.config.hooks import stops
from quaich.config.item import COMMAND_LINE, ENVIRONMENT, FILE, OVERRIDE, PLACEHOLDER, SET, Item
from quaich.config.kinds import (
    AUTO,
    ENCRYPTED,
    ENCRYPTED_PAIRS,
    FLAG,
    Reading,
    Refused,
    is_false,
)
from quaich.config.logic import CLOSERS
from quaich.config.options import BY_LONG_NAME, COMPATIBLE_NAMES
from quaich.config.options.app import SERVES
from quaich.config.options.row import NO_EFFECT, PLANNED, REFUSED, Option
from quaich.config.remarks import shorten
from quaich.config.sources import Host
from quaich.config.suggest import hint
from quaich.config.together import Together
from quaich.errors import ConfigError, UsageError
from quaich.values import replace

COMPATIBLE = "compatible"
MODERN = "modern"
# How much is said about a file that is no configuration at all.
MAX_NOTES = 100
MAX_SUGGESTIONS = 200
MAX_EXTENSIONS = 100
# What ends the reading even for those who want all errors.
_FATAL = ("QX141", "QX142")
_NAME = re.compile(r"[_.-]*[A-Za-z0-9][A-Za-z0-9_.-]*")


class Builder:
    """Applies items one after the other and holds what they have made so far."""

    def __init__(
        self,
        door: str,
        collector: Collector,
        host: Host,
        errors: list[ConfigError] | None,
    ) -> None:
        self.door = door
        self.values: dict[str, Any] = {}
        self.places: dict[str, str] = {}
        self.listeners: list[ListenSpec] = []
        self.items: list[Item] = []
        self.notes: list[Diagnostic] = []
        self.printed: list[str] = []
        self._collector = collector
        self._host = host
        self._referenced: set[str] = set()
        self._taken: dict[str, Item] = {}
        self._overridden: set[str] = set()
        self._names = BY_LONG_NAME if door == MODERN else COMPATIBLE_NAMES
        self._suggestions: dict[str, str] = {}
        self._seen = 0
        self._extensions = 0
        self._strict = False
        self._errors = errors
        # Who asks for every error wants every warning too.
        self._most_notes = MAX_NOTES if errors is None else MAX_NOTES * 100
        self._extend()

    @property
    def has_application(self) -> bool:
        return any(self.values.get(name) for name in SERVES)

    def note(self, code: str, text: str, place: str = "", key: str = "") -> None:
        self.notes.append(diagnose(code, text, place, key))

    def listen(
        self, address: str, protocol: str, option: str, place: str, tls: Encryption | None = None
    ) -> None:
        self.listeners.append(ListenSpec(address, protocol, option, place, tls))

    def wanted(self) -> list[str]:
        """The values that ``get`` asks for, each the first of its name."""
        first: dict[str, str] = {}
        for item in self.items:
            first.setdefault(item.key, item.value or "")
        keys = [item.value for item in self.items if item.key == "get"]
        return [first[key] for key in keys if key in first]

    def apply(self) -> None:
        self._strict = self._is_strict()
        self._remark_strict()
        if self._collector.variables:
            self.values["env"] = tuple(map(_assignment, self._collector.variables))
        for item in self._collector.early:
            self._apply(item, False)
        # What is inherited is read while options are applied, and follows all others.
        index = 0
        while index < len(self.items):
            item = self.items[index]
            try:
                if index not in self._collector.done:
                    self._apply(item, self._strict)
            except ConfigError as error:
                if self._errors is None or error.code in _FATAL:
                    raise
                error.key = item.key
                self._errors.append(error)
            index += 1

    def _extend(self) -> None:
        """Take what was collected since, with its variables replaced."""
        self._extensions += 1
        if self._extensions > MAX_EXTENSIONS:
            place = self._collector.items[-1].place
            message = f"more than {MAX_EXTENSIONS} files inherited: do they inherit each other?"
            raise ConfigError(message, place, "QX142")
        known = len(self.items)
        collected = self._collector.items[self._seen :]
        self._seen = len(self._collector.items)
        expanded = expand(
            [*self.items, *collected],
            self._collector.environ,
            self._collector.fetch,
            known,
            self._collector.done,
        )
        self.items = expanded.items
        self.notes += [*self._collector.notes, *expanded.notes]
        self._collector.notes.clear()
        self._referenced |= expanded.referenced
        self._strict = self._is_strict()
        if known:
            for before, item in zip(collected, self.items[known:], strict=True):
                if before.value != item.value:
                    text = f"{item.key}: uWSGI replaces nothing in what is inherited"
                    self.note("QX119", text, item.place, item.key)

    def _expanded(self, item: Item) -> Item:
        """One more item, with its variables replaced."""
        expanded = expand(
            [*self.items, item], self._collector.environ, self._collector.fetch, len(self.items)
        )
        self.notes += expanded.notes
        self._referenced |= expanded.referenced
        found = expanded.items[-1]
        if found.value != item.value:
            text = f"{item.key}: uWSGI replaces nothing in a declared option"
            self.note("QX119", text, item.place, item.key)
        return found

    def _apply(self, item: Item, strict: bool, depth: int = 0) -> None:
        option = self._names.get(item.key)
        if option is None and self._declared(item.key) is not None:
            self._apply_declared(item, depth)
        elif option is None:
            self._unknown(item, strict)
        elif option.relation in (PLANNED, REFUSED):
            self._unsupported(option, item)
        elif option.relation != NO_EFFECT:
            self._take(option, item)

    def finish(self) -> Config:
        more = len(self.notes) - self._most_notes
        if more > 0:
            del self.notes[self._most_notes :]
            self.note("QX102", f"{more} more warnings of the same sort")
        if self.values.get("processes") == AUTO:
            self.values["processes"] = self._host.processors()
        self._compare()
        protocol = self.values.get("protocol", "uwsgi")
        listeners = tuple(
            replace(spec, protocol=protocol)
            if spec.protocol == "uwsgi" and spec.tls is None
            else self._encrypted(spec)
            for spec in self.listeners
        )
        self._remark_backlog()
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

    def _encrypted(self, spec: ListenSpec) -> ListenSpec:
        """What the modern door listens on by itself has the certificate that is named for it."""
        certificate, key = self.values.get("tls_cert"), self.values.get("tls_key")
        if spec.option != "bind" or not certificate:
            return spec
        tls = Encryption(
            certificate,
            key or certificate,
            self.values.get("tls_ciphers") or "",
            self.values.get("tls_client_ca") or "",
            required=True,
            place=self.places.get("tls-cert", ""),
        )
        return replace(spec, tls=tls)

    def _compare(self) -> None:
        """Hold the settings against each other."""
        together = Together(self.values, self.places)
        for error in together.errors(self.listeners):
            if self._errors is None:
                raise error
            self._errors.append(error)
        self.listeners = together.shared(self.listeners)
        self.notes += together.bounded()
        self.notes += loggers.remarks(self.values, self.places)
        self.notes += logformat.remarks(
            self.values.get("log_format", ""), self.places.get("log-format", "")
        )

    def _declared(self, key: str) -> str | None:
        later = self._collector.declared_later.get(key)
        return self._collector.declared.get(key) if later is None else later

    def _apply_declared(self, item: Item, depth: int) -> None:
        if depth > MAX_DECLARATIONS:
            message = f"{item.key}: options that are declared by each other"
            raise ConfigError(message, item.place, "QX142")
        templates = self._declared(item.key) or ""
        for key, value in declare.instances(templates, item.value or ""):
            made = self._expanded(Item(key, value, item.place, SET))
            if self._collector.act(made):
                self._collector.finish()
                self._extend()
            else:
                self._apply(made, False, depth + 1)

    def _act(self, option: Option, item: Item) -> None:
        """Carry out an option that acts once everything is collected."""
        if option.name == "print":
            self.printed.append(item.value or "")
        elif option.name == "inherit":
            self._collector.add_inherited(item)
            self._extend()
        elif option.name == "envdir":
            found = self._host.variables(item.value or "", item.key, item.place)
            self.values["env"] = (*self.values.get("env", ()), *map(_assignment, found))
        elif option.name == "unenv":
            self.values["env"] = (*self.values.get("env", ()), item.value or "")

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
        refuse = strict and item.source not in (ENVIRONMENT, OVERRIDE)
        if item.key in self._referenced and not refuse:
            return
        if item.key in CLOSERS and not refuse:
            return
        suggestion = self._suggestion(item.key)
        text = f'unknown option "{shorten(item.key)}"'
        code = "QX101" if suggestion else "QX102"
        if not item.key or not (item.value or _NAME.fullmatch(item.key)):
            code, suggestion = "QX131", ""
            text = f'"{shorten(item.key or "=")}" is no setting;'
        if not refuse:
            self.note(code, f"{text} ignored{suggestion}", item.place, item.key)
            return
        text += suggestion
        if item.key in self._referenced:
            code = "QX103"
            text += f" (as a placeholder, declare it: set-placeholder = {item.key}={item.value})"
        raise ConfigError(text, item.place, code)

    def _suggestion(self, key: str) -> str:
        # Looking for the likely meaning takes about a millisecond each.
        if key not in self._suggestions and len(self._suggestions) < MAX_SUGGESTIONS:
            self._suggestions[key] = hint(key, self._names)
        return self._suggestions.get(key, "")

    def _unsupported(self, option: Option, item: Item) -> None:
        self._imply(option, item)
        if option.kind is FLAG and is_false(item.value):
            return
        refused = option.relation == REFUSED
        text = f"{item.key}: not supported{'' if refused else ' yet'}"
        use = f"; use {option.instead}" if option.instead else ""
        if option.guards:
            code = "QX210" if refused else "QX202"
            message = f"{text}, and it cannot be ignored: {option.guards}{use}"
            raise ConfigError(message, item.place, code)
        if self.door == MODERN and item.source == COMMAND_LINE:
            raise UsageError(f"--{text}{use}", code="QX210" if refused else "QX202")
        self.note("QX211" if refused else "QX201", f"{text}; ignored{use}", item.place, item.key)
        # Its value may be mistaken all the same; what cannot be read is left to the day it counts.
        with suppress(Refused):
            self._remark(item, option.kind.read(item.value))

    def _imply(self, option: Option, item: Item) -> None:
        self.values.update(dict.fromkeys(option.implies, True))
        self.places.update(dict.fromkeys(option.implies, item.place))

    def _take(self, option: Option, item: Item) -> None:
        self._imply(option, item)
        if option.acts:
            self._act(option, item)
            return
        try:
            reading = option.kind.read(item.value)
        except Refused as refused:
            shown = f'"{shorten(item.value)}"' if item.value else "nothing"
            message = f"{item.key}: expected {refused}, got {shown}"
            raise ConfigError(message, item.place, "QX107") from None
        self._imply(option, item)
        self._remark(item, reading)
        if item.source == OVERRIDE:
            self._override(option)
        elif not option.serves and not option.kind.repeats:
            self._remark_repeated(option, item)
        if option.serves:
            self._serve(option, item, str(reading.value))
        elif option.kind.repeats:
            self.values[option.target] = (*self.values.get(option.target, ()), reading.value)
        else:
            self.values[option.target] = reading.value
        for name in option.names:
            self.places[name] = item.place
        for name in option.implies:
            self.values[name] = True
            self.places.setdefault(name, item.place)

    def _remark(self, item: Item, reading: Reading) -> None:
        remark, code = reading.remark, reading.code
        if not remark and isinstance(reading.value, str) and item.source == FILE:
            remark, code = remarks.of_text(reading.value)
        # Units are uWSGI's trap; behind the modern door nobody expects its reading of them.
        if remark and not (code == "QX123" and self.door == MODERN):
            self.note(code, f"{item.key}: {remark}", item.place, item.key)

    def _override(self, option: Option) -> None:
        """What the variables of the environment give replaces what was written elsewhere."""
        if option.name in self._overridden:
            return
        self._overridden.add(option.name)
        if option.serves:
            self.listeners = [spec for spec in self.listeners if spec.option not in option.names]
        else:
            self.values.pop(option.target, None)

    def _remark_repeated(self, option: Option, item: Item) -> None:
        earlier = self._taken.get(option.target)
        self._taken[option.target] = item
        if earlier is None or earlier.value == item.value:
            return
        same_file = remarks.file_of(earlier.place) == remarks.file_of(item.place)
        beside = item.source == FILE and same_file
        outranked = item.source == FILE and earlier.source in (COMMAND_LINE, ENVIRONMENT)
        if beside or outranked:
            text = (
                f"{item.key}: {shorten(item.value or 'true')} replaces "
                f"{shorten(earlier.value or 'true')} ({earlier.place})"
            )
            self.note("QX125", text, item.place, item.key)

    def _remark_strict(self) -> None:
        seen: set[str] = set()
        for item in self.items:
            name = remarks.file_of(item.place)
            if item.key == "strict" and item.source == FILE and self._strict and name in seen:
                text = "strict: it also counts for the settings before it"
                self.note("QX126", text, item.place, item.key)
            seen.add(name)

    def _serve(self, option: Option, item: Item, address: str) -> None:
        if option.modern:
            address = _bind_address(address, item)
        tls = None
        if option.kind in (ENCRYPTED, ENCRYPTED_PAIRS):
            address, certificate, key, *rest = address.split(",")
            ciphers, authority = (*rest, "", "")[:2]
            required = authority.startswith("!")
            authority = authority.removeprefix("!")
            tls = Encryption(certificate, key, ciphers, authority, required, item.place)
        self.listen(address, option.serves, item.key, item.place, tls)

    def _remark_backlog(self) -> None:
        backlog = self.values.get("listen", 0)
        most = self._host.somaxconn() if backlog else None
        if most is not None and backlog > most:
            text = f"listen: {backlog} is more than net.core.somaxconn, which is {most}"
            self.note("QX401", text, self.places.get("listen", ""), "listen")

    def _supervise(self) -> None:
        """Say which of uWSGI's habits are in force, each with the way out of it."""
        if self.values.get("processes", 1) > 1 and not self.values.get("master"):
            self.values["master"] = self.values["die_on_term"] = True
            self.note(
                "QX002",
                "more than one process is always supervised: a master is running, and SIGTERM "
                "stops it; to say so, set master = true and die-on-term = true",
            )
        elif not self.values.get("master"):
            self.note("QX001", "no master: a worker that dies is not replaced; set master = true")
        elif not self.values.get("die_on_term") and "SIGTERM" not in stops(
            self.values.get("hook_master_start", ())
        ):
            self.note("QX003", "SIGTERM reloads instead of stopping; set die-on-term = true")
        if not self.values.get("need_app"):
            self.note(
                "QX020",
                "an application that cannot be loaded is answered with 500; set need-app = true",
            )


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
            "QX107",
        )
    if not address:
        raise ConfigError(f"{item.key}: expected a path after unix:", item.place, "QX107")
    return address


def _assignment(variable: tuple[str, str | None]) -> str:
    name, value = variable
    return name if value is None else f"{name}={value}"
