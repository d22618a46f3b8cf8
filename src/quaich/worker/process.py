"""A worker process: joins the layers below into one engine and runs its threads.

What is the same in every worker is made before they are forked (``Stage``).  Afterwards each Python
function that runs costs its worker some pages of memory: those of its code and of whatever it
looks at.  So ``run_worker`` does what is one worker's own, and little else.
"""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from quaich.config.effective import Config
from quaich.log.server import Log
from quaich.net.listen import BoundListener
from quaich.net.trust import LOCAL, Trust
from quaich.stats.scoreboard import ACCEPTING, LOST, Scoreboard, Slot
from quaich.stats.wanted import wanted
from quaich.sys.io import Acceptor
from quaich.worker import grievance, logswitch, requestlog, resources, startup
from quaich.worker.alarm import Alarm
from quaich.worker.answer import Answerer
from quaich.worker.connection import Connection, Door, Filter
from quaich.worker.handover import Handover
from quaich.worker.intake import Intake
from quaich.worker.keeper import Lane
from quaich.worker.loop import Engine
from quaich.worker.lounge import Lounge
from quaich.worker.proxied import Proxied
from quaich.worker.signals import Signals, prepare_last_words
from quaich.worker.tls import Tls
from quaich.wsgi.dynamic import Dynamic, Notices
from quaich.wsgi.environ import fixed
from quaich.wsgi.loader import Apps
from quaich.wsgi.route import chooser

Opening = Callable[[Connection], Filter | None]

_LOOK = 0.1
"""Seconds after which a worker that waits for its last threads looks whether it is to go on."""


def open_doors(
    config: Config, listeners: Sequence[BoundListener], contexts: Mapping[int, Any]
) -> Sequence[Door]:
    """What the workers accept from; made once, before they are forked.  ``contexts`` are those of
    the listeners that encrypt."""
    common = fixed(threads=config.threads, processes=max(1, config.processes))
    doors = [_door(listener, common, config.buffer_size) for listener in listeners]
    for door in doors:
        if door.fd in contexts:
            door.opening = _encrypted(contexts[door.fd])
    if config.proxy_protocol:
        trust = Trust(config.forwarded_allow or LOCAL)
        for door in doors:
            if door.protocol == "http":
                door.opening = _behind_balancer(trust, door.opening)
    return doors


def _encrypted(context: Any) -> Opening:
    def opening(conn: Connection) -> Filter:
        conn.layer = tls = Tls(context)
        return tls

    return opening


def _behind_balancer(trust: Trust, further: Opening | None) -> Opening:
    """A trusted peer has to send a PROXY header, and another cannot."""

    def opening(conn: Connection) -> Filter | None:
        following = further(conn) if further is not None else None
        return Proxied(following) if trust.holds(conn.address) else following

    return opening


class Stage:
    """Everything of a worker but what is its own: made once, before the workers are forked.

    ``lifeline`` is a descriptor that ends with the master; ``lounge`` are the ends of the server's
    lounge; ``board`` is where a log file that was opened anew is taken from.  A worker that does
    not accept from all ``doors`` has a stage of its own, with its ``slot``.
    """

    def __init__(
        self,
        *,
        config: Config,
        apps: Apps,
        doors: Sequence[Door],
        scoreboard: Scoreboard,
        lifeline: int | None,
        lounge: tuple[int, int] | None,
        log: Log,
        board: int | None = None,
        slot: int = 1,
    ) -> None:
        self.config = config
        self.scoreboard = scoreboard
        self.lifeline = lifeline
        self.board = board
        self.log = log
        self.grievances = grievance.of(config)
        watched = wanted(config)
        dynamic = None
        if config.dynamic_apps:
            dynamic = Dynamic(
                config.dynamic_apps,
                config.max_apps,
                config.callable,
                lambda error: startup.report(error, log),
            )
        points = {"", *(point for point, _ in apps.mounts)}
        self.answerer = Answerer(
            choose=chooser(
                apps,
                manage_script_name=config.manage_script_name,
                ignore_script_name=config.ignore_script_name,
                dynamic=dynamic,
            ),
            application=None if apps.mounts or dynamic or config.no_default_app else apps.default,
            slot=scoreboard.slot(slot),
            log=log,
            recorder=None,
            write_timeouts=(float(config.http_timeout), float(config.socket_timeout)),
            threads=config.threads,
            noting=config.harakiri > 0 or watched,
            most=config.keepalive_requests,
            timing=watched,
            dynamic=Notices(log.warning, points, dynamic is not None).note,
        )
        self.signals = Signals(log)
        if lifeline is not None:
            prepare_last_words()
        self._place = None
        handover = None
        if lounge is not None:
            self._place = Lounge(*lounge, lambda: scoreboard.heirs)
            handover = Handover(self._place, doors, self.answerer, log)
        self.engine = Engine(
            doors=list(resources.served(config, slot, doors)),
            intake=Intake(
                config.buffer_size,
                config.limit_post,
                config.post_buffering,
                Trust(config.forwarded_allow) if config.forwarded_allow else None,
            ),
            answerer=self.answerer,
            log=log,
            threads=config.threads,
            http_timeout=float(config.http_timeout),
            gateway_timeout=float(config.socket_timeout),
            idle_timeout=float(config.http_keepalive),
            on_signal=self.signals.read,
            handover=handover,
        )

    def disown(self) -> None:
        """Forget the descriptors of the lounge: another stage of this process has them too."""
        if self._place is not None:
            self._place.disown()


