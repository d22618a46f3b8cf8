"""The statistics of the server: counted always, shown where ``stats`` says, pushed where asked.

The thin part: ``ledger`` and ``census`` make figures, ``quaich.stats`` makes of them what is asked
for, and ``statclient`` keeps the clients off.  By HTTP there are, at every address:

    /              uWSGI's statistics (silence asks for them, too)
    /metrics       for Prometheus, or OpenMetrics
    /-/live        200 while the master works
    /-/ready       200 while a worker can be expected to answer soon, else 503 and why not
    /-/figures     what ``quaich top`` is made from

How long it takes to make an answer bounds how often that is done: one is used again for nine times
as long, so that whatever clients do, nine tenths of the master's time are left.
"""

import json
import os
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

from quaich import __version__
from quaich.config.base import ListenSpec
from quaich.config.effective import Config
from quaich.errors import ConfigError
from quaich.master.census import Moment, Self, census
from quaich.master.ledger import Ledger
from quaich.master.metering import Metering
from quaich.master.side import BaseSide, House
from quaich.master.statclient import Clients
from quaich.master.vocabulary import Action, Forget, Fork
from quaich.master.watch import memory_of
from quaich.net.address import Kind, parse
from quaich.net.listen import BoundListener, SocketOptions, UnixRights, open_listener, remove_file
from quaich.net.queue import listen_queue
from quaich.stats.appmetrics import Metrics
from quaich.stats.document import document
from quaich.stats.exposition import exposition, negotiated
from quaich.stats.figures import Daemon, Figures, Listener, Sink, public, readiness
from quaich.stats.question import Question, response
from quaich.stats.wanted import wanted
from quaich.values import asdict, replace

INTERVAL = 1.0
_BACKLOG = 128
_PRIVATE = 0o600
_SHARE = 9
_JSON = "application/json"


