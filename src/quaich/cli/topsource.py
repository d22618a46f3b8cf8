"""Where ``quaich top`` gets its samples: a control socket, a stats address, another machine by ssh.

Each gives a sample when asked, and waits no longer than a few seconds for it.  On another machine
``quaich top --json`` is run, and its lines are read.
"""

import os
import select
import shlex
import socket
import stat
import subprocess
from collections.abc import Sequence
from typing import Any, Protocol
from urllib.parse import urlsplit

from quaich.cli import find
from quaich.cli.find import NoServer, Silent
from quaich.cli.operate import decoded
from quaich.errors import QuaichError, UsageError
from quaich.master import requests
from quaich.net.address import Kind, parse

_SECONDS = 5.0
_SSH_SECONDS = 30.0
_LONGEST = 64 * 1024 * 1024

Sample = dict[str, Any]


class Source(Protocol):
    """``command`` are the words that give a command to the same server, none where it takes none;
    ``local`` says that pids are of this machine, and belong to the server."""

    command: Sequence[str]
    local: bool

    def sample(self) -> Sample:
        """The figures now; raises QuaichError."""

    def close(self) -> None:
        """Release what is held."""


def choose(target: str | None, control: str | None, interval: float) -> Source:
    """The source that a command line means."""
    if target is not None and target.startswith("ssh://"):
        return Ssh(target, interval)
    if target is not None and _is_address(target):
        return Stats(target)
    return Control(target, control)


def _is_address(target: str) -> bool:
    if target.startswith(("http://", "unix:", "@")):
        return True
    try:
        return stat.S_ISSOCK(os.stat(target).st_mode)
    except OSError:
        host, colon, port = target.rpartition(":")
        return bool(colon) and port.isdigit() and "/" not in host


class Control:
    """By the control socket."""

    local = True

    def __init__(self, target: str | None, control: str | None) -> None:
        self._target, self._control = target, control
        words = ["--control", control] if control is not None else []
        self.command: Sequence[str] = [*words, *([target] if target is not None else [])]

    def sample(self) -> Sample:
        """Ask for the status."""
        found = find.find(self._target, self._control, os.environ)
        with found.sock as sock:
            sock.settimeout(_SECONDS)
            try:
                sock.sendall(requests.ask(requests.STATUS))
                lines = _read(sock).splitlines()
            except TimeoutError:
                raise Silent(f"pid {found.pid} does not answer at {found.path}") from None
            except OSError as error:
                raise NoServer(f"{found.path}: {error.strerror or error}") from None
        for line in lines:
            answer = decoded(line, found.path)
            figures = answer.get("status", {}).get("figures")
            if isinstance(figures, dict):
                return figures
        raise QuaichError(f"{found.path}: what answers there is no quaich of this version")

    def close(self) -> None:
        """Nothing is held."""


class Stats:
    """By an address of ``stats``; it gives no commands."""

    command: Sequence[str] = ()
    local = False

    def __init__(self, target: str) -> None:
        self._name = target.removeprefix("http://").rstrip("/")
        self._address = parse(self._name)

    def sample(self) -> Sample:
        """Ask for the figures."""
        address = self._address
        try:
            if address.kind is Kind.TCP:
                sock = socket.create_connection((address.host, address.port), _SECONDS)
            else:
                sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                sock.settimeout(_SECONDS)
                sock.connect(address.path)
            with sock:
                sock.sendall(b"GET /-/figures HTTP/1.1\r\nHost: quaich\r\n\r\n")
                head, _, body = _read(sock).partition(b"\r\n\r\n")
        except TimeoutError:
            raise Silent(f"{self._name} does not answer") from None
        except OSError as error:
            raise NoServer(f"{self._name}: {(error.strerror or str(error)).lower()}") from None
        if b" 200 " not in head.partition(b"\r\n")[0]:
            raise QuaichError(f"{self._name}: what answers there is no quaich of this version")
        return decoded(body, self._name)

    def close(self) -> None:
        """Nothing is held."""


class Ssh:
    """``ssh://[user@]host[:port]/SERVER``: by ssh and the quaich that is installed there."""

    local = False

    def __init__(self, target: str, interval: float) -> None:
        self._words, self._server = read_ssh(target)
        # What runs there would wait for another second than we do.
        self._argv = self.remote("top", "--json", f"--interval={interval:g}", *self._server)
        self.command: Sequence[str] = self._server
        self._process: subprocess.Popen[bytes] | None = None
        self._held = b""

    def remote(self, *words: str) -> list[str]:
        """The command line that runs a command there."""
        return [*self._words, shlex.join(("quaich", *words))]

    def sample(self) -> Sample:
        """The next line."""
        if self._process is None:
            self._process = subprocess.Popen(
                self._argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
            )
        assert self._process.stdout is not None
        fd = self._process.stdout.fileno()
        while b"\n" not in self._held:
            if not select.select([fd], [], [], _SSH_SECONDS)[0]:
                raise Silent(f"{self._words[-1]}: no answer by ssh")
            data = os.read(fd, 65536)
            if not data or len(self._held) > _LONGEST:
                status = self._process.wait()
                raise QuaichError(f"{self._words[-1]}: ssh ended with status {status}")
            self._held += data
        line, _, self._held = self._held.partition(b"\n")
        return decoded(line, self._words[-1])

    def close(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def read_ssh(target: str) -> tuple[list[str], list[str]]:
    """The words that run ssh, and the server that is meant there."""
    try:
        parts = urlsplit(target)
        port = parts.port
    except ValueError:
        raise UsageError(f"{target}: expected ssh://[user@]host[:port][/SERVER]") from None
    host = parts.netloc.rpartition(":")[0] if port else parts.netloc
    if not parts.hostname or host.startswith("-"):
        raise UsageError(f"{target}: expected ssh://[user@]host[:port][/SERVER]")
    words = ["ssh", "-T", *(["-p", str(port)] if port else []), "--", host]
    path = parts.path
    server = path.removeprefix("/") if ":" in path or path == "/" else path
    return words, [server] if server else []


def _read(sock: socket.socket) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while True:
        data = sock.recv(65536)
        if not data:
            return b"".join(pieces)
        pieces.append(data)
        size += len(data)
        if size > _LONGEST:
            raise QuaichError("the answer has no end")
