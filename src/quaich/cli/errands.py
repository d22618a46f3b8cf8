"""The options that do one thing to a running server, and exit: ``--stop PIDFILE`` and its like.

uWSGI's, with its signals and exit statuses; it would signal whatever process has the pid.
"""

import os
import signal
import socket
import sys

from quaich.cli import procs
from quaich.errors import ConfigError, QuaichError
from quaich.net.address import Kind, parse

_SIGNALS = {
    "stop": signal.SIGINT,
    "reload": signal.SIGHUP,
    "pause": signal.SIGTSTP,
    "suspend": signal.SIGTSTP,
    "resume": signal.SIGTSTP,
}
_CONNECT_SECONDS = 4.0


def run(name: str, value: str) -> int:
    """Do what an option asks for; the exit status."""
    if name == "connect-and-read":
        return _connect_and_read(value)
    if not value:
        raise QuaichError(f"--{name}: expected the path of a pid file")
    try:
        procs.send(procs.pid_in(value), _SIGNALS[name], value)
    except QuaichError as error:
        raise QuaichError(f"--{name}: {error}") from None
    return 0


def _connect_and_read(text: str) -> int:
    try:
        address = parse(text)
    except ConfigError as error:
        raise QuaichError(f"--connect-and-read: {error}") from None
    if address.kind is Kind.INHERITED:
        raise QuaichError("--connect-and-read: expected host:port or the path of a socket")
    try:
        with _connect(address.kind, address.host, address.port, address.path) as sock:
            while data := sock.recv(65536):
                # Not through the text layer: what comes need not be text.
                os.write(sys.stdout.fileno(), data)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise QuaichError(f"--connect-and-read: {text}: {reason}") from None
    return 0


def _connect(kind: Kind, host: str, port: int, path: str) -> socket.socket:
    if kind is Kind.TCP:
        sock = socket.create_connection((host, port), _CONNECT_SECONDS)
    else:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(_CONNECT_SECONDS)
        try:
            sock.connect(os.fsencode(path))
        except BaseException:
            sock.close()
            raise
    sock.settimeout(None)
    return sock
