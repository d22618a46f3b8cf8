"""Sends statistics out: the side of ``stats-push`` and ``carbon``.

Nothing here waits: datagrams that the kernel does not take are lost, as datagrams are; what is sent
to carbon is an errand, one at a time.  What a push fails with is said once, not each time.
"""

import os
import socket
from collections.abc import Callable
from functools import partial

from quaich.config import outlets
from quaich.config.effective import Config
from quaich.config.metrics import metric, needs
from quaich.config.outlets import Push
from quaich.config.suggest import hint
from quaich.errors import ConfigError, QuaichError
from quaich.master import errand
from quaich.master.datagrams import Datagrams
from quaich.master.policy import most_workers
from quaich.master.side import BaseSide, House
from quaich.stats import pushes
from quaich.stats.document import uwsgi_metrics
from quaich.stats.figures import Core, Figures, Listener, Worker

INTERVAL = 1.0
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class _Pushing:
    """One destination of ``stats-push``."""

    def __init__(self, push: Push) -> None:
        self.push = push
        self.due = 0.0
        self.failed = ""
        self._statsd = pushes.Statsd(push.prefix)
        self._out = None if push.kind == "file" else Datagrams(push.target)

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
    """The side.  ``figures`` is the statistics'; ``pushed`` hears of each push."""

    name = "outlets"

    def __init__(
        self,
        config: Config,
        figures: Callable[[], Figures],
        pushed: Callable[[], None],
    ) -> None:
        self._config = config
        self._figures = figures
        self._pushed = pushed
        self._pushes: list[_Pushing] = []
        self._carbons: list[tuple[str, pushes.Carbon]] = []
        self._carbon_due = 0.0
        self._errands: dict[int, str] = {}

    def attach(self, house: House) -> None:
        """Look every address up."""
        super().attach(house)
        config = self._config
        try:
            self._pushes = [_Pushing(self._push(text)) for text in config.stats_push]
            sockets = house.listeners
            start = pushes.carbon_start(
                *(config.carbon_root, socket.gethostname(), config.carbon_hostname_dots),
                config.carbon_id or (sockets[0].name if sockets else str(os.getpid())),
            )
            workers = not config.carbon_no_workers
            self._carbons = [(each, pushes.Carbon(start, workers)) for each in config.carbon]
        except OSError as error:
            house.log.error(f"stats-push: {(error.strerror or str(error)).lower()}")

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

    def died(self, pid: int, how: str) -> bool:
        """An errand has ended."""
        return self._errands.pop(pid, None) is not None

    def close(self) -> None:
        """Release what is held."""
        for each in self._pushes:
            each.close()

    def _begin(self, what: str, job: Callable[[], None], name: str) -> None:
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
        *(("alarm-segfault", name) for name in config.alarm_segfault),
        *(("metric-threshold", each.alarm) for each in thresholds),
        *(("alarm-fd", outlets.fd_alarm(text).alarm) for text in config.alarm_fd),
        *(("log-alarm", outlets.log_alarm(text).alarm) for text in config.log_alarm),
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