class Statistics(BaseSide):
    """The side; ``open`` before the master starts, unless it is resumed."""

    name = "statistics"

    def __init__(
        self,
        config: Config,
        daemons: Callable[[], Sequence[Daemon]],
        sinks: Callable[[], Sequence[Sink]] = tuple,
    ) -> None:
        self._config = config
        self._sinks = sinks
        self.metering: Metering | None = None
        self._daemons = daemons
        self._started = time.monotonic()
        self._ledger = Ledger()
        self._metrics = Metrics()
        self._overflows = 0
        self._looks = 0.0
        self._bound: list[BoundListener] = []
        self._sockets: list[socket.socket] = []
        self._clients = Clients(self._answer, lambda: self._now().stats_http)
        self._made: dict[str, tuple[float, bytes]] = {}

    def open(self) -> None:
        """Listen; raises QuaichError where that cannot be."""
        config = self._config
        place = config.place_of("stats")
        rights = UnixRights(
            config.chmod_socket if config.chmod_socket is not None else _PRIVATE,
            config.chown_socket,
            config.place_of("chown-socket"),
        )
        for text in config.stats:
            check_reach(text, place, config.stats_public)
            address = parse(text, place)
            if address.kind is Kind.UNIX:
                text = os.path.join(config.chdir or "", address.path)
            spec = ListenSpec(text, "stats", "stats", place)
            options = SocketOptions(defer=False)
            bound = open_listener(spec, queue=_BACKLOG, rights=rights, options=options)
            self._bound.append(bound)

    def leftovers(self) -> tuple[tuple[str, int, int], ...]:
        """The files to remove if the master is killed."""
        return tuple((each.path, *each.inode) for each in self._bound if each.path and each.inode)

    def carry(self) -> tuple[Any, list[int]]:
        """What was counted, and the sockets; clients are let go of."""
        state = {
            "started": self._started,
            "overflows": self._overflows,
            "ledger": self._ledger.to_data(),
            "metrics": self._metrics.to_data(),
            "bound": [asdict(each) for each in self._bound],
        }
        return state, [each.fd for each in self._bound]

    def resume(self, state: Any) -> None:
        """Go on with that."""
        self._started = state["started"]
        self._overflows = state["overflows"]
        self._ledger = Ledger.from_data(state["ledger"])
        self._metrics = Metrics.from_data(state["metrics"])
        self._bound = [
            BoundListener(**(each | {"inode": tuple(each["inode"]) if each["inode"] else None}))
            for each in state["bound"]
        ]

    def attach(self, house: House) -> None:
        """Count what there is, and accept."""
        super().attach(house)
        for number in house.plan.generations:
            self._ledger.hold(number, house.scoreboard(number))
        self._sockets = [socket.socket(fileno=each.fd) for each in self._bound]
        for each in self._bound:
            house.log.info(f"stats={each.name}")
        self._clients.attach(house, self._sockets)

    def due(self) -> float | None:
        """A client's end, or the next look at the queues."""
        times = [self._clients.due(), self._looks if wanted(self._now()) else None]
        return min((each for each in times if each is not None), default=None)

    def turn(self, now: float) -> None:
        """Look, and see to the clients."""
        if now >= self._looks and wanted(self._now()):
            self._looks = now + INTERVAL
            full = [each for each in self.listeners() if each.most and each.queue >= each.most]
            self._overflows += bool(full)
        # Whom the plan has forgotten has had its last words.
        self._metrics.settle(self.house.plan.knows)
        self._clients.turn(now)

    def handed(self, pid: int, slot: int, data: bytes) -> None:
        """A worker tells its application's metrics; what comes too late is counted already."""
        if self.house.plan.knows(pid):
            self._metrics.take(pid, slot, data)

    def heed(self, action: Action, now: float) -> bool:
        """Generations come and go."""
        match action:
            case Fork(generation, _, _):
                self._ledger.hold(generation, self.house.scoreboard(generation))
            case Forget(generation):
                self._ledger.close(generation)
        return False

    def close(self) -> None:
        """The master ends."""
        self._clients.close()
        for sock in self._sockets:
            sock.close()
        for each in self._bound:
            if not self._sockets:
                os.close(each.fd)
            if each.path and each.inode:
                remove_file(each.path, each.inode)
        self._sockets, self._bound = [], []

    def figures(self) -> Figures:
        """The server now."""
        plan = self.house.plan
        config = self._now()
        now = time.monotonic()
        found = census(
            plan,
            self._ledger,
            self.house.scoreboard,
            memory_of,
            slots=config.processes,
            harakiri=config.harakiri,
            moment=Moment(now, time.time(), self._started),
            own=Self(
                version=__version__,
                pid=os.getpid(),
                uid=os.getuid(),
                gid=os.getgid(),
                cwd=os.getcwd(),
                overflows=self._overflows,
                listeners=self.listeners(),
                daemons=self._daemons(),
                lost=self.house.log.dropped,
                sinks=self._sinks(),
            ),
        )
        metering = self.metering
        if metering is None:
            return found
        return replace(found, metrics=metering.rows, offsets=metering.offsets)

    def _now(self) -> Config:
        """The configuration that serves."""
        house = getattr(self, "house", None)
        return (house.config(house.plan.current) if house else None) or self._config

    def listeners(self) -> list[Listener]:
        """The sockets, and who waits there."""
        found = []
        for each in self.house.listeners:
            queue, most = listen_queue(each.fd) or (0, 0)
            found.append(Listener(each.name, each.protocol, queue, most))
        return found

    # Answers.

    def _answer(self, asked: Question | None) -> bytes:
        if asked is None or not asked.method:
            if self._now().stats_http:
                return response("400 Bad Request", b"expected a request by HTTP\n")
            return self._document()
        if asked.method not in ("GET", "HEAD"):
            return response(
                "405 Method Not Allowed", b"expected GET\n", more="Allow: GET, HEAD\r\n"
            )
        answer = self._page(asked)
        return answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if asked.method == "HEAD" else answer

    def _page(self, asked: Question) -> bytes:
        if asked.path == "/":
            return response("200 OK", self._document(), _JSON)
        if asked.path == "/metrics":
            form = negotiated(asked.accept)
            body = self._once(
                form, lambda: exposition(self.figures(), form, self._metrics.families())
            )
            return response("200 OK", body, form)
        if asked.path == "/-/figures":
            body = self._once(
                "figures", lambda: json.dumps(asdict(public(self.figures()))).encode()
            )
            return response("200 OK", body, _JSON)
        if asked.path == "/-/live":
            return response("200 OK", b"live\n")
        if asked.path == "/-/ready":
            reason = self._once("ready", lambda: readiness(self.figures()).encode())
            if reason:
                return response("503 Service Unavailable", reason + b"\n")
            return response("200 OK", b"ready\n")
        return response("404 Not Found", b"expected /, /metrics, /-/live, /-/ready or /-/figures\n")

    def _document(self) -> bytes:
        config = self._now()
        return self._once(
            "document",
            lambda: document(
                self.figures(),
                cores=not config.stats_no_cores,
                metrics=config.enable_metrics and not config.stats_no_metrics,
                metrics_of_cores=not config.metrics_no_cores,
                minified=config.stats_minified,
            ),
        )

    def _once(self, what: str, make: Callable[[], bytes]) -> bytes:
        begun = time.monotonic()
        until, answer = self._made.get(what, (0.0, b""))
        if begun < until:
            return answer
        answer = make()
        ended = time.monotonic()
        self._made[what] = (ended + _SHARE * (ended - begun), answer)
        return answer


def check_reach(text: str, place: str, public: bool) -> None:
    """Refuse an address that others than this machine reach, unless that is wanted."""
    address = parse(text, place)
    if public or not is_public(text):
        return
    raise ConfigError(
        f"stats = {text}: everybody who reaches this address could read how the server does; "
        f"write 127.0.0.1:{address.port}, or set stats-public = true if it is protected otherwise",
        place,
    )


def is_public(text: str) -> bool:
    """Whether others than this machine can reach an address."""
    try:
        address = parse(text)
    except ConfigError:
        return False
    return address.kind is Kind.TCP and not _is_local(address.host)


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            packed = socket.inet_pton(family, host)
        except OSError:
            continue
        if family == socket.AF_INET:
            return packed[0] == 127
        return packed == b"\0" * 15 + b"\1"
    return False
