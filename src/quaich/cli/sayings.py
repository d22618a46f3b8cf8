"""How a change to a site looks: numbered steps with their facts, or one JSON object."""

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from quaich.config.base import printable
from quaich.errors import QuaichError

_RED, _PLAIN = "\x1b[31m", "\x1b[0m"


class Terminal:
    """Lines for a person; the outcome is said by ``done``."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._colours = sys.stdout.isatty() and not environ.get("NO_COLOR")

    def step(self, number: int, name: str, text: str) -> None:
        """A step is done."""
        _put(f" {number} {name:<8} {printable(text)}")

    def failed(self, number: int, name: str, text: str) -> None:
        """A step has failed."""
        word = f"{_RED}FAILED{_PLAIN}" if self._colours else "FAILED"
        _put(f" {number} {name:<8} {word} {printable(text)}")

    def note(self, text: str) -> None:
        """Something worth a line."""
        _put(f"   {'':<8} {printable(text)}")

    def done(self, text: str, data: Mapping[str, Any]) -> None:
        """The outcome."""
        for line in text.splitlines():
            _put(printable(line).rstrip())


class Json:
    """One object at the end, with everything that was said."""

    def __init__(self) -> None:
        self._steps: list[dict[str, Any]] = []
        self._notes: list[str] = []

    def step(self, number: int, name: str, text: str) -> None:
        """A step is done."""
        self._steps.append({"step": name, "ok": True, "text": text})

    def failed(self, number: int, name: str, text: str) -> None:
        """A step has failed."""
        self._steps.append({"step": name, "ok": False, "text": text})

    def note(self, text: str) -> None:
        """Something worth a line."""
        self._notes.append(text)

    def done(self, text: str, data: Mapping[str, Any]) -> None:
        """The outcome."""
        more = {"steps": self._steps} if self._steps else {}
        _put(json.dumps({**data, **more, "notes": self._notes}))

    def error(self, error: Exception, status: int) -> None:
        """The failure."""
        self.done("", {"ok": False, "status": status, "error": str(error)})


def say(as_json: bool) -> "Terminal | Json":
    """What the command line asks for."""
    return Json() if as_json else Terminal()


def confirm(question: str) -> None:
    """Ask; raises QuaichError unless the answer is yes."""
    if not sys.stdin.isatty():
        raise QuaichError(f"{question} Nobody is there to ask: --yes says so")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise QuaichError("nothing was changed")


def _put(line: str) -> None:
    try:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # Whatever is still buffered would raise again at exit; the change goes on.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
