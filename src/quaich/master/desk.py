"""Where operators come: the control socket, the FIFO, and what is printed when it is asked for.

Joins the sides of this subject with the configuration; they are opened before anything is started,
so that a path that cannot be used stops the start.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from quaich import __version__
from quaich.config.effective import Config
from quaich.log.server import Log
from quaich.master import report
from quaich.master.alarming import Alarming
from quaich.master.control import Control
from quaich.master.fifo import Fifo
from quaich.master.metering import Metering
from quaich.master.outlets import Outlets, check
from quaich.master.side import BaseSide, House, Side
from quaich.master.statistics import Statistics
from quaich.master.vocabulary import Action, Meaning, Perform
from quaich.stats.figures import Daemon, Figures, Sink
from quaich.values import asdict

_PAGE = os.sysconf("SC_PAGE_SIZE")


class Reports(BaseSide):
    """Prints statistics and status into the log when a signal or the FIFO asks for them."""

    name = "reports"

    def __init__(self, figures: Callable[[], Figures]) -> None:
        self._figures = figures
        self._since = time.monotonic()

    def carry(self) -> tuple[Any, list[int]]:
        """When the server started."""
        return self._since, []

    def resume(self, state: Any) -> None:
        """It started then."""
        self._since = float(state)

    def view(self, house: House) -> report.View:
        """What there is now."""
        now = time.monotonic()
        return report.view(
            house.plan,
            house.scoreboard,
            _memory,
            pid=os.getpid(),
            version=__version__,
            uptime=now - self._since,
            now=now,
        )

    def heed(self, action: Action, now: float) -> bool:
        """Print what is asked for."""
        match action:
            case Perform(Meaning.STATISTICS):
                lines = report.statistics(self.view(self.house), self._figures())
            case Perform(Meaning.STATUS):
                lines = report.status(self.view(self.house))
            case _:
                return False
        for line in lines:
            self.house.log.info(line)
        return True


class Desk:
    """The sides of operators: ``sides`` for the master, after ``open`` unless they are resumed."""

    def __init__(
        self,
        config: Config,
        environ: Mapping[str, str],
        log: Log,
        daemons: Callable[[], Sequence[Daemon]] = tuple,
        sinks: Callable[[], Sequence[Sink]] = tuple,
    ) -> None:
        self._config = config
        self._environ = environ
        self._log = log
        self._statistics = Statistics(config, daemons, sinks)
        self._reports = Reports(self._statistics.figures)
        self._metering = Metering(config, self._statistics.figures)
        self._statistics.metering = self._metering
        self._outlets = Outlets(
            config,
            self._statistics.figures,
            self._metering.pushed,
        )
        self._alarming = Alarming(config, self._statistics.figures, self._statistics.listeners)
        self._control = Control(self._status)
        self._fifo: Fifo | None = None
        if config.master_fifo:
            self._fifo = Fifo(
                config.master_fifo,
                directory=config.chdir or "",
                place=config.place_of("master-fifo"),
                vacuum=config.vacuum,
            )

    def _status(self, house: House) -> dict[str, object]:
        """For the command of that name, and for ``quaich top``."""
        figures = asdict(self._statistics.figures())
        return report.as_data(self._reports.view(house)) | {"figures": figures}

    def open(self) -> None:
        """Make the files; raises QuaichError where one that is configured cannot be."""
        check(self._config)
        try:
            self._metering.open()
            self._statistics.open()
            self._open_control()
            if self._fifo is not None:
                self._fifo.open()
        except BaseException:
            self.close()
            raise

    def _open_control(self) -> None:
        path = self._config.control
        if path is None:
            reason = self._control.open_default(self._environ)
            if reason:
                self._log.warning(f"no control socket, commands need control = PATH: {reason}")
        elif path:
            path = os.path.join(self._config.chdir or "", path)
            self._control.open(path, self._config.place_of("control"))
        if self._control.path:
            self._log.info(f"control={self._control.path}")

    @property
    def sides(self) -> list[Side]:
        """For the master, which closes them."""
        fifo = [self._fifo] if self._fifo else []
        return [
            *(self._reports, self._statistics, self._metering, self._outlets),
            *(self._alarming, self._control, *fifo),
        ]

    def raise_alarm(self, name: str, message: str) -> None:
        """A line of the log asks for it."""
        self._alarming.ring(name, message)

    def leftovers(self) -> tuple[tuple[str, int, int], ...]:
        """The files to remove if the master is killed."""
        found = (*self._control.leftovers(), *self._statistics.leftovers())
        if self._fifo is not None and self._config.vacuum:
            found += self._fifo.leftovers()
        return found

    def close(self) -> None:
        """Remove the files again, where the master did not come to it."""
        for side in self.sides:
            side.close()


def _memory(pid: int, proportional: bool) -> report.Memory:
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            rss = int(file.read().split()[1]) * _PAGE
        if not proportional:
            return report.Memory(rss)
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            sizes = [line.split() for line in file if line.startswith(b"Pss:")]
    except (OSError, ValueError, IndexError):
        return report.Memory()
    return report.Memory(rss, int(sizes[0][1]) * 1024 if sizes else 0)
