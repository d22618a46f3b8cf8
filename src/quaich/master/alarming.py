"""Raises alarms: for full queues, large metrics, lines of the log, descriptors and crashes.

Nothing here waits: datagrams that the kernel does not take are lost, as datagrams are; commands and
mails are errands, and of one alarm one at a time.  Mails of an alarm are MAIL_EVERY apart; what is
raised in between is in the next.
"""

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from functools import partial

from quaich.config import outlets
from quaich.config.effective import Config
from quaich.config.outlets import Alarm, FdAlarm
from quaich.errors import QuaichError
from quaich.log.courier.bell import MARK
from quaich.master import errand
from quaich.master.datagrams import Datagrams
from quaich.master.side import BaseSide, House
from quaich.stats.alarms import Alarms, Letters
from quaich.stats.document import uwsgi_metrics
from quaich.stats.figures import Figures, Listener

INTERVAL = 1.0
MAIL_EVERY = 60.0
_MAIL_SECONDS = 60
_PLACES = "/usr/sbin:/usr/lib:/usr/local/sbin"
_CRASHES = tuple(f"signal=SIG{each}" for each in ("SEGV", "BUS", "FPE", "ILL", "ABRT"))


class Alarming(BaseSide):
    """The side.  ``figures`` and ``listeners`` are the statistics'."""

    name = "alarming"

    def __init__(
        self,
        config: Config,
        figures: Callable[[], Figures],
        listeners: Callable[[], Sequence[Listener]],
    ) -> None:
        self._config = config
        self._figures = figures
        self._listeners = listeners
        self._alarms: dict[str, list[tuple[Alarm, Datagrams | None]]] = {}
        self._raised = Alarms(float(config.alarm_freq), config.alarm_msg_size)
        self._thresholds = [outlets.threshold(text) for text in config.metric_threshold]
        self._fds = [outlets.fd_alarm(text) for text in config.alarm_fd]
        self._again: dict[int, float] = {}
        self._looks = 0.0
        self._errands: dict[int, Alarm] = {}
        self._letters = Letters(MAIL_EVERY)

    def attach(self, house: House) -> None:
        """Look every address up, and watch descriptors."""
        super().attach(house)
        try:
            for text in self._config.alarm:
                alarm = outlets.alarm(text)
                out = Datagrams(alarm.argument) if alarm.action == "udp" else None
                self._alarms.setdefault(alarm.name, []).append((alarm, out))
        except OSError as error:
            house.log.error(f"alarm: {(error.strerror or str(error)).lower()}")
        for each in self._fds:
            try:
                os.set_inheritable(each.fd, False)
                self._watch(each)
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                house.log.error(f"alarm-fd: {each.fd} cannot be watched: {reason}")

    def carry(self) -> tuple[None, list[int]]:
        """The descriptors that are watched, as far as they are there."""
        return None, [each.fd for each in self._fds if _is_open(each.fd)]

    def due(self) -> float | None:
        """The next look or mail, or when a descriptor is watched again."""
        times = [self._letters.due(), *self._again.values()]
        if self._config.alarm_backlog or self._thresholds:
            times.append(self._looks)
        return min((each for each in times if each is not None), default=None)

    def turn(self, now: float) -> None:
        """Look, where it is time."""
        for each in self._fds:
            if now >= self._again.get(each.fd, now + 1):
                del self._again[each.fd]
                self._watch(each)
        if now >= self._looks and (self._config.alarm_backlog or self._thresholds):
            self._looks = now + INTERVAL
            self._look(now)
        for alarm, text in self._letters.take(now):
            if alarm in self._errands.values():
                self._letters.put(alarm, text, now)
            else:
                self._begin(alarm, partial(_mail, alarm, text))

    def _look(self, now: float) -> None:
        found: list[tuple[str, str]] = []
        if self._thresholds:
            metrics = {name: value for name, _, _, value in uwsgi_metrics(self._figures(), True)}
            found += self._raised.over(self._thresholds, metrics, now)
        if self._config.alarm_backlog:
            found += self._raised.full(self._config.alarm_backlog, self._listeners(), now)
        for name, message in found:
            self._raise(name, message)

    def died(self, pid: int, how: str) -> bool:
        """A command has ended; or a worker, perhaps of a crash."""
        if self._errands.pop(pid, None) is not None:
            return True
        if self._config.alarm_segfault and how in _CRASHES and self.house.plan.knows(pid):
            for name in self._config.alarm_segfault:
                self.ring(name, f"pid={pid} died {how}")
        return False

    def ring(self, name: str, message: str) -> None:
        """Raise an alarm, unless it was for the same a moment ago."""
        for each, text in self._raised.once(name, message, time.monotonic()):
            self._raise(each, text)

    def close(self) -> None:
        """Release what is held."""
        for alarms in self._alarms.values():
            for _, out in alarms:
                if out is not None:
                    out.close()

    def _watch(self, alarm: FdAlarm) -> None:
        self.house.watch(alarm.fd, partial(self._readable, alarm))

    def _readable(self, alarm: FdAlarm) -> None:
        """Not again for a second: whoever writes must not keep the master from its work."""
        self.house.unwatch(alarm.fd)
        try:
            if not os.read(alarm.fd, alarm.size):
                return
        except BlockingIOError:
            pass
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            self.house.log.error(f"alarm-fd: {alarm.fd} cannot be read: {reason}")
            return
        else:
            self.ring(alarm.alarm, alarm.message)
        self._again[alarm.fd] = time.monotonic() + INTERVAL

    def _raise(self, name: str, message: str) -> None:
        for alarm, out in self._alarms.get(name, ()):
            if out is not None:
                out.send([message.encode("utf-8", "replace")])
            elif alarm.action == "log":
                self.house.log.warning(f"{MARK} {name}: {message}")
            elif alarm.action == "mail":
                self._letters.put(alarm, message, time.monotonic())
            elif alarm not in self._errands.values():
                self._begin(alarm, partial(_command, alarm.argument, message))

    def _begin(self, alarm: Alarm, job: Callable[[], None]) -> None:
        try:
            self._errands[errand.start(self._config, job, self.house.log)] = alarm
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            self.house.log.error(f"alarm {alarm.name}: no process can be started: {reason}")


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def _command(command: str, message: str) -> None:
    """Run it with the message as its input."""
    _feed(message.encode("utf-8", "replace"))
    os.execv("/bin/sh", ["/bin/sh", "-c", command])


def _mail(alarm: Alarm, text: str) -> None:
    """Give a mail to the system's sendmail; in a process that is killed if that takes too long."""
    # Only who mails needs what comes with it.
    import shutil

    path = os.pathsep.join([os.environ.get("PATH", os.defpath), _PLACES])
    program = shutil.which("sendmail", path=path)
    if program is None:
        raise QuaichError(f"alarm {alarm.name}: no sendmail is installed to send a mail with")
    host = socket.gethostname()
    head = (
        f"To: {alarm.argument}\nSubject: [{host}] alarm {alarm.name}\n"
        "Auto-Submitted: auto-generated\nMIME-Version: 1.0\n"
        "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n"
    )
    _feed((head + text).encode("utf-8", "replace"))
    signal.alarm(_MAIL_SECONDS)
    os.execv(program, [program, "-i", "--", *alarm.argument.split(",")])


def _feed(data: bytes) -> None:
    """Make data the input of this process."""
    reader, writer = os.pipe()
    # What is longer than a pipe holds could not be written before somebody reads.
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        os.write(writer, data)
    os.close(writer)
    os.dup2(reader, 0)
