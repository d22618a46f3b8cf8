"""Sends statistics and alarms out: the side of ``stats-push`` and ``alarm``.

Nothing here waits: datagrams that the kernel does not take are lost, as datagrams are; commands are
errands, and of one alarm one at a time.  What a push fails with is said once, not each time.
"""

import os
import socket
from collections.abc import Callable, Sequence
from functools import partial

from quaich.config import outlets
from quaich.config.effective import Config
from quaich.config.metrics import metric, needs
from quaich.config.outlets import Alarm, Push
from quaich.config.suggest import hint
from quaich.errors import ConfigError, QuaichError
from quaich.master import errand
from quaich.master.policy import most_workers
from quaich.master.side import BaseSide, House
from quaich.stats import pushes
from quaich.stats.alarms import Alarms
from quaich.stats.document import uwsgi_metrics
from quaich.stats.figures import Core, Figures, Listener, Worker

INTERVAL = 1.0
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class _Datagrams:
    """Where datagrams go; the name of a host is looked up once, at the start."""

    def __init__(self, target: str) -> None:
        self.target = target
        self._address: tuple[str, int] | str = target
        family = int(socket.AF_UNIX)
        if not target.startswith("/"):
            host, _, port = target.rpartition(":")
            found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_DGRAM)
            family, _, _, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
            self._address = (str(address[0]), int(address[1]))
        self._sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)

    def send(self, datagrams: Sequence[bytes]) -> str:
        """Send; why that cannot be, or nothing."""
        try:
            for each in datagrams:
                self._sock.sendto(each, self._address)
        except BlockingIOError:
            return ""
        except OSError as error:
            return f"{self.target}: {(error.strerror or str(error)).lower()}"
        return ""

    def close(self) -> None:
        """Release the socket."""
        self._sock.close()


class _Pushing:
    """One destination of ``stats-push``."""

    def __init__(self, push: Push) -> None:
        self.push = push
        self.due = 0.0
        self.failed = ""
        self._statsd = pushes.Statsd(push.prefix)
        self._out = None if push.kind == "file" else _Datagrams(push.target)

    def send(self, figures: Figures, cores: bool) -> str:
        """Send what there is now; why that cannot be, or nothing."""
        if self._out is None:
            return _append(self.push.target, pushes.file_line(figures, cores))
        if self.push.kind == "statsd":
            return self._out.send(self._statsd.datagrams(figures, cores))
        return self._out.send(pushes.socket_datagrams(figures, self.push.prefix, cores))

    def close(self) -> None:
        """Release what is held."""
        if self._out is not None:
            self._out.close()


def _append(path: str, line: bytes) -> str:
    try:
        # Not by a link: whose directory it is could have another file written to.
        fd = os.open(path, _FLAGS, 0o640)
        try:
            os.write(fd, line)
        finally:
            os.close(fd)
    except OSError as error:
        return f"{path}: {(error.strerror or str(error)).lower()}"
    return ""


