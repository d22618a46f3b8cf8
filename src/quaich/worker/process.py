"""A worker process: joins the layers below into one engine and runs its threads."""

import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from quaich.config.effective import Config
from quaich.log.request import RequestLog
from quaich.log.server import Log
from quaich.net.listen import BoundListener
from quaich.stats.scoreboard import ACCEPTING, Scoreboard, Slot
from quaich.stats.wanted import wanted
from quaich.sys.io import Acceptor
from quaich.worker import grievance, logswitch, resources, startup
from quaich.worker.alarm import Alarm
from quaich.worker.answer import Answerer
from quaich.worker.connection import Door
from quaich.worker.handover import Handover
from quaich.worker.intake import Intake
from quaich.worker.loop import Engine
from quaich.worker.lounge import Lounge
from quaich.worker.record import Recorder
from quaich.worker.signals import Signals
from quaich.wsgi.dynamic import Dynamic, Notices
from quaich.wsgi.environ import fixed
from quaich.wsgi.loader import Apps
from quaich.wsgi.route import chooser


def open_doors(config: Config, listeners: Sequence[BoundListener]) -> Sequence[Door]:
    """What the workers accept from; made once, before they are forked."""
    common = fixed(threads=config.threads, processes=max(1, config.processes))
    return [_door(listener, common) for listener in listeners]


def run_worker(
    *,
    config: Config,
    apps: Apps,
    doors: Sequence[Door],
    slot: int,
    seat: int,
    generation: int,
    scoreboard: Scoreboard,
    lifeline: int | None,
    lounge: tuple[int, int] | None,
    on_ready: Callable[[], None],
    on_abandon: Callable[[], None],
    on_spent: Callable[[str], None],
    log: Log,
    board: int | None = None,
) -> int:
    """Serve until told to leave; the exit status of the process.

    ``seat`` is the worker's place on the scoreboard; ``lifeline`` is a descriptor that ends with
    the master; ``lounge`` are the ends of the server's lounge; ``on_ready`` is called when
    connections are being accepted; ``on_abandon`` when the process is about to end inside a
    request; ``on_spent`` when another should take its place; ``board`` is where a log file that was
    opened anew is taken from.
    """
    mine = scoreboard.slot(slot, seat)
    mine.clear(os.getpid(), generation, int(time.monotonic() * 1000000))
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
    answerer = Answerer(
        choose=chooser(
            apps,
            manage_script_name=config.manage_script_name,
            ignore_script_name=config.ignore_script_name,
            dynamic=dynamic,
        ),
        application=None if apps.mounts or dynamic or config.no_default_app else apps.default,
        slot=mine,
        log=log,
        recorder=_recorder(config, mine, scoreboard, log),
        write_timeouts=(float(config.http_timeout), float(config.socket_timeout)),
        threads=config.threads,
        noting=config.harakiri > 0 or watched,
        timing=watched,
        dynamic=Notices(log.warning, points, dynamic is not None).note,
    )
    answerer.on_exception = grievance.listener(grievance.of(config), on_spent)
    if lifeline is not None and config.max_requests:
        answerer.left = config.max_requests + config.max_requests_delta * (slot - 1)
        answerer.on_spent = _teller(config, mine, answerer.left, on_spent)
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signals = Signals(reader, slot, mine, on_abandon, log)
    handover = None
    if lounge is not None:
        place = Lounge(*lounge, lambda: scoreboard.heirs)
        handover = Handover(place, doors, answerer, log)
    engine = Engine(
        doors=list(resources.served(config, slot, doors)),
        intake=Intake(config.buffer_size, config.limit_post, config.post_buffering),
        answerer=answerer,
        log=log,
        threads=config.threads,
        http_timeout=float(config.http_timeout),
        gateway_timeout=float(config.socket_timeout),
        idle_timeout=float(config.http_keepalive),
        signals=reader,
        on_signal=signals.read,
        handover=handover,
    )
    signals.install(engine, writer, supervised=lifeline is not None)
    if board is not None:
        signals.on_log = logswitch.follow(board)
    if lifeline is not None:
        engine.watch_lifeline(lifeline)
    if lifeline is None and config.harakiri:
        Alarm(mine, config.harakiri, on_abandon, log).start()
    engine.start_accepting()
    mine.set(ACCEPTING, 1)
    on_ready()
    threads = [
        threading.Thread(
            target=engine.run, args=(lane,), name=f"uWSGIWorker{slot}Core{lane.index}", daemon=True
        )
        for lane in engine.lanes[1:]
    ]
    for thread in threads:
        thread.start()
    engine.run(engine.lanes[0])
    mine.set(ACCEPTING, 0)
    if engine.halted:
        engine.hand_over()
    else:
        for thread in threads:
            thread.join()
        engine.close()
    return signals.status


def _teller(
    config: Config, slot: Slot, most: int, on_spent: Callable[[str], None]
) -> Callable[[], None]:
    """What tells that all requests are answered; one that is too young waits for the master."""
    begun = time.monotonic()

    def tell() -> None:
        if time.monotonic() - begun >= config.min_worker_lifetime:
            on_spent(f"requests={slot.served()} max-requests={most}")

    return tell


def _recorder(config: Config, slot: Slot, scoreboard: Scoreboard, log: Log) -> Recorder | None:
    if config.disable_logging and not config.log_4xx and not config.log_5xx:
        return None
    return Recorder(
        slot=slot,
        scoreboard=scoreboard,
        log=log,
        lines=RequestLog(os.getpid()),
        statuses=(not config.disable_logging, config.log_4xx, config.log_5xx),
    )


def _door(listener: BoundListener, common: dict[str, Any]) -> Door:
    environ = dict(common)
    environ["SCRIPT_NAME"] = ""
    environ["SERVER_NAME"] = common["uwsgi.node"].decode()
    acceptor = Acceptor(listener.fd)
    port = acceptor.port()
    environ["SERVER_PORT"] = port
    return Door(acceptor, listener.name, listener.protocol, environ, port)
