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
from collections.abc import Callable
from typing import Any

from quaich.config.effective import Config
from quaich.log.server import Log
from quaich.worker import messages

BUSY = 1.0
IDLE = 5.0
_SHARE = 100
"""Collecting takes at most a hundredth of the time."""

_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL


def registry() -> Any | None:
    """The default registry, where the application has imported the library."""
    return getattr(sys.modules.get("prometheus_client"), "REGISTRY", None)


def snapshot(found: Any) -> bytes:
    """All families of a registry: name, type, help, mode of a gauge, samples."""
    collectors = getattr(found, "_names_to_collectors", {})
    families = []
    for each in found.collect():
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
        self._failed = False

    def publish(self) -> None:
        """Hand over what there is now; a collector that raises is said once."""
        with self._one:
            try:
                data = snapshot(registry())
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
        """Do so from now on."""
        threading.Thread(target=self._run, name="quaich-metrics", daemon=True).start()

    def _run(self) -> None:
        before = -1
        while True:
            begun = time.monotonic()
            served = self._served()
            self.publish()
            took = time.monotonic() - begun
            # Looked at each second, and handed over where there is news.
            until = begun + IDLE
            time.sleep(max(BUSY, _SHARE * took))
            before = served
            while self._served() == before and time.monotonic() < until:
                time.sleep(BUSY)


def begin(
    config: Config, slot: int, channel: socket.socket, served: Callable[[], int], log: Log
) -> Callable[[], None]:
    """Hand over from now on, if there is something and it is asked for; what to call at the end."""
    if not config.stats or registry() is None:
        return _nothing
    publisher = Publisher(slot, channel, served, log)
    publisher.start()
    return publisher.publish


def _nothing() -> None:
    pass
