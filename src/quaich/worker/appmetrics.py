"""What the application's own ``prometheus_client`` has counted, handed to the master.

Each worker has a registry of its own, and a scrape should tell their sum.  So a thread hands over
what the default registry holds: after a second in which there were requests, else after five, and
rarer where collecting takes long.  Nobody waits for it, neither a request nor who scrapes.  What
was counted between the last time and a violent end is lost; a worker that leaves hands over last.

The library is the application's: it is looked for among what that has imported, never imported.
"""

import contextlib
import fcntl
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from quaich.config.effective import Config
from quaich.log.server import Log
from quaich.worker import messages
from quaich.worker.routes import Routes

BUSY = 1.0
IDLE = 5.0
_SHARE = 100
"""Collecting takes at most a hundredth of the time."""

_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL


def registry() -> Any | None:
    """The default registry, where the application has imported the library."""
    return getattr(sys.modules.get("prometheus_client"), "REGISTRY", None)


def snapshot(found: Any | None, more: Iterable[list[Any]] = ()) -> bytes:
    """All families of a registry, and more: name, type, help, mode of a gauge, samples."""
    collectors = getattr(found, "_names_to_collectors", {})
    families = [*more]
    for each in found.collect() if found is not None else ():
        mode = str(getattr(collectors.get(each.name), "_multiprocess_mode", "all"))
        samples = [[sample.name, sample.labels, float(sample.value)] for sample in each.samples]
        families.append([each.name, each.type, each.documentation, mode, samples])
    return json.dumps(families, separators=(",", ":")).encode("ascii")


class Publisher:
    """Hands over by ``channel``, as the worker in ``slot``; ``served`` counts its requests."""

    def __init__(
        self, slot: int, channel: socket.socket, served: Callable[[], int], log: Log
    ) -> None:
        self._packet = messages.encode(messages.Metrics(slot))
        self._channel = channel
        self._served = served
        self._log = log
        self._one = threading.Lock()
        self._started = False
        self._failed = False
        self.routes = Routes(self.start)

    def publish(self) -> None:
        """Hand over what there is now; a collector that raises is said once."""
        with self._one:
            try:
                data = snapshot(registry(), self.routes.families())
            except Exception as error:
                if not self._failed:
                    self._failed = True
                    self._log.warning(
                        f"the application's metrics cannot be collected: "
                        f"{type(error).__name__}: {error}"
                    )
                return
            with contextlib.suppress(OSError):
                # The master is gone, or no memory is left.
                self._hand_over(data)

    def _hand_over(self, data: bytes) -> None:
        fd = os.memfd_create("quaich-metrics", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            with open(fd, "wb", closefd=False) as file:
                file.write(data)
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
            socket.send_fds(self._channel, [self._packet], [fd], socket.MSG_NOSIGNAL)
        finally:
            os.close(fd)

    def start(self) -> None:
        """Do so from now on; without effect where it is done already.

        This may be in a request, which is not to fail for that.
        """
        if self._started:
            return
        self._started = True
        try:
            threading.Thread(target=self._run, name="quaich-metrics", daemon=True).start()
        except RuntimeError as error:
            self._log.warning(f"metrics are handed over at the worker's end only: {error}")

    def end(self) -> None:
        """Hand over last, if there ever was something."""
        if self._started:
            self.publish()

    def _run(self) -> None:
        while True:
            begun = time.monotonic()
            served = self._served()
            self.publish()
            took = time.monotonic() - begun
            # Looked at each second, and handed over where there is news.
            until = begun + IDLE
            time.sleep(max(BUSY, _SHARE * took))
            while self._served() == served and time.monotonic() < until:
                time.sleep(BUSY)


def begin(
    config: Config, slot: int, channel: socket.socket, served: Callable[[], int], log: Log
) -> Publisher | None:
    """Who hands over, if it is asked for: from now on, or once the application names a route."""
    if not config.stats:
        return None
    publisher = Publisher(slot, channel, served, log)
    if registry() is not None:
        publisher.start()
    return publisher
