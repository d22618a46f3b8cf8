"""Where statistics and alarms are sent to, as it is written: text → what is meant.

    stats-push = statsd:ADDRESS[,PREFIX]     socket:ADDRESS[,PREFIX]     file:PATH
    stats-push = file:path=PATH[,freq=SECONDS]
    alarm = NAME cmd:COMMAND                 NAME log:                   NAME udp:ADDRESS
    metric-threshold = key=METRIC,value=NUMBER,alarm=NAME[,rate=SECONDS][,msg=TEXT]

An address is host:port, or the path of a UNIX datagram socket.  What is not understood raises
ValueError, whose text says what was expected.
"""

from quaich.values import dataclass

PUSHES = ("statsd", "socket", "file")
ALARMS = ("cmd", "log", "udp")
EXPECTED_PUSH = "statsd:ADDRESS[,PREFIX], socket:ADDRESS[,PREFIX] or file:PATH"
EXPECTED_CARBON = "HOST:PORT"
EXPECTED_THRESHOLD = "key=METRIC,value=NUMBER,alarm=NAME[,rate=SECONDS][,msg=TEXT]"
EXPECTED_ALARM = "NAME cmd:COMMAND, NAME log: or NAME udp:ADDRESS"


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
    if action == "udp":
        _check_address(argument, EXPECTED_ALARM)
    return Alarm(name, action, argument)


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
