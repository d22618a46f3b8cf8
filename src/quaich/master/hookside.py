"""The hooks that are the master's: at its start, at its end, and when a file is touched.

None runs in the master itself, which may be root and may not wait; each is an errand.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from functools import partial

from quaich.config import hooks as texts
from quaich.config.effective import Config
from quaich.log.server import Log
from quaich.master import errand
from quaich.master.side import BaseSide, House
from quaich.master.watch import changed, stamp
from quaich.sys.process import describe_end
from quaich.worker import hooks

_INTERVAL = 1.0


def master_start(config: Config, log: Log) -> None:
    """The phase master-start, before there is anything to supervise; HookError if it fails."""
    if hooks.wanted(config, "master-start"):
        pid = errand.start(config, partial(hooks.run, config, "master-start", log), log)
        _, status = os.waitpid(pid, 0)
        if status:
            raise hooks.HookError(f"hook-master-start failed: {describe_end(status)}")


def at_exit(config: Config, log: Log) -> None:
    """The phase as-user-atexit; what fails is only logged."""
    if not hooks.wanted(config, "as-user-atexit"):
        return
    try:
        pid = errand.start(config, partial(hooks.run, config, "as-user-atexit", log), log)
    except OSError as error:
        log.error(f"hook-as-user-atexit: {error}")
        return
    deadline = time.monotonic() + config.reload_mercy
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        if time.monotonic() >= deadline:
            log.error(f"hook-as-user-atexit: not done after reload-mercy={config.reload_mercy}s")
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return
        time.sleep(0.01)


class HookSide(BaseSide):
    """Looks at the files of hook-touch and touch-exec once a second; runs the last hooks."""

    name = "hooks"

    def __init__(self, config: Config) -> None:
        self._config = config
        self._due = 0.0
        self._stamps: dict[str, int | None] = {}
        # By pid, the entry that an errand is for, and those to be done once more.
        self._running: dict[int, str] = {}
        self._again: set[str] = set()

    def attach(self, house: House) -> None:
        """Remember what the files look like."""
        super().attach(house)
        self._config = house.config(house.plan.current) or self._config
        self._look()

    def due(self) -> float | None:
        """The next look, if there is a file."""
        config = self.house.config(self.house.plan.current) or self._config
        return self._due if config.hook_touch or config.touch_exec else None

    def turn(self, now: float) -> None:
        """Look, and begin what is asked for."""
        self._config = self.house.config(self.house.plan.current) or self._config
        if now >= self._due:
            self._due = now + _INTERVAL
            for entry in self._look():
                if entry in self._running.values():
                    self._again.add(entry)
                else:
                    self._begin(entry)

    def died(self, pid: int, how: str) -> bool:
        """An errand is done."""
        entry = self._running.pop(pid, None)
        if entry is None:
            return False
        # What failed has been said by the errand itself.
        if how.startswith("signal"):
            self.house.log.error(f"touched {entry}: {how}")
        if entry in self._again:
            self._again.discard(entry)
            self._begin(entry)
        return True

    def close(self) -> None:
        """End what still runs, then do what comes last."""
        for pid in self._running:
            # Its own before it leads its group.
            os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        at_exit(self._config, self.house.log)

    def _look(self) -> list[str]:
        before, self._stamps = self._stamps, {}
        found = []
        for entry in (*self._config.hook_touch, *self._config.touch_exec):
            path, _ = texts.touch(entry)
            self._stamps[path] = stamp(os.path.join(self._config.chdir or "", path))
            if path in before and changed(before[path], self._stamps[path]):
                found.append(entry)
        return found

    def _begin(self, entry: str) -> None:
        path, rest = texts.touch(entry)
        log = self.house.log
        job: Callable[[], None]
        if entry in self._config.touch_exec:
            job, shown = partial(hooks.shell, rest), f"exec={rest}"
        else:
            action = texts.parse(rest, "touch")
            job, shown = partial(hooks.perform, action, log), f"hook={action.shown}"
        log.info(f"touched={path} {shown}")
        try:
            pid = errand.start(self._config, partial(_attempt, entry, job), log)
            self._running[pid] = entry
        except OSError as error:
            log.error(f"touched={path}: {(error.strerror or str(error)).lower()}")


def _attempt(entry: str, job: Callable[[], None]) -> None:
    try:
        job()
    except OSError as error:
        raise hooks.HookError(
            f"touched {entry}: {(error.strerror or str(error)).lower()}"
        ) from None
