"""``harakiri`` where no master watches: the process looks at its own requests, and ends itself.

A thread looks once a second.  It cannot run while a request holds the interpreter in C, so at each
look it winds up a timer of ``faulthandler``, which needs no interpreter: if the thread does not
come back to wind it up again, the timer shows the stacks and ends the process.
"""

import faulthandler
import os
import threading
import time
from collections.abc import Callable

from quaich.log.server import Log
from quaich.stats.scoreboard import LANE_SINCE, Slot

INTERVAL = 1.0
EXIT_HARAKIRI = 1


class Alarm:
    """Ends the process when a request of it runs for ``limit`` seconds or more.

    ``on_abandon`` is called before, if the interpreter runs at all.
    """

    def __init__(self, slot: Slot, limit: int, on_abandon: Callable[[], None], log: Log) -> None:
        self._slot = slot
        self._limit = limit
        self._on_abandon = on_abandon
        self._log = log

    def start(self) -> None:
        """Watch from now on."""
        threading.Thread(target=self._run, name="harakiri", daemon=True).start()

    def _run(self) -> None:
        while True:
            since, core = min(self._running(), default=(0.0, 0))
            now = time.monotonic()
            left = self._limit - (now - since) if since else self._limit
            if left <= 0:
                self._end(core, now - since)
            # Late enough that this thread, where it can run, is the one to end it.
            faulthandler.dump_traceback_later(left + INTERVAL / 2, exit=True)
            time.sleep(min(INTERVAL, left))

    def _running(self) -> list[tuple[float, int]]:
        slot = self._slot
        sinces = [(slot.lane(core, LANE_SINCE) / 1000000, core) for core in range(slot.threads)]
        return [(since, core) for since, core in sinces if since]

    def _end(self, core: int, age: float) -> None:
        self._log.error(
            f"worker=1 pid={os.getpid()} harakiri core={core} age={age:.1f}s "
            f"harakiri={self._limit}s {self._slot.noted(core)}"
        )
        faulthandler.dump_traceback(2, all_threads=True)
        self._on_abandon()
        if lines := self._slot.left():
            self._log.write(lines)
        os._exit(EXIT_HARAKIRI)