class Outlets(BaseSide):
    """The side.  ``figures`` and ``listeners`` are the statistics'; ``pushed`` hears of pushes."""

    name = "outlets"

    def __init__(
        self,
        config: Config,
        figures: Callable[[], Figures],
        listeners: Callable[[], Sequence[Listener]],
        pushed: Callable[[], None],
    ) -> None:
        self._config = config
        self._figures = figures
        self._listeners = listeners
        self._pushed = pushed
        self._pushes: list[_Pushing] = []
        self._alarms: dict[str, list[tuple[Alarm, _Datagrams | None]]] = {}
        self._raised = Alarms(float(config.alarm_freq), config.alarm_msg_size)
        self._thresholds = [outlets.threshold(text) for text in config.metric_threshold]
        self._looks = 0.0
        self._errands: dict[int, Alarm | str] = {}
        self._carbons: list[tuple[str, pushes.Carbon]] = []
        self._carbon_due = 0.0

    def attach(self, house: House) -> None:
        """Look every address up."""
        super().attach(house)
        config = self._config
        try:
            self._pushes = [_Pushing(self._push(text)) for text in config.stats_push]
            for text in config.alarm:
                alarm = outlets.alarm(text)
                out = _Datagrams(alarm.argument) if alarm.action == "udp" else None
                self._alarms.setdefault(alarm.name, []).append((alarm, out))
            sockets = house.listeners
            start = pushes.carbon_start(
                *(config.carbon_root, socket.gethostname(), config.carbon_hostname_dots),
                config.carbon_id or (sockets[0].name if sockets else str(os.getpid())),
            )
            workers = not config.carbon_no_workers
            self._carbons = [(each, pushes.Carbon(start, workers)) for each in config.carbon]
        except OSError as error:
            house.log.error(f"stats-push and alarm: {(error.strerror or str(error)).lower()}")

    def _push(self, text: str) -> Push:
        push = outlets.push(text)
        if push.kind != "file":
            return push
        return Push(push.kind, os.path.join(self._config.chdir or "", push.target), "", push.every)

    def due(self) -> float | None:
        """The next push or look."""
        times = [each.due for each in self._pushes]
        if self._carbons:
            times.append(self._carbon_due)
        if self._config.alarm_backlog or self._thresholds:
            times.append(self._looks)
        return min(times, default=None)

    def turn(self, now: float) -> None:
        """Push and look, where it is time."""
        due = [each for each in self._pushes if now >= each.due]
        if due:
            figures = self._figures()
            for each in due:
                each.due = now + (each.push.every or self._config.stats_pusher_default_freq)
                failed = each.send(figures, not self._config.metrics_no_cores)
                if failed and not each.failed:
                    self.house.log.error(f"stats-push {failed}")
                each.failed = failed
            self._pushed()
        if self._carbons and now >= self._carbon_due:
            self._carbon_due = now + self._config.carbon_freq
            figures = self._figures()
            for target, carbon in self._carbons:
                data = carbon.lines(figures)
                # One that is slow is not asked again before it has answered.
                if target not in self._errands.values():
                    timeout = float(self._config.carbon_timeout)
                    self._begin(target, partial(_send, target, data, timeout), f"carbon {target}")
        if now < self._looks or not (self._config.alarm_backlog or self._thresholds):
            return
        self._looks = now + INTERVAL
        if self._thresholds:
            metrics = {name: value for name, _, _, value in uwsgi_metrics(self._figures(), True)}
            for name, message in self._raised.over(self._thresholds, metrics, now):
                self._raise(name, message)
        if self._config.alarm_backlog:
            for name, message in self._raised.full(
                self._config.alarm_backlog, self._listeners(), now
            ):
                self._raise(name, message)

    def died(self, pid: int, how: str) -> bool:
        """A command has ended."""
        return self._errands.pop(pid, None) is not None

    def close(self) -> None:
        """Release what is held."""
        for each in self._pushes:
            each.close()
        for alarms in self._alarms.values():
            for _, out in alarms:
                if out is not None:
                    out.close()

    def _raise(self, name: str, message: str) -> None:
        for alarm, out in self._alarms.get(name, ()):
            if out is not None:
                out.send([message.encode("utf-8", "replace")])
            elif alarm.action == "log":
                self.house.log.warning(f"ALARM {name}: {message}")
            elif alarm not in self._errands.values():
                self._start(alarm, message)

    def _start(self, alarm: Alarm, message: str) -> None:
        self._begin(alarm, partial(_command, alarm.argument, message), f"alarm {alarm.name}")

    def _begin(self, what: Alarm | str, job: Callable[[], None], name: str) -> None:
        try:
            self._errands[errand.start(self._config, job, self.house.log)] = what
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            self.house.log.error(f"{name}: no process can be started: {reason}")


def check(config: Config) -> None:
    """Refuse an alarm that is raised but not there, and a metric that will never be there."""
    names = {outlets.alarm(text).name for text in config.alarm}
    thresholds = [outlets.threshold(text) for text in config.metric_threshold]
    raised = [
        *(("alarm-backlog", name) for name in config.alarm_backlog),
        *(("metric-threshold", each.alarm) for each in thresholds),
    ]
    for option, name in raised:
        if name not in names:
            known = f"; there are {', '.join(sorted(names))}" if names else ""
            raise ConfigError(
                f"{option} = {name}: no alarm has this name{known}", config.place_of(option)
            )
    metrics = _metrics_of(config) if thresholds or config.metric else set()
    _check_children(config, metrics)
    for each in thresholds:
        if each.metric not in metrics:
            meant = hint(each.metric, sorted(metrics), "")
            raise ConfigError(
                f"metric-threshold: there is no metric {each.metric}{meant}",
                config.place_of("metric-threshold"),
            )


def _check_children(config: Config, metrics: set[str]) -> None:
    """Refuse a metric that is made of one that is not there; what is, is added to ``metrics``."""
    for text in config.metric:
        own = metric(text)
        for _, child in needs((own,)):
            if child not in metrics:
                meant = hint(child, sorted(metrics), "")
                raise ConfigError(
                    f"metric {own.name}: there is no metric {child} before it{meant}",
                    config.place_of("metric"),
                )
        metrics.add(own.name)


def _metrics_of(config: Config) -> set[str]:
    """The names of all metrics that there can be."""
    cores = tuple(Core(number) for number in range(config.threads))
    figures = Figures(
        workers=tuple(Worker(n, cores=cores) for n in range(1, most_workers(config) + 1)),
        listeners=tuple(Listener("", "") for _ in config.listeners),
    )
    return {name for name, *_ in uwsgi_metrics(figures, True)}


def _command(command: str, message: str) -> None:
    """Run it with the message as its input."""
    reader, writer = os.pipe()
    # What is longer than a pipe holds could not be written before somebody reads.
    os.set_blocking(writer, False)
    os.write(writer, message.encode("utf-8", "replace"))
    os.close(writer)
    os.dup2(reader, 0)
    os.execv("/bin/sh", ["/bin/sh", "-c", command])


def _send(target: str, data: bytes, timeout: float) -> None:
    """Hand data to a carbon server; in a process of its own, since that may take its time."""
    host, _, port = target.rpartition(":")
    try:
        if target.startswith("/"):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
                sock.settimeout(timeout)
                sock.connect(target)
                sock.sendall(data)
            return
        with socket.create_connection((host.strip("[]"), int(port)), timeout) as sock:
            sock.sendall(data)
    except OSError as error:
        raise QuaichError(f"carbon {target}: {(error.strerror or str(error)).lower()}") from None
