"""Datagrams to the service manager: systemd's sd_notify, without its library.

A manager that is gone or does not read never disturbs the server: what cannot be sent now is for
the caller to send later.
"""

import os
import socket
from collections.abc import MutableMapping

from quaich.values import dataclass

_VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


@dataclass(frozen=True)
class Manager:
    """Where to report to (``@`` begins an abstract name); ``watchdog`` is in seconds, 0 is none."""

    address: str
    watchdog: float = 0.0


def take(environ: MutableMapping[str, str], pid: int) -> Manager | None:
    """The manager that waits for news of this process.

    The variables are removed, so that no child speaks for the server.
    """
    address, usec, meant_for = (environ.pop(name, "") for name in _VARIABLES)
    if address[:1] not in ("/", "@"):
        return None
    watched = usec.isdecimal() and meant_for in ("", str(pid))
    return Manager(address, int(usec) / 1000000 if watched else 0.0)


class Sender:
    """Sends; False means that it did not go and may be tried again."""

    def __init__(self, address: str) -> None:
        name = os.fsencode(address)
        self._address = b"\0" + name[1:] if address.startswith("@") else name
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)

    def send(self, text: str) -> bool:
        """One message: lines of NAME=value."""
        try:
            self._socket.sendto(text.encode(), socket.MSG_NOSIGNAL, self._address)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
