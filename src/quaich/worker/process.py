"""A worker process: joins the layers below into one engine, runs its threads, obeys its signals.

Signals, as uWSGI's workers take them: HUP finishes what is here and leaves; INT, TERM and QUIT
leave at once; USR2 writes the stacks of all threads to the log.  Other handlers do nothing but let
Python write the number into a pipe that the engine watches, so that any idle thread can act on it
while the main one is busy.
"""

import faulthandler
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from quaich.config.effective import Config
from quaich.log.request import RequestLog
from quaich.log.server import Log
from quaich.net.listen import BoundListener
from quaich.stats.scoreboard import ACCEPTING, LANE_SINCE, Scoreboard, Slot
from quaich.sys.io import Acceptor
from quaich.worker import logswitch, startup
from quaich.worker.alarm import Alarm
from quaich.worker.answer import Answerer
from quaich.worker.connection import Door
from quaich.worker.intake import Intake
from quaich.worker.loop import Engine
from quaich.wsgi.dynamic import Dynamic, Notices
from quaich.wsgi.environ import fixed
from quaich.wsgi.loader import Apps
from quaich.wsgi.route import chooser

EXIT_LEFT = 17
"""After HUP; uWSGI's worker exits so."""

EXIT_ENDED = 30
"""After INT, TERM or QUIT, and without a master; likewise."""


def run_worker(
    *,
    config: Config,
    apps: Apps,
    listeners: Sequence[BoundListener],
    slot: int,
    seat: int,
    generation: int,
    scoreboard: Scoreboard,
    lifeline: int | None,
    on_ready: Callable[[], None],
    on_abandon: Callable[[], None],
    log: Log,
    board: int | None = None,
) -> int:
    """Serve until told to leave; the exit status of the process.

    ``seat`` is the worker's place on the scoreboard; ``lifeline`` is a descriptor that ends with
    the master; ``on_ready`` is called when connections are being accepted; ``on_abandon`` when the
    process is about to end inside a request; ``board`` is where a log file that was opened anew is
    taken from.
    """
    mine = scoreboard.slot(slot, seat)
    mine.clear(os.getpid(), generation, int(time.monotonic() * 1000000))
    processes = max(1, config.processes)
    common = fixed(threads=config.threads, processes=processes)
    doors = [_door(listener, common) for listener in listeners]
    recording = not config.disable_logging or config.log_4xx or config.log_5xx
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
        scoreboard=scoreboard,
        log=log,
        request_log=RequestLog(os.getpid()) if recording else None,
        log_statuses=(not config.disable_logging, config.log_4xx, config.log_5xx),
        write_timeouts=(float(config.http_timeout), float(config.socket_timeout)),
        threads=config.threads,
        noting=config.harakiri > 0,
        dynamic=Notices(log.warning, points, dynamic is not None).note,
    )
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signals = Signals(reader, mine, on_abandon)
    engine = Engine(
        doors=doors,
        intake=Intake(config.buffer_size, config.limit_post, config.post_buffering),
        answerer=answerer,
        log=log,
        threads=config.threads,
        http_timeout=float(config.http_timeout),
        gateway_timeout=float(config.socket_timeout),
        idle_timeout=float(config.http_keepalive),
        signals=reader,
        on_signal=signals.read,
    )
    signals.install(engine, writer)
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
    if not engine.halted:
        for thread in threads:
            thread.join()
        engine.close()
    return signals.status


class Leaver(Protocol):
    """The part of an engine that signals need."""

    def leave(self) -> None:
        """Finish what is here, then return."""

    def halt(self) -> None:
        """Return at once."""


class Signals:
    """Acts on signals, from whichever thread reads them; ``status`` is the exit status they ask."""

    def __init__(self, reader: int, slot: Slot, on_abandon: Callable[[], None]) -> None:
        self._reader = reader
        self._on_abandon = on_abandon
        self._slot = slot
        self._engine: Leaver | None = None
        self.status = 0
        self.on_log: Callable[[], None] = lambda: None

    def install(self, engine: Leaver, writer: int) -> None:
        """From here on signals go to ``engine``."""
        self._engine = engine
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, _noted)
        # In C, since what it is asked about may not let the interpreter run.
        faulthandler.register(signal.SIGUSR2, file=2, all_threads=True)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
            signal.signal(number, self._at_once)

    def read(self) -> None:
        """Act on what the pipe holds."""
        try:
            numbers = os.read(self._reader, 64)
        except BlockingIOError:
            return
        assert self._engine is not None
        for number in numbers:
            if number == signal.SIGHUP:
                self.status = self.status or EXIT_LEFT
                self._engine.leave()
            elif number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
                self.status = EXIT_ENDED
                self._engine.halt()
            elif number == logswitch.SIGNAL:
                # The main thread, which runs handlers, may be busy.
                self.on_log()

    def _at_once(self, number: int, frame: object) -> None:
        """Runs in the main thread: inside a request nothing can return from, the process ends."""
        if self._slot.lane(0, LANE_SINCE):
            self._on_abandon()
            os._exit(EXIT_ENDED)


def _noted(number: int, frame: object) -> None:
    """The number is in the pipe; that is all a handler is for."""


def _door(listener: BoundListener, common: dict[str, Any]) -> Door:
    environ = dict(common)
    environ["SCRIPT_NAME"] = ""
    environ["SERVER_NAME"] = common["uwsgi.node"].decode()
    acceptor = Acceptor(listener.fd)
    port = acceptor.port()
    environ["SERVER_PORT"] = port
    return Door(acceptor, listener.name, listener.protocol, environ, port)
