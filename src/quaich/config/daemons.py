"""Programs that the master looks after, as they are written: text → ``Daemon``.  Pure.

``attach-daemon`` and its like each give a command; ``attach-daemon2`` gives ``key=value`` pairs
with commas between them, and ``\\,`` for a comma inside a value, as uWSGI's key-value options do.
"""

from collections.abc import Callable

from quaich.config.kinds import Kind, Reading, Refused, is_false
from quaich.config.suggest import nearest
from quaich.patterns import pattern
from quaich.values import dataclass, replace

TERM = 15
MOST_THROTTLE = 180
_KEYS = (
    *("cmd", "command", "exec", "freq", "pidfile", "control", "daemonize", "daemon", "touch"),
    *("stopsignal", "stop_signal", "reloadsignal", "reload_signal", "stdin", "uid", "gid"),
    *("ns_pid", "chdir", "max_throttle", "notifypid"),
)
_SAME = {
    **dict.fromkeys(("command", "exec"), "cmd"),
    "daemon": "daemonize",
    "stop_signal": "stopsignal",
    "reload_signal": "reloadsignal",
}
_REFUSED = {
    "ns_pid": "namespaces are the service manager's",
    "notifypid": "nothing is told of a daemon's process id; use pidfile",
}
_COMMA = pattern(r"(?<!\\),")


@dataclass(frozen=True)
class Daemon:
    """A program to look after.

    With a ``pidfile`` it is smart: it is not started while the process of that file runs, and it
    outlives reloads and the server.  A daemon that ``daemonizes`` leaves its first process and
    writes the file itself.  A ``reloadsignal`` of 0 is none: a reload restarts it.
    """

    command: str
    pidfile: str = ""
    daemonizes: bool = False
    control: bool = False
    freq: int = 10
    touch: tuple[str, ...] = ()
    stopsignal: int = TERM
    reloadsignal: int = 0
    stdin: bool = False
    uid: str = ""
    gid: str = ""
    chdir: str = ""
    max_throttle: int = MOST_THROTTLE


def plain(text: str) -> Daemon:
    """``COMMAND``."""
    if not text.strip():
        raise Refused("a command")
    return Daemon(text)


def control(text: str) -> Daemon:
    """``COMMAND``, whose end is the server's."""
    return replace(plain(text), control=True)


def smart(text: str) -> Daemon:
    """``PIDFILE COMMAND``, of a command that goes into the background itself."""
    return replace(smart2(text), daemonizes=True)


def smart2(text: str) -> Daemon:
    """``PIDFILE COMMAND``, of a command that stays in the foreground."""
    pidfile, _, command = text.partition(" ")
    if not pidfile or not command.strip():
        raise Refused("a pid file and, after a space, a command")
    return Daemon(command.strip(), pidfile=pidfile)


def pairs(text: str) -> Daemon:
    """``cmd=COMMAND,key=value,...``."""
    values: dict[str, str] = {}
    for part in _COMMA.split(text):
        key, equals, value = part.replace("\\,", ",").partition("=")
        key = key.strip()
        if key not in _KEYS:
            meant = nearest(key, _KEYS)
            hint = f"did you mean {meant}?" if meant else r"a comma in a value is written \,"
            raise Refused(f'cmd=, pidfile= and their like, not "{key}" ({hint})')
        values[_SAME.get(key, key)] = value if equals else "true"
    for key, why in _REFUSED.items():
        if not is_false(values.pop(key, "false")):
            raise Refused(f"no {key}: {why}")
    if not values.get("cmd", "").strip():
        raise Refused("cmd=COMMAND among its pairs")
    if "daemonize" in values and "pidfile" not in values:
        raise Refused("pidfile= beside daemonize=: a process in the background is found by it")
    return Daemon(
        command=values["cmd"],
        pidfile=values.get("pidfile", ""),
        daemonizes=not is_false(values.get("daemonize", "false")),
        control=not is_false(values.get("control", "false")),
        freq=_number(values, "freq", 10, 86400) or 10,
        touch=tuple(each for each in values.get("touch", "").split(";") if each),
        stopsignal=_number(values, "stopsignal", TERM, 64) or TERM,
        reloadsignal=_number(values, "reloadsignal", 0, 64),
        stdin=not is_false(values.get("stdin", "false")),
        uid=values.get("uid", ""),
        gid=values.get("gid", ""),
        chdir=values.get("chdir", ""),
        max_throttle=_number(values, "max_throttle", MOST_THROTTLE, 86400) or MOST_THROTTLE,
    )


def _number(values: dict[str, str], key: str, default: int, most: int) -> int:
    text = values.get(key, str(default))
    if not text.isdecimal() or len(text) > 6 or int(text) > most:
        raise Refused(f'{key}= a number up to {most}, not "{text}"')
    return int(text)


def _kind(name: str, expected: str, parse: Callable[[str], Daemon]) -> Kind:
    def read(text: str | None) -> Reading:
        parse(text or "")
        return Reading(text)

    return Kind(name, "tuple[str, ...]", expected, read, repeats=True)


PLAIN = _kind("command", "a command", plain)
SMART = _kind("pid file and command", "a pid file and a command", smart)
PAIRS = _kind("key=value", "cmd=COMMAND and other pairs", pairs)
