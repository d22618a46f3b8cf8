"""Where statistics and alarms are sent to, as it is written: text → what is meant.

    stats-push = statsd:ADDRESS[,PREFIX]     socket:ADDRESS[,PREFIX]     file:PATH
    stats-push = file:path=PATH[,freq=SECONDS]
    alarm = NAME cmd:COMMAND    NAME log:    NAME udp:ADDRESS    NAME mail:ADDRESS[,ADDRESS]
    alarm-fd = NAME FD[:OCTETS] [TEXT]
    log-alarm = NAME REGEX
    metric-threshold = key=METRIC,value=NUMBER,alarm=NAME[,rate=SECONDS][,msg=TEXT]

An address is host:port, or the path of a UNIX datagram socket.  What is not understood raises
ValueError, whose text says what was expected.
"""

import re

from quaich.patterns import pattern
from quaich.values import dataclass

PUSHES = ("statsd", "socket", "file")
ALARMS = ("cmd", "log", "udp", "mail")
EXPECTED_PUSH = "statsd:ADDRESS[,PREFIX], socket:ADDRESS[,PREFIX] or file:PATH"
EXPECTED_CARBON = "HOST:PORT"
EXPECTED_THRESHOLD = "key=METRIC,value=NUMBER,alarm=NAME[,rate=SECONDS][,msg=TEXT]"
EXPECTED_ALARM = "NAME cmd:COMMAND, NAME log:, NAME udp:ADDRESS or NAME mail:ADDRESS"
EXPECTED_FD_ALARM = "NAME FD[:OCTETS] [TEXT]"
EXPECTED_LOG_ALARM = "NAME REGEX"
_NAME = pattern(r"[A-Za-z0-9_.-]+")
_MAIL = pattern(r"[A-Za-z0-9_+.][A-Za-z0-9_+.=-]*(?:@[A-Za-z0-9.-]+)?")


@dataclass(frozen=True)
class Push:
    """One destination; ``every`` seconds, 0 for the default."""

    kind: str
    target: str
    prefix: str = ""
    every: int = 0


@dataclass(frozen=True)
class Alarm:
    """What is done when the alarm of this name is raised."""

    name: str
    action: str
    argument: str


@dataclass(frozen=True)
class FdAlarm:
    """An alarm that is raised when ``size`` octets can be read from a descriptor."""

    alarm: str
    fd: int
    size: int
    message: str


@dataclass(frozen=True)
class LogAlarm:
    """An alarm that is raised by lines of the log."""

    alarm: str
    pattern: str


@dataclass(frozen=True)
class Threshold:
    """An alarm that is raised while a metric is as large as ``value``, every ``rate`` seconds."""

    metric: str
    value: int
    alarm: str
    rate: int = 0
    message: str = ""


def push(text: str) -> Push:
    """The destination that ``stats-push`` names."""
    kind, colon, rest = text.partition(":")
    if not colon or not rest or kind not in PUSHES:
        raise ValueError(EXPECTED_PUSH)
    if kind != "file":
        target, _, prefix = rest.partition(",")
        _check_address(target, EXPECTED_PUSH)
        return Push(kind, target, prefix or ("uwsgi" if kind == "statsd" else ""))
    if "=" not in rest.partition(",")[0]:
        return Push(kind, rest)
    values = dict(part.partition("=")[::2] for part in rest.split(","))
    every = values.pop("freq", "0")
    path = values.pop("path", "")
    if not path or values or not every.isdigit():
        raise ValueError("file:path=PATH[,freq=SECONDS]")
    return Push(kind, path, every=int(every))


def alarm(text: str) -> Alarm:
    """The alarm that a row of ``alarm`` makes."""
    name, _, rest = text.strip().partition(" ")
    action, colon, argument = rest.strip().partition(":")
    if not name or not colon or action not in ALARMS or (action != "log" and not argument):
        raise ValueError(EXPECTED_ALARM)
    if not _NAME.fullmatch(name):
        raise ValueError(f"{EXPECTED_ALARM}, with a name of letters, digits, dots, - and _")
    if action == "udp":
        _check_address(argument, EXPECTED_ALARM)
    if action == "mail" and not all(_MAIL.fullmatch(each) for each in argument.split(",")):
        raise ValueError("NAME mail:ADDRESS[,ADDRESS], such as pager mail:ops@example.org")
    return Alarm(name, action, argument)


def fd_alarm(text: str) -> FdAlarm:
    """What a row of ``alarm-fd`` means."""
    name, _, rest = text.strip().partition(" ")
    where, _, message = rest.strip().partition(" ")
    fd, colon, size = where.partition(":")
    if not fd.isdecimal() or (colon and not size.isdecimal()) or len(fd + size) > 9:
        raise ValueError(EXPECTED_FD_ALARM)
    return FdAlarm(name, int(fd), max(1, int(size or 1)), message.strip() or f"fd {fd} can be read")


def log_alarm(text: str) -> LogAlarm:
    """What a row of ``log-alarm`` means."""
    name, _, pattern = text.strip().partition(" ")
    if not name or not pattern:
        raise ValueError(EXPECTED_LOG_ALARM)
    try:
        re.compile(pattern.encode("utf-8", "surrogateescape"))
    except re.error as error:
        raise ValueError(f"{EXPECTED_LOG_ALARM}: {error}") from None
    return LogAlarm(name, pattern)


def carbon(text: str) -> str:
    """The address that a row of ``carbon`` names."""
    _check_address(text, EXPECTED_CARBON)
    return text


def threshold(text: str) -> Threshold:
    """What a row of ``metric-threshold`` means."""
    values = dict(part.partition("=")[::2] for part in text.split(","))
    metric, value = values.pop("key", ""), values.pop("value", "")
    alarm, rate = values.pop("alarm", ""), values.pop("rate", "0")
    message = values.pop("msg", metric)
    if not metric or not alarm or values or not (value.isdigit() and rate.isdigit()):
        raise ValueError(EXPECTED_THRESHOLD)
    return Threshold(metric, int(value), alarm, int(rate), message)


def _check_address(text: str, expected: str) -> None:
    host, colon, port = text.rpartition(":")
    if text.startswith("/"):
        return
    if not host or not colon or not port.isdigit() or not 0 < int(port[:6]) < 65536:
        raise ValueError(f"{expected}, with an address such as 127.0.0.1:8125 or /path")