def run_worker(
    *,
    stage: Stage,
    slot: int,
    seat: int,
    generation: int,
    on_ready: Callable[[], None],
    on_abandon: Callable[[], None],
    on_spent: Callable[[str], None],
    on_shown: Callable[[], None],
    lend: Callable[[], None] | None = None,
) -> int:
    """Serve until told to leave; the exit status of the process.

    ``seat`` is the worker's place on the scoreboard; ``on_ready`` is called when connections are
    being accepted; ``on_abandon`` when the process is about to end inside a request; ``on_spent``
    when another should take its place; ``on_shown`` when the stacks are in the log; ``lend`` gives
    another courier what this worker prints.
    """
    config, answerer, engine, signals = stage.config, stage.answerer, stage.engine, stage.signals
    lifeline = stage.lifeline
    mine = stage.scoreboard.slot(slot, seat)
    mine.clear(os.getpid(), generation, int(time.monotonic() * 1000000))
    answerer.slot = mine
    answerer.recorder = requestlog.recorder(
        config, slot, generation, mine, stage.log.requests, stage.scoreboard.shown
    )
    stage.log.tell_lost(partial(mine.add, LOST))
    if answerer.recorder is not None and answerer.recorder.shelves is not None:
        for lane, shelf in zip(engine.lanes, answerer.recorder.shelves, strict=True):
            lane.shelf = shelf
    if stage.grievances.wanted:
        answerer.on_exception = grievance.listener(stage.grievances, on_spent)
    if lifeline is not None and config.max_requests:
        answerer.left = config.max_requests + config.max_requests_delta * (slot - 1)
        answerer.on_spent = _teller(config, mine, answerer.left, on_spent)
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    engine.open(reader)
    signals.belong(slot, mine, on_abandon, on_shown)
    signals.install(engine, reader, writer, supervised=lifeline is not None)
    if stage.board is not None:
        signals.on_log = logswitch.follow(stage.board)
    if lend is not None:
        signals.on_log = logswitch.listen(signals.on_log, lend)
    if lifeline is not None:
        engine.watch_lifeline(lifeline)
    elif config.harakiri:
        Alarm(mine, config.harakiri, on_abandon, stage.log).start()
    # A worker that cannot have its threads is not ready.
    gate = threading.Lock()
    gate.acquire()
    threads = [_thread(engine, lane, slot, gate) for lane in engine.lanes[1:]]
    engine.start_accepting()
    mine.set(ACCEPTING, 1)
    on_ready()
    gate.release()
    engine.run(engine.lanes[0])
    mine.set(ACCEPTING, 0)
    for thread in threads:
        # Who leaves may be told meanwhile to end at once.
        while thread.is_alive() and not engine.halted:
            thread.join(_LOOK)
    if engine.halted:
        engine.hand_over()
        if lifeline is None and (lines := mine.left()):
            # Of threads that the application has not come back from.
            stage.log.write(lines)
    else:
        engine.close()
    return signals.status


def _thread(engine: Engine, lane: Lane, slot: int, gate: threading.Lock) -> threading.Thread:
    """A thread that serves once the gate is open."""

    def run() -> None:
        with gate:
            pass
        engine.run(lane)

    thread = threading.Thread(target=run, name=f"uWSGIWorker{slot}Core{lane.index}", daemon=True)
    thread.start()
    return thread


def _teller(
    config: Config, slot: Slot, most: int, on_spent: Callable[[str], None]
) -> Callable[[], None]:
    """What tells that all requests are answered; one that is too young waits for the master."""
    begun = time.monotonic()

    def tell() -> None:
        if time.monotonic() - begun >= config.min_worker_lifetime:
            on_spent(f"requests={slot.served()} max-requests={most}")

    return tell


def _door(listener: BoundListener, common: dict[str, Any], head_limit: int) -> Door:
    environ = dict(common)
    environ["SCRIPT_NAME"] = ""
    environ["SERVER_NAME"] = common["uwsgi.node"].decode()
    acceptor = Acceptor(listener.fd)
    port = acceptor.port()
    environ["SERVER_PORT"] = port
    return Door(acceptor, listener.name, listener.protocol, environ, port, head_limit)
