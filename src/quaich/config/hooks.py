"""Hook actions as they are written, ``exec:make clean`` and their like: text → ``Action``.

Pure: what an action does is in ``worker/hooks.py``.  A mistake is a ``Refused`` when the
configuration is read, so it is found by a check and before a start or a reload touches anything.
As under uWSGI the first colon ends the name, nothing is trimmed, and a leading ``!`` keeps the
action out of the log.
"""

import re

from quaich.config.kinds import Kind, Reading, Refused
from quaich.config.suggest import nearest
from quaich.values import dataclass

PHASES = (
    *("asap", "pre-jail", "in-jail", "as-root", "as-user", "as-user-atexit", "pre-app"),
    *("post-app", "post-fork", "accepting", "accepting-once", "accepting1", "accepting1-once"),
    "master-start",
)
GRACEFUL_STOP = "gracefully_kill_them_all"
LONGEST_WAIT = 60
"""Seconds that a wait lasts where nothing else is said."""

# What an action needs: how many words, of which the last is the rest of the text.
_ONE, _TWO, _THREE, _TEXT = "path", "path and text", "path, user and group", "text"
_SHAPES = {
    **dict.fromkeys(("exec", "safeexec", "exec?", "print", "log", "hostname", "die"), _TEXT),
    **dict.fromkeys(("unlink", "create", "creat", "mkdir", "chdir", "cd", "sticky"), _ONE),
    **dict.fromkeys(("write", "writen", "append", "appendn", "writefifo", "spinningfifo"), _TWO),
    **dict.fromkeys(("chown", "chown2"), _THREE),
}
_WAITS = ("wait_for_fs", "wait_for_file", "wait_for_dir", "wait_for_socket")
_SAME = {"creat": "create", "cd": "chdir", "exec?": "safeexec"}
_NAMES = (*_SHAPES, *_WAITS, "chmod", "putenv", "exit", "unix_signal")
_REFUSED = {
    **dict.fromkeys(
        ("call", "callret", "callint", "callintret"),
        "no C symbols of a server can be called; import Python instead, with pyimport",
    ),
    **dict.fromkeys(("mount", "umount"), "file systems are not mounted by an application server"),
    **dict.fromkeys(("alarm", "rpc", "retryrpc"), "it is not supported yet"),
}
_SIGNALS = {
    "HUP": 1,
    "INT": 2,
    "QUIT": 3,
    "USR1": 10,
    "USR2": 12,
    "TERM": 15,
    "TSTP": 20,
    "TTIN": 21,
    "TTOU": 22,
    "URG": 23,
    "WINCH": 28,
}


@dataclass(frozen=True)
class Action:
    """What to do; ``words`` are its arguments, ``hidden`` keeps them out of the log."""

    name: str
    words: tuple[str, ...]
    hidden: bool = False

    @property
    def shown(self) -> str:
        """The action for the log."""
        return "(hidden)" if self.hidden else f"{self.name}:{' '.join(self.words)}"


def parse(text: str, phase: str = "") -> Action:
    """The action that a text asks for in a phase; raises ``Refused``."""
    hidden = text.startswith("!")
    name, colon, rest = text[hidden:].partition(":")
    if name in _REFUSED:
        raise Refused(f"an action other than {name}: {_REFUSED[name]}")
    if name not in _NAMES:
        raise Refused(_unknown(name))
    if not colon:
        raise Refused(f"{name}:, with a colon and what it is about")
    return Action(_SAME.get(name, name), _words(name, rest, phase), hidden)


def _unknown(name: str) -> str:
    stripped = name.strip()
    # A command where an action should be is the usual mistake.
    meant = nearest(stripped, _NAMES) if stripped not in _NAMES else stripped
    suggestion = f"did you mean {meant}:?" if meant else "a command is written exec:COMMAND"
    return f"an action such as exec:, unlink: or print: at the beginning ({suggestion})"


