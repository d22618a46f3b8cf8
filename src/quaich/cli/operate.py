"""The commands for a running server: ``quaich reload``, ``stop``, ``status`` and their like.

Each asks over the control socket, shows progress on stderr, and waits for the outcome, which is
its exit status: 0 done, 1 refused or failed, 3 no server found, 4 no answer in time.
"""

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from quaich.cli import find, procs
from quaich.config.base import printable
from quaich.config.suggest import hint
from quaich.errors import QuaichError, UsageError
from quaich.master import requests
from quaich.values import dataclass

USAGE = """\
Usage: quaich reload [--brutal|--chain] [--workers] [SERVER]
       quaich stop [--now] [SERVER]             gracefully; --now cuts requests off
       quaich status [--json] [SERVER]
       quaich pause [SERVER]                    accept nothing until quaich resume
       quaich resume [SERVER]
       quaich scale N [SERVER]                  have N workers
       quaich upgrade [SERVER]                  go on with the quaich that is installed now
       quaich restore [GENERATION] [SERVER]     back to a generation that snapshot kept

SERVER is the name of a deployed site, a pid file or a configuration file; it may be left out where
one server of this user runs.

    --control PATH    the server's control socket
    --timeout N       wait at most N seconds for the outcome
    --brutal          reload: the old workers do not finish their requests
    --chain           reload: one worker after the other
    --workers         reload: only replace the workers, and read nothing again

Exit status: 0 done, 1 failed, 3 no server found, 4 no answer in time.
"""

_FLAGS = {
    "reload": ("--brutal", "--chain", "--workers"),
    "stop": ("--now",),
    "status": ("--json",),
}
_VALUES = ("--control", "--timeout")
# What takes more than the server where that is a site's.
_OF_SITES = ("stop", "scale")
_ACCEPT_SECONDS = 10.0
_END_SECONDS = 30.0
_LONGEST_ANSWER = 64 * 1024 * 1024


@dataclass(frozen=True)
class Wish:
    """What the command line asks for: a request, of which server, and how long to wait."""

    command: str
    request: bytes
    target: str | None = None
    control: str | None = None
    timeout: float | None = None
    json: bool = False


def run(argv: Sequence[str]) -> int:
    """The command; ``argv[0]`` is its name."""
    if any(each in ("-h", "--help") for each in argv[1:]):
        sys.stdout.write(USAGE)
        return 0
    if argv[0] in _OF_SITES and any(find.site_paths(each, os.environ) for each in argv[1:]):
        from quaich.cli import sitecmd

        return sitecmd.run(argv)
    wish = read(argv)
    found = find.find(wish.target, wish.control, os.environ)
    with found.sock:
        answer = _converse(found, wish)
    text = printable(str(answer.get("text", "")))
    if not answer.get("ok"):
        # A request that is not understood is answered with its command in front already.
        raise QuaichError(f"{wish.command}: {text.removeprefix(f'{wish.command}: ')}")
    if wish.command == requests.STATUS:
        _show(answer.get("status"), wish.json)
    elif text:
        sys.stderr.write(f"quaich: {text}\n")
    return 0


def read(argv: Sequence[str]) -> Wish:
    """What a command line asks for."""
    command = argv[0]
    flags, values, words = _split(command, argv[1:])
    extra: dict[str, object] = {}
    if command == "scale":
        if not words or not words[0].isdigit():
            got = f', got "{words[0]}"' if words else ""
            raise UsageError(f"scale: expected the number of workers{got}: quaich scale 4")
        extra["workers"] = int(words.pop(0))
    elif command == "restore" and words and words[0].isdigit():
        extra["generation"] = int(words.pop(0))
    elif command == "reload":
        if {"--brutal", "--chain"} <= flags or {"--chain", "--workers"} <= flags:
            raise UsageError("reload: --chain goes with neither --brutal nor --workers")
        modes = [each[2:] for each in ("--brutal", "--chain", "--workers") if each in flags]
        extra["mode"] = "-".join(modes) or None
    elif "--now" in flags:
        extra["mode"] = "now"
    if len(words) > 1:
        raise UsageError(f"{command}: one server at a time, got {' and '.join(words)}")
    return Wish(
        command,
        requests.ask(command, **extra),
        words[0] if words else None,
        values.get("--control"),
        _seconds(values.get("--timeout")),
        "--json" in flags,
    )


def _split(command: str, arguments: Sequence[str]) -> tuple[set[str], dict[str, str], list[str]]:
    known = (*_FLAGS.get(command, ()), *_VALUES)
    flags: set[str] = set()
    values: dict[str, str] = {}
    words: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        name, equals, value = argument.partition("=")
        if not argument.startswith("-"):
            words.append(argument)
        elif name in _VALUES:
            given = value if equals else next(rest, "")
            if not given:
                raise UsageError(f"{command}: {name} needs a value")
            values[name] = given
        elif argument in known:
            flags.add(argument)
        else:
            meant = hint(argument, [each[2:] for each in known], "--")
            raise UsageError(f"{command}: unknown option {argument}{meant}")
    return flags, values, words


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    if not text.isdigit() or not 0 < int(text) < 2**31:
        raise UsageError(f'--timeout: expected seconds, got "{text}"')
    return float(text)


def _converse(found: find.Found, wish: Wish) -> dict[str, Any]:
    """Ask, show how it goes, and return the last line of the answer."""
    until = None if wish.timeout is None else time.monotonic() + wish.timeout
    answer: dict[str, Any] | None = None
    try:
        found.sock.sendall(wish.request)
        for line in _lines(found, until):
            if "ok" in line:
                answer = line
                break
            if "progress" in line:
                sys.stderr.write(f"quaich: {printable(str(line['progress']))}\n")
    except OSError:
        pass  # it closed before it had read everything; what it said is judged below
    if wish.command != "stop" or (answer is not None and not answer.get("ok")):
        if answer is None:
            raise QuaichError(f"{wish.command}: the server ended before it answered")
        return answer
    left = _END_SECONDS if until is None else until - time.monotonic()
    if not procs.wait_end(found.pid, left):
        raise find.Silent(f"stop: pid {found.pid} has not ended")
    return answer or {"ok": True, "text": "the server has ended"}


def _lines(found: find.Found, until: float | None) -> Iterator[dict[str, Any]]:
    held = b""
    heard = False
    while True:
        left = None if until is None else until - time.monotonic()
        patience = (
            left if heard else min(_ACCEPT_SECONDS, _ACCEPT_SECONDS if left is None else left)
        )
        if patience is not None and patience <= 0:
            raise find.Silent("no outcome in time; what was asked for goes on")
        found.sock.settimeout(patience)
        try:
            data = found.sock.recv(65536)
        except TimeoutError:
            if heard:
                raise find.Silent("no outcome in time; what was asked for goes on") from None
            raise find.Silent(f"pid {found.pid} does not answer at {found.path}") from None
        if not data:
            return
        heard = True
        *lines, held = (held + data).split(b"\n")
        if len(held) > _LONGEST_ANSWER:
            raise QuaichError(f"{found.path}: the answer has no end")
        for line in lines:
            yield decoded(line, found.path)


def decoded(line: bytes, path: str) -> dict[str, Any]:
    """The object that a line of JSON from ``path`` holds."""
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise QuaichError(f"{path}: what answers there is no quaich of this version")
    return found


def _show(status: object, as_json: bool) -> None:
    from quaich.master.report import as_text

    data = status if isinstance(status, dict) else {}
    text = json.dumps(data, indent=2) + "\n" if as_json else as_text(data)
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whatever is still buffered would raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
