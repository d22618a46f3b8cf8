"""What is written to the courier: a line and who says it, as one message of a socket.

A message is a short head and the line.  Lines longer than ``MOST`` are cut, since a message must
fit into the socket's buffer whole.
"""

import struct

from quaich.values import dataclass

SERVER = b"s"
REQUEST = b"r"
OUTPUT = b"p"
"""Not a line but, with it, a descriptor: of the pipe that a worker's output comes from."""

ERROR = 3
WARNING = 4
INFO = 6
"""Severities, as syslog counts them."""

MOST = 65536

_HEAD = struct.Struct("=cBHI")


@dataclass(frozen=True)
class Letter:
    """A line with its end, what it is about, and the worker (0: none) and process it is from."""

    kind: bytes
    line: bytes
    severity: int = INFO
    worker: int = 0
    pid: int = 0


def head(kind: bytes, severity: int, worker: int, pid: int) -> bytes:
    """What precedes the lines of one writer."""
    return _HEAD.pack(kind, severity, worker, pid)


def cut(line: bytes) -> bytes:
    """A line that is not too long."""
    return line if len(line) <= MOST else line[: MOST - 4] + b"...\n"


def unpack(message: bytes) -> Letter | None:
    """The letter of a message; None when it is none."""
    if len(message) < _HEAD.size:
        return None
    kind, severity, worker, pid = _HEAD.unpack_from(message)
    if kind not in (SERVER, REQUEST, OUTPUT):
        return None
    return Letter(kind, message[_HEAD.size :], severity, worker, pid)


def severity_of(line: bytes) -> int:
    """The severity of a line that came without one."""
    if line.startswith((b"error: ", b"Traceback ")):
        return ERROR
    return WARNING if line.startswith(b"warning: ") else INFO
