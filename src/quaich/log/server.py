"""The server's own log: facts, one a line, on a descriptor that is stderr or what logto opened, or
through the courier.

A line is one write of one whole line, so that lines of several processes never mix.  Logging never
raises and never waits for a reader: what cannot be written now is dropped and counted.
"""

import os
from collections.abc import Callable

from quaich.config.effective import Config
from quaich.log.courier import letter
from quaich.log.courier.letter import SERVER
from quaich.log.courier.plan import carries_requests, carries_server
from quaich.log.mailbox import Mailbox, Requests
from quaich.log.style import ERROR, INFO, PLAIN, WARNING, Style, style_of
from quaich.sys.lines import is_file, write
from quaich.values import replace

_SEVERITIES = {INFO: letter.INFO, WARNING: letter.WARNING, ERROR: letter.ERROR}


class Log:
    """Writes to ``fd``, or leaves lines in a ``mailbox``; ``requests`` is where those of requests
    go; ``dropped`` counts the lines that could not be written, and ``on_lost`` hears of them."""

    def __init__(self, fd: int = 2, style: Style = PLAIN, mailbox: Mailbox | None = None) -> None:
        self.fd = fd
        self.style = style
        self.dropped = 0
        self.requests: Log | Requests = self
        self.on_lost: Callable[[int], None] = _nothing
        self._mailbox = mailbox
        self._is_file = is_file(fd)

    def info(self, text: str) -> None:
        """A fact."""
        self._put(INFO, self.style.line(INFO, text))

    def warning(self, text: str) -> None:
        """Something that works but is probably not what was meant."""
        self._put(WARNING, self.style.line(WARNING, text))

    def error(self, text: str) -> None:
        """Something that failed."""
        self._put(ERROR, self.style.line(ERROR, text))

    def block(self, text: str) -> None:
        """Several lines that belong together, such as a traceback."""
        self._put(ERROR, self.style.block(text))

    def belong(self, number: int) -> None:
        """Become the log of a worker, which says so where lines have a place for it."""
        if self._mailbox is not None or self.style is not PLAIN:
            self.style = replace(self.style, worker=number)
            self._mailbox = self._mailbox and Mailbox(self._mailbox.fd, number)
        if isinstance(self.requests, Requests):
            self.requests = self.requests.of_worker(number)

    def tell_lost(self, told: Callable[[int], None]) -> None:
        """Say from here on how many lines were lost, each time that some are."""
        self.on_lost = told
        for each in (self._mailbox, self.requests):
            if each is not None:
                each.on_lost = told

    def lend(self, pipe: int) -> None:
        """Have the courier read a pipe as this worker's output, where there is one."""
        if self._mailbox is not None:
            self._mailbox.lend(pipe)

    def _put(self, level: str, data: bytes) -> None:
        if self._mailbox is None:
            self.write(data)
        else:
            self._mailbox.put(SERVER, _SEVERITIES[level], data)

    def write(self, data: bytes) -> None:
        """Whole lines that are escaped already, such as the request log's."""
        written = 0
        if self._is_file:
            try:
                # At once: appending whole lines is what keeps those of several processes apart.
                written = os.write(self.fd, data)
            except OSError:
                pass  # counted below
        else:
            written = write(self.fd, data)
        if written < len(data):
            self._lose(data.count(b"\n", written))

    def _lose(self, lines: int) -> None:
        self.dropped += lines
        self.on_lost(lines)


def _nothing(lines: int) -> None:
    pass


def log_of(config: Config, courier: int | None = None) -> Log:
    """The log that a configuration asks for; ``courier`` is where lines for that are left."""
    mailbox = Mailbox(courier) if courier is not None else None
    through = mailbox is not None and carries_server(config)
    log = Log(2, style_of(config, not through and _is_terminal()), mailbox if through else None)
    if mailbox is not None and carries_requests(config):
        log.requests = Requests(mailbox)
    return log


def _is_terminal() -> bool:
    try:
        return os.isatty(2)
    except OSError:
        return False
