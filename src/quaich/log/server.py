"""The server's own log: facts, one a line, on a descriptor that is stderr or what logto opened.

A line is one write of one whole line, so that lines of several processes never mix.  Logging never
raises and never waits for a reader: what cannot be written now is dropped and counted.  Control
characters are shown escaped, so that no text can forge a second line.
"""

import os

from quaich.sys.lines import is_file, write

_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
_ESCAPES[ord("\n")] = "\\n"
_ESCAPES[ord("\t")] = "\t"
_BLOCK_ESCAPES = {**_ESCAPES, ord("\n"): "\n"}


class Log:
    """Writes to ``fd``; ``dropped`` counts the lines that could not be written."""

    def __init__(self, fd: int = 2) -> None:
        self.fd = fd
        self.dropped = 0
        self._is_file = is_file(fd)

    def info(self, text: str) -> None:
        """A fact."""
        self._write(text.translate(_ESCAPES) + "\n")

    def warning(self, text: str) -> None:
        """Something that works but is probably not what was meant."""
        self._write(f"warning: {text.translate(_ESCAPES)}\n")

    def error(self, text: str) -> None:
        """Something that failed."""
        self._write(f"error: {text.translate(_ESCAPES)}\n")

    def block(self, text: str) -> None:
        """Several lines that belong together, such as a traceback."""
        self._write(text.rstrip("\n").translate(_BLOCK_ESCAPES) + "\n")

    def _write(self, text: str) -> None:
        self.write(text.encode("utf-8", "backslashreplace"))

    def write(self, data: bytes) -> None:
        """Whole lines that are escaped already, such as the request log's."""
        if self._is_file:
            try:
                os.write(self.fd, data)
            except OSError:
                self.dropped += 1
        elif not write(self.fd, data):
            self.dropped += 1
