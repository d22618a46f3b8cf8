"""Which performer a sink has, and in which form it is given its lines."""

import os
from collections.abc import Callable

from quaich.config.loggers import Sink, arguments
from quaich.errors import QuaichError
from quaich.log.courier import protocols
from quaich.log.courier.letter import Letter
from quaich.log.courier.outlets import Datagram, Outlet, Program, Redis, Stream
from quaich.log.courier.plan import JOURNAL

_DEV_LOG = "/dev/log"
_REDIS = "127.0.0.1:6379"
_PUBLISH = "publish uwsgi"


def outlet(
    sink: Sink,
    *,
    origin: int,
    file: Callable[[str], Outlet],
    ident: str,
    host: str,
    packet: int,
) -> Outlet:
    """The performer of a sink; a ``QuaichError`` where there can be none.

    ``origin`` is where the log went before, ``packet`` the longest message of rsyslog.
    """
    argument = sink.argument
    if sink.type == "stdio":
        return Stream(origin)
    if sink.type == "fd":
        try:
            os.fstat(int(argument))
        except OSError:
            raise QuaichError(f"fd:{argument}: no descriptor of that number is open") from None
        return Stream(int(argument))
    if sink.type == "file":
        return file(argument)
    if sink.type == "pipe":
        return Program(argument)
    if sink.type == "socket":
        return Datagram(argument, lambda data, letter, now: data)
    if sink.type == "systemd":
        name = argument or ident
        return Datagram(
            JOURNAL,
            lambda data, letter, now: protocols.journal(_with(letter, data), name),
            large=True,
        )
    if sink.type == "redislog":
        where, command, prefix, *_ = [*arguments(argument, 3), "", "", ""]
        return Redis(where or _REDIS, command or _PUBLISH, prefix)
    return _syslog(sink, ident, host, packet)


def _syslog(sink: Sink, ident: str, host: str, packet: int) -> Outlet:
    argument = sink.argument
    where = _DEV_LOG
    remote = sink.type != "syslog" or argument.startswith("@")
    if remote:
        where, _, argument = argument.lstrip("@").partition(",")
        if not where.startswith("/") and ":" not in where:
            where += ":514"
    name, number, *_ = [*arguments(argument, 2), "", ""]
    if sink.type == "rsyslog":
        tag, priority = name or f"{host} {ident}", int(number or protocols.NOTICE)
        return Datagram(
            where,
            lambda data, letter, now: protocols.rsyslog(_with(letter, data), priority, tag, now),
            packet,
        )
    write = protocols.rfc5424 if sink.type == "syslog5424" else protocols.rfc3164
    kind = protocols.facility(number)

    def form(data: bytes, letter: Letter, now: float) -> bytes:
        return write(_with(letter, data), kind, name or ident, host if remote else "", now)

    return Datagram(where, form, packet if remote else 0)


def _with(letter: Letter, data: bytes) -> Letter:
    return (
        letter
        if letter.line is data
        else Letter(letter.kind, data, letter.severity, letter.worker, letter.pid)
    )
