"""Leaving the foreground: two forks and a session of one's own, so that no terminal is left to it.

The process in between ends at once, or waits with the shell until the server has told whether it
serves (``Detached.told``) or has ended; what the shell gets is the server's own exit status then.
Nothing may be open yet that only one process should hold.
"""

import os
import select
import signal

from quaich.values import dataclass

_SERVES = b"1"
_IN_VAIN = b"0"
_NO_APPLICATION = 22


@dataclass(frozen=True)
class Detached:
    """Which process this is: ``status`` is what the foreground ends with, None in the server."""

    status: int | None
    reporter: int = -1

    def told(self, serves: bool = True) -> None:
        """The server serves, or tries to in vain: the shell may go on."""
        if self.reporter >= 0:
            try:
                os.write(self.reporter, _SERVES if serves else _IN_VAIN)
            except OSError:
                pass  # nobody waits any more


def detach(wait: bool) -> Detached:
    """Fork into the background; with ``wait``, the foreground stays until ``told``."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    between = os.fork()
    if between:
        os.close(reader)
        os.close(writer)
        return Detached(_wait_for(between))
    os.setsid()
    server = os.fork()
    if server:
        os.close(writer)
        os._exit(_watch(server, reader) if wait else 0)
    os.close(reader)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    if not wait:
        os.close(writer)
        return Detached(None)
    return Detached(None, writer)


def _wait_for(between: int) -> int:
    while True:
        try:
            return os.waitstatus_to_exitcode(os.waitpid(between, 0)[1])
        except KeyboardInterrupt:
            # The session is not this terminal's: pass it on, and take the status that follows.
            os.kill(between, signal.SIGINT)


def _watch(server: int, reader: int) -> int:
    """Wait for the word or the end of the server."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os.kill(server, signal.SIGINT))
    ended = os.pidfd_open(server)
    poller = select.poll()
    poller.register(reader, select.POLLIN)
    poller.register(ended, select.POLLIN)
    while True:
        ready = [fd for fd, _ in poller.poll()]
        if reader in ready:
            word = os.read(reader, 1)
            if word:
                return 0 if word == _SERVES else _NO_APPLICATION
            poller.unregister(reader)
        if ended in ready:
            code = os.waitstatus_to_exitcode(os.waitpid(server, 0)[1])
            return code if code >= 0 else 128 - code
