"""A program in a pseudo-terminal of a fixed size, every wait with a deadline."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path


class Terminal:
    """``text`` is all that the program has written there, escape sequences taken out."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        rows: int = 24,
        columns: int = 120,
    ) -> None:
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))
            if cwd is not None:
                os.chdir(cwd)
            os.execvpe(argv[0], list(argv), {**(env or os.environ), "TERM": "xterm"})
        self._raw = b""

    @property
    def text(self) -> str:
        text = self._raw.decode("utf-8", "replace")
        return re.sub(r"\x1b(\[[0-9;?]*[A-Za-z]|[()][A-Z0-9]|[=>])", " ", text)

    def wait(self, pattern: str, seconds: float = 30.0, redraw: str = "") -> None:
        """Wait until the program has written something from here on that matches.

        Of a screen only what changes is written: ``redraw`` is a key that has it written again.
        """
        deadline = time.monotonic() + seconds
        again = 0.0
        while not re.search(pattern, self.text):
            if redraw and time.monotonic() >= again:
                again = time.monotonic() + 0.5
                self.type(redraw)
            assert time.monotonic() < deadline, f"no {pattern!r} in {self.text!r}"
            if select.select([self._fd], [], [], 0.1)[0]:
                try:
                    self._raw += os.read(self._fd, 65536)
                except OSError:
                    raise AssertionError(f"ended before {pattern!r}: {self.text!r}") from None

    def type(self, text: str) -> None:
        """Press keys; what was written before is forgotten."""
        self._raw = b""
        os.write(self._fd, text.encode())

    def end(self, seconds: float = 30.0) -> int:
        """Wait for its end; the exit status."""
        deadline = time.monotonic() + seconds
        with contextlib.suppress(OSError):
            while time.monotonic() < deadline:
                if select.select([self._fd], [], [], 0.1)[0] and not os.read(self._fd, 65536):
                    break
        if time.monotonic() >= deadline:
            os.kill(self.pid, signal.SIGKILL)
        os.close(self._fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
