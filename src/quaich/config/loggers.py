"""Where log lines may go, and in which form, as it is written: text → values.  Pure.

``logger = [NAME] TYPE[:ARGUMENT]`` and its like; ``log-encoder = TYPE[:NAME] [ARGUMENT]``;
``log-route = NAME REGEX``.  A type that is not known, or has an argument that cannot be read, is
refused with what was expected.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from quaich.config.base import Diagnostic
from quaich.config.codes import diagnose
from quaich.config.kinds import Kind, Reading, Refused
from quaich.config.remarks import shorten
from quaich.config.suggest import hint
from quaich.values import dataclass

TYPES = {
    "file": "a path",
    "fd": "the number of a descriptor",
    "stdio": "",
    "syslog": "[IDENT[,FACILITY]], or @HOST[:PORT][,IDENT[,FACILITY]]",
    "rsyslog": "HOST[:PORT][,TAG[,PRIORITY]]",
    "syslog5424": "HOST[:PORT][,IDENT[,FACILITY]]",
    "socket": "HOST:PORT for UDP, or the path of a UNIX datagram socket",
    "redislog": "[HOST:PORT[,COMMAND[,PREFIX]]]",
    "pipe": "a command",
    "systemd": "[IDENT]",
}
"""Each type with its argument."""
_NEED_ARGUMENT = ("file", "fd", "rsyslog", "syslog5424", "socket", "pipe")
_NOT_HERE = {
    "mongodblog": "MongoDB is not spoken; use a pipe to a program that does",
    "python": "an application logs by its own means; use pipe",
    "zeromq": "ZeroMQ is not spoken; use socket or pipe",
    "zmq": "ZeroMQ is not spoken; use socket or pipe",
    "crypto": "it is an encryption without protection; use rsyslog over a tunnel",
    "graylog2": "GELF is not spoken; use rsyslog, which Graylog takes",
}
ENCODERS = ("prefix", "suffix", "nl", "format", "strftime", "json", "gzip")
_NO_ENCODERS = {"compress": "use gzip"}
FACILITIES = (
    *("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron"),
    *("authpriv", "ftp", "ntp", "security", "console", "cron2"),
    *(f"local{number}" for number in range(8)),
)


@dataclass(frozen=True)
class Sink:
    """A place for lines.  One with a name gets only those that are routed to it."""

    type: str
    argument: str = ""
    name: str = ""

    @property
    def shown(self) -> str:
        """How facts name it."""
        return self.name or (f"{self.type}:{self.argument}" if self.argument else self.type)


@dataclass(frozen=True)
class Encoder:
    """A change of form, of the lines of one sink or of all."""

    type: str
    argument: str = ""
    sink: str = ""


@dataclass(frozen=True)
class Route:
    """Lines that match go to the sink of that name."""

    sink: str
    pattern: str


def sink(text: str) -> Sink:
    """``[NAME] TYPE[:ARGUMENT]``."""
    head, _, argument = text.strip().partition(":")
    name, _, type_ = head.rpartition(" ")
    if type_ in _NOT_HERE:
        raise Refused(f"a type of logger that quaich has ({type_}: {_NOT_HERE[type_]})")
    if type_ not in TYPES:
        raise Refused(f"[NAME] TYPE[:ARGUMENT] with one of {_listed(TYPES)}{hint(type_, TYPES)}")
    if type_ in _NEED_ARGUMENT and not argument:
        raise Refused(f"{type_}: and {TYPES[type_]}")
    if type_ == "fd" and not (argument.isdecimal() and int(argument[:9]) < 1 << 20):
        raise Refused("fd: and the number of a descriptor")
    if type_ in ("syslog", "syslog5424"):
        _check_facility(argument)
    if type_ == "rsyslog":
        priority = arguments(argument, 3)[2:]
        if any(not (each.isdecimal() and int(each[:9]) < 192) for each in priority):
            raise Refused("a priority of rsyslog, from 0 to 191")
    return Sink(type_, argument, name.strip())


def encoder(text: str) -> Encoder:
    """``TYPE[:NAME] [ARGUMENT]``."""
    head, _, argument = text.partition(" ")
    type_, _, name = head.partition(":")
    if type_ in _NO_ENCODERS:
        raise Refused(f"an encoder that quaich has ({type_}: {_NO_ENCODERS[type_]})")
    if type_ not in ENCODERS:
        raise Refused(
            f"TYPE[:LOGGER] [ARGUMENT] with one of {_listed(ENCODERS)}{hint(type_, ENCODERS)}"
        )
    return Encoder(type_, argument, name)


def route(text: str) -> Route:
    """``NAME REGEX``."""
    name, _, pattern = text.partition(" ")
    if not name or not pattern:
        raise Refused("the name of a logger and, after a space, a regular expression")
    regex(pattern)
    return Route(name, pattern)


def regex(text: str) -> str:
    """A regular expression."""
    try:
        re.compile(text.encode("utf-8", "surrogateescape"))
    except re.error as error:
        raise Refused(f"a regular expression ({error})") from None
    return text


def remarks(values: Mapping[str, Any], places: Mapping[str, str]) -> Iterator[Diagnostic]:
    """Routes and encoders that name no logger, and so do nothing."""
    for where, which in (("logger", "log"), ("req_logger", "log_req")):
        names = {sink(text).name for text in values.get(where, ())} - {""}
        users = [
            *((f"{which}_route", route(text).sink) for text in values.get(f"{which}_route", ())),
            *(
                (f"{which}_encoder", encoder(text).sink)
                for text in values.get(f"{which}_encoder", ())
            ),
        ]
        for field, name in users:
            if name and name not in names:
                key = field.replace("_", "-")
                kind = where.replace("_", "-")
                text = f"{key}: no {kind} has the name {shorten(name)}{hint(name, names)}"
                yield diagnose("QX137", text, places.get(key, ""), key)


def arguments(text: str, most: int) -> list[str]:
    """The parts of an argument, between commas."""
    return [part.strip().strip('"') for part in text.split(",", most - 1)]


def _check_facility(argument: str) -> None:
    parts = arguments(argument, 3)
    remote = argument.startswith("@")
    facility = parts[2:3] if remote or "." in parts[0] or ":" in parts[0] else parts[1:]
    for each in facility:
        if each and each not in FACILITIES and not each.isdecimal():
            raise Refused(f"a facility of syslog{hint(each, FACILITIES)}")


def _listed(names: object) -> str:
    return ", ".join(str(each) for each in names)  # type: ignore[attr-defined]


def _kind(name: str, expected: str, read: object) -> Kind:
    def reader(text: str | None) -> Reading:
        if not text:
            raise Refused(expected)
        read(text)  # type: ignore[operator]
        return Reading(text)

    return Kind(name, "tuple[str, ...]", expected, reader, repeats=True)


LOGGERS = _kind("logger", "[NAME] TYPE[:ARGUMENT]", sink)
LOG_ENCODERS = _kind("log encoder", "TYPE[:LOGGER] [ARGUMENT]", encoder)
LOG_ROUTES = _kind("route", "NAME REGEX", route)
REGEXES = _kind("regular expression", "a regular expression", regex)