def _words(name: str, rest: str, phase: str) -> tuple[str, ...]:
    if name in _WAITS:
        path, _, seconds = rest.partition(" ")
        if not path or (seconds and not seconds.isdecimal()):
            raise Refused(f"{name}:PATH or {name}:PATH SECONDS")
        return (path, seconds or str(LONGEST_WAIT))
    if name == "chmod":
        path, mode = _split(name, rest, 2, "PATH MODE")
        if re.fullmatch("[0-7]{3,4}", mode) is None:
            raise Refused("chmod:PATH MODE with octal digits such as 660 for the mode")
        return (path, mode)
    if name == "putenv":
        if not rest or rest.startswith("="):
            raise Refused("putenv:NAME=VALUE, or putenv:NAME to remove it")
        return (rest,)
    if name == "exit":
        if rest and (not rest.isdecimal() or int(rest) > 255):
            raise Refused("exit:STATUS with a number from 0 to 255 for the status")
        return (rest or "0",)
    if name == "unix_signal":
        return _signal(rest, phase)
    shape = _SHAPES[name]
    if shape == _TWO:
        return _split(name, rest, 2, "PATH TEXT")
    if shape == _THREE:
        words = _split(name, rest, 3, "PATH USER GROUP")
        if name == "chown2" and not (words[1].isdecimal() and words[2].isdecimal()):
            raise Refused("chown2:PATH UID GID with numbers; chown takes names too")
        return words
    if not rest and name not in ("print", "log", "die"):
        raise Refused(f"{name}: and what it is about")
    return (rest,)


def _split(name: str, rest: str, count: int, usage: str) -> tuple[str, ...]:
    words = tuple(rest.split(" ", count - 1))
    if len(words) < count or not all(words[: count - 1]) or not words[-1]:
        raise Refused(f"{name}:{usage}")
    return words


def _signal(rest: str, phase: str) -> tuple[str, ...]:
    number, _, function = rest.partition(" ")
    found = int(number) if number.isdecimal() else _SIGNALS.get(number.removeprefix("SIG"), 0)
    if found not in _SIGNALS.values():
        raise Refused(f"unix_signal:SIGNAL FUNCTION with one of {', '.join(_SIGNALS)}")
    if function != GRACEFUL_STOP:
        raise Refused(f"unix_signal:SIGNAL {GRACEFUL_STOP}, the only function there is")
    if phase != "master-start":
        raise Refused("unix_signal in hook-master-start, where the master's signals are set")
    return (str(found), function)


def stops(actions: tuple[str, ...]) -> tuple[str, ...]:
    """The signals that actions of master-start make a graceful stop: ``SIGTERM`` and so on."""
    names = {number: f"SIG{name}" for name, number in _SIGNALS.items()}
    found = (parse(each, "master-start") for each in actions)
    return tuple(names[int(each.words[0])] for each in found if each.name == "unix_signal")


def touch(text: str) -> tuple[str, str]:
    """The file to watch, and what to do when it is touched."""
    path, _, rest = text.partition(" ")
    if not path or not rest:
        raise Refused("a file and, after a space, what to do when it is touched")
    return path, rest


def _kind(phase: str) -> Kind:
    def read(text: str | None) -> Reading:
        parse(text or "", phase)
        return Reading(text)

    expected = "an action such as exec:COMMAND"
    return Kind("action", "tuple[str, ...]", expected, read, repeats=True)


def _read_touch_hook(text: str | None) -> Reading:
    parse(touch(text or "")[1], "touch")
    return Reading(text)


def _read_touch_exec(text: str | None) -> Reading:
    touch(text or "")
    return Reading(text)


KINDS = {phase: _kind(phase) for phase in PHASES}
TOUCH_HOOK = Kind(
    "file and action", "tuple[str, ...]", "a file and an action", _read_touch_hook, repeats=True
)
TOUCH_EXEC = Kind(
    "file and command", "tuple[str, ...]", "a file and a command", _read_touch_exec, repeats=True
)
