"""The operator's metrics, each second: collected, written to files, and shown to workers.

The pure half is ``stats.metering``.  A file of ``metrics-dir`` holds one number, in a line of its
own; it is written when the number has changed.  Workers see the metrics that their log format
names, on the scoreboard.  Nothing here waits: of files only regular ones are read.
"""

import os
import stat
from collections.abc import Callable, Mapping
from typing import Any

from quaich.config import logformat
from quaich.config.effective import Config
from quaich.config.metrics import metric
from quaich.errors import ConfigError
from quaich.master.side import BaseSide
from quaich.master.vocabulary import Action, Fork
from quaich.stats.document import uwsgi_metrics
from quaich.stats.figures import Figures
from quaich.stats.metering import Meter

INTERVAL = 1.0
_LONGEST = 4096
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


class Metering(BaseSide):
    """The side; ``figures`` is the server, with ``rows`` and ``offsets`` of here in it."""

    name = "metering"

    def __init__(self, config: Config, figures: Callable[[], Figures]) -> None:
        self._config = config
        self._figures = figures
        self._meter = Meter([metric(text) for text in config.metric], _words)
        self._directory = config.metrics_dir
        if self._directory is not None:
            self._directory = os.path.join(config.chdir or "", self._directory)
        self._active = bool(config.metric or self._directory)
        self._due = 0.0
        self._values: dict[str, int] = {}
        self._written: dict[str, int] = {}
        self._failed = ""
        self.offsets: dict[str, int] = {}

    @property
    def rows(self) -> tuple[tuple[str, int, str, int], ...]:
        """The metrics: name, type, number in the MIB, value."""
        return self._meter.rows()

    def open(self) -> None:
        """Go on from the files of the last time, if that is wanted; ConfigError without them."""
        if self._directory is None:
            return
        place = self._config.place_of("metrics-dir")
        try:
            names = os.listdir(self._directory)
        except OSError as error:
            raise ConfigError(
                f"metrics-dir = {self._config.metrics_dir}: {(error.strerror or '').lower()}", place
            ) from None
        for name in names if self._config.metrics_dir_restore else ():
            words = _words(os.path.join(self._directory, name))
            if words and words[0].lstrip("-").isdigit():
                self.offsets[name] = int(words[0])
                self._meter.begin(name, int(words[0]))

    def carry(self) -> tuple[Any, list[int]]:
        """The values."""
        return [self._meter.values, self.offsets], []

    def resume(self, state: Any) -> None:
        """Go on with them."""
        values, self.offsets = state
        self._meter.values.update(
            {name: value for name, value in values.items() if name in self._meter.values}
        )

    def due(self) -> float | None:
        """Each second, where anything is to be done."""
        return self._due if self._is_asked() else None

    def _is_asked(self) -> bool:
        config = self.house.config(self.house.plan.current)
        return self._active or (config is not None and bool(logformat.metrics(config.log_format)))

    def turn(self, now: float) -> None:
        """Do it."""
        if now < self._due or not self._is_asked():
            return
        self._due = now + INTERVAL
        own = {
            name: value
            for name, _, _, value in uwsgi_metrics(self._figures(), True)
            if name not in self._meter.values
        }
        self._meter.collect(own, now)
        self._values = {**own, **self._meter.values}
        for generation in self.house.plan.generations:
            self._show(generation)
        if self._directory is not None:
            self._write(self._directory, self._values)

    def heed(self, action: Action, now: float) -> bool:
        """The workers of a new generation see the metrics from their first request on."""
        if isinstance(action, Fork):
            self._show(action.generation)
        return False

    def _show(self, generation: int) -> None:
        board, config = self.house.scoreboard(generation), self.house.config(generation)
        if board is not None and config is not None:
            names = logformat.metrics(config.log_format)
            board.show([self._values.get(name, 0) for name in names])

    def pushed(self) -> None:
        """The metrics were sent."""
        self._meter.pushed()

    def _write(self, directory: str, values: Mapping[str, int]) -> None:
        failed = ""
        for name, value in values.items():
            if self._written.get(name) == value:
                continue
            try:
                _put(os.path.join(directory, name), value)
                self._written[name] = value
            except OSError as error:
                failed = f"metrics-dir: {name}: {(error.strerror or str(error)).lower()}"
        if failed and not self._failed:
            self.house.log.error(failed)
        self._failed = failed


def _words(path: str) -> list[str]:
    try:
        fd = os.open(path, _READ)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                return []
            return os.read(fd, _LONGEST).replace(b"\0", b" ").decode("ascii", "replace").split()
        finally:
            os.close(fd)
    except OSError:
        return []


def _put(path: str, value: int) -> None:
    data = b"%d\n" % value
    fd = os.open(path, _WRITE, 0o640)
    try:
        # The new line first: who reads in between finds a whole number before its end.
        os.pwrite(fd, data, 0)
        os.ftruncate(fd, len(data))
    finally:
        os.close(fd)
