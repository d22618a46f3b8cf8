"""The language of the control socket: one line of JSON asks, lines of JSON answer.

    {"command": "reload", "mode": "chain"}      →  {"accepted": true, "pid": 41}
                                                   {"progress": "generation=2 loads"}
                                                   {"ok": true, "text": "generation=2 serves"}

The last line has ``ok``.  Pure: lines in, requests or refusals out.  Refused, with what was
expected: what is no object, a command or a key that is not known, a value of another type.
"""

import json
from collections.abc import Mapping

from quaich.config.suggest import hint
from quaich.master.vocabulary import Meaning
from quaich.values import dataclass

LIMIT = 4096
"""Octets of a request, with the end of its line."""

STATUS = "status"

_RELOADS = {
    "": Meaning.RELOAD,
    "brutal": Meaning.BRUTAL_RELOAD,
    "chain": Meaning.CHAIN_RELOAD,
    "workers": Meaning.WORKERS_RELOAD,
    "brutal-workers": Meaning.BRUTAL_WORKERS_RELOAD,
}
_STOPS = {"": Meaning.DRAIN, "now": Meaning.STOP}
_MODES: dict[str, dict[str, Meaning]] = {"reload": _RELOADS, "stop": _STOPS}
_PLAIN = {
    "pause": Meaning.SUSPEND,
    "resume": Meaning.RESUME,
    "upgrade": Meaning.UPGRADE,
    "scale": Meaning.SCALE,
    "restore": Meaning.RESTORE,
}
_NUMBERS = {"scale": "workers", "restore": "generation"}

COMMANDS = (*_MODES, *_PLAIN, STATUS)


@dataclass(frozen=True)
class Request:
    """What is asked for: a meaning for the plan, or None for the status."""

    command: str
    meaning: Meaning | None
    argument: int | None = None


class Malformed(ValueError):
    """A line that is no request; the text says what was expected."""


def parse(line: bytes) -> Request:
    """The request that a line holds."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        raise Malformed('expected a line such as {"command": "status"}') from None
    if not isinstance(data, dict) or not isinstance(data.get("command"), str):
        raise Malformed('expected an object with a command, such as {"command": "status"}')
    command: str = data.pop("command")
    if command not in COMMANDS:
        raise Malformed(
            f"unknown command {_shown(command)}: expected {', '.join(COMMANDS)}"
            f"{hint(command[:32], COMMANDS)}"
        )
    if command in _MODES:
        request = Request(command, _mode(command, data.pop("mode", "")))
    elif command in _NUMBERS:
        number = _number(command, data.pop(_NUMBERS[command], None))
        request = Request(command, _PLAIN[command], number)
    else:
        request = Request(command, _PLAIN.get(command))
    if data:
        raise Malformed(f"{command}: unknown key {_shown(next(iter(data)))}")
    return request


def _mode(command: str, mode: object) -> Meaning:
    modes = _MODES[command]
    if not isinstance(mode, str) or mode not in modes:
        expected = " or ".join(each for each in modes if each)
        raise Malformed(f"{command}: expected the mode {expected}, or none, got {_shown(mode)}")
    return modes[mode]


def _number(command: str, value: object) -> int | None:
    if value is None and command != "scale":
        return None
    # JSON's true is an int to Python.
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**31:
        raise Malformed(f"{command}: expected {_NUMBERS[command]} from 1 on, got {_shown(value)}")
    return value


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:40]}..."


def ask(command: str, **values: object) -> bytes:
    """The line that asks for a command; values that are None are left out."""
    given = {name: value for name, value in values.items() if value is not None}
    return _line({"command": command, **given})


def accepted(pid: int) -> bytes:
    """The request was understood, and its outcome follows."""
    return _line({"accepted": True, "pid": pid})


def progress(text: str) -> bytes:
    """How far it has come."""
    return _line({"progress": text})


def outcome(ok: bool, text: str, status: Mapping[str, object] | None = None) -> bytes:
    """The last line."""
    found: dict[str, object] = {"ok": ok, "text": text}
    return _line(found if status is None else {**found, "status": status})


def _line(data: Mapping[str, object]) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode() + b"\n"
