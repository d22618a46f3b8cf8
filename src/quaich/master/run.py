"""Starting the server: into the background first if it is to be there, then files and sockets, then
the supervisor, or one worker without it.

The service manager's variables are taken out of the environment before anything else, so that no
other process speaks for this one.
"""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

from quaich import __version__
from quaich.config.codes import diagnose
from quaich.config.effective import Config
from quaich.errors import LoadError, QuaichError
from quaich.log.board import Board
from quaich.log.file import redirect
from quaich.log.server import Log
from quaich.master import launch, upgrade
from quaich.master.activated import with_sockets
from quaich.master.courierhouse import CourierHouse
from quaich.master.daemonhouse import DaemonHouse
from quaich.master.desk import Desk
from quaich.master.estate import Estate, State
from quaich.master.files import Files, PidFileSide
from quaich.master.hookside import HookSide, at_exit, master_start
from quaich.master.journalled import as_before, to_journal
from quaich.master.leftlines import LeftLines
from quaich.master.load import Load
from quaich.master.loop import LATER, Master
from quaich.master.notices import View
from quaich.master.notifier import Notifier, Teller, alone
from quaich.master.readings import Reading
from quaich.master.side import Side
from quaich.master.wake import Waker
from quaich.net import inherit
from quaich.stats.scoreboard import Scoreboard
from quaich.sys import background, notify, privileges, process
from quaich.sys.background import Detached
from quaich.sys.notify import Manager
from quaich.values import replace
from quaich.worker import hooks, lounge, naming, resources, startup

# uWSGI's exit status of a server without a master that is told to stop.
_STOPPED_ALONE = 30
# Octets of its log that are shown when it fails in the background.
_LAST_WORDS = 4096
_NEED_MASTER = (
    *("max-requests", "max-worker-lifetime", "reload-on-rss", "reload-on-as"),
    *("reload-on-exception", "reload-on-exception-type"),
    *("reload-on-exception-value", "reload-on-exception-repr"),
)


class _Interrupted(BaseException):
    """A signal asked to stop before there was anything to stop."""


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise _Interrupted


def _name(number: int) -> str:
    return signal.Signals(number).name


def start(config: Config, reload: Callable[[], Reading]) -> int:
    """Serve until told to stop; the exit status.  ``reload`` begins to read it all again."""
    process.open_standard_descriptors()
    process.reset_signals()
    if (config.test_import or config.pyrun or config.pyshell) is not None:
        return _run_script(config)
    inherited = inherit.take(os.environ, os.getpid())
    manager = notify.take(os.environ, os.getpid())
    config = with_sockets(to_journal(_with_master(config), os.environ), bool(inherited))
    if config.immediate_uid is not None or config.immediate_gid is not None:
        _become_at_once(config)
    name = config.daemonize2 or config.daemonize
    if name is None or manager is not None or os.getpid() == 1:
        return _serve(config, reload, Files(config, inherited), manager, Detached(-1))
    files = Files(config, inherited, in_background=True)
    logfile = files.open_target("daemonize2" if config.daemonize2 else "daemonize", name)
    size = os.fstat(logfile).st_size
    detached = background.detach(wait=config.daemonize2 is not None)
    if detached.status is None:
        redirect(logfile)
        return _serve(config, reload, files, None, detached)
    if detached.status:
        _show_end_of_log(name, size)
    # Whatever else could be tried, the server in the background has tried it.
    sys.stderr.flush()
    os._exit(detached.status)


def _serve(
    config: Config,
    reload: Callable[[], Reading],
    files: Files,
    manager: Manager | None,
    detached: Detached,
) -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
        signal.signal(number, _interrupt)
    supervised = config.master or config.processes > 1
    early: list[str] = []
    if supervised:
        # Whoever reads the pid file may use it: what means something to a master waits for it.
        for name in LATER:
            signal.signal(signal.Signals[name], lambda number, _: early.append(_name(number)))
    try:
        files.open()
        _remark(config, files.log, manager)
        naming.show(config, naming.MASTER if supervised else naming.worker(1))
        if supervised:
            status = _supervise(config, reload, files, manager, detached, early)
            files.close(failed=status != 0)
        else:
            with resources.within_limits(config):
                status = _serve_alone(config, files, manager, detached)
            files.close(failed=False)
        return status
    except _Interrupted:
        files.close(failed=True)
        return 0 if supervised else _STOPPED_ALONE
    except OSError as error:
        files.close(failed=True)
        reason = (error.strerror or str(error)).lower()
        raise QuaichError(f"the server cannot start: {reason}") from None
    except BaseException:
        files.close(failed=True)
        raise


def _supervise(
    config: Config,
    reload: Callable[[], Reading],
    files: Files,
    manager: Manager | None,
    detached: Detached,
    early: list[str],
) -> int:
    process.adopt_orphans()
    daemons = DaemonHouse()
    desk = Desk(config, os.environ, files.log, daemons.figures, files.sinks)
    desk.open()
    try:
        master_start(config, files.log)
        board = Board() if files.has_log else None
        sides = _sides(files, manager, board, desk, daemons)
        if detached.reporter >= 0:
            sides.append(Teller(detached.told))
        estate = Estate(
            tuple(files.listeners),
            (*files.leftovers(), *desk.leftovers()),
            lounge.open_pair(),
            board.descriptors if board is not None else None,
            files.courier.mailbox if files.courier is not None else None,
        )
        master = Master(config, _again(config, reload, estate), estate, files.log, sides)
        return master.run(early)
    finally:
        desk.close()


def _sides(
    files: Files, manager: Manager | None, board: Board | None, desk: Desk, daemons: DaemonHouse
) -> list[Side]:
    sides: list[Side] = [
        *(PidFileSide(files), files.locks, Load(), Waker(), LeftLines(), *desk.sides),
        *(HookSide(files.config), daemons),
    ]
    if board is not None:
        sides.append(files.log_keeper(board))
    if files.courier is not None:
        sides.append(files.courier)
        files.courier.on_alarm = desk.raise_alarm
    if manager is not None:
        sides.append(Notifier(manager))
    return sides


def resume(reload: Callable[[], Reading]) -> int:
    """Go on as the master that this process was before it was executed anew; the exit status.

    Where the state is only to be tried, the status says whether it can be read.
    """
    only_tried = os.environ.pop(upgrade.TRY, "")
    file = int(os.environ.pop(upgrade.RESUME))
    try:
        state = State.from_data(upgrade.read(file))
    except ValueError as error:
        raise QuaichError(str(error)) from None
    if only_tried:
        return 0
    os.close(file)
    config, estate = state.config, state.estate
    told = state.sides.get(Notifier.name)
    manager = Manager(*told) if told else None
    away = manager is None and os.getpid() != 1
    files = Files(config, {}, away and (config.daemonize2 or config.daemonize) is not None)
    files.resume(estate.listeners, state.sides.get(CourierHouse.name))
    naming.show(config, naming.MASTER)
    files.log.info(
        f"quaich={__version__} python={sys.version.split()[0]} pid={os.getpid()} goes on "
        f"generation={state.plan.current}"
    )
    daemons = DaemonHouse()
    desk = Desk(config, os.environ, files.log, daemons.figures, files.sinks)
    board = Board(estate.board) if estate.board is not None else None
    sides = _sides(files, manager, board, desk, daemons)
    try:
        again = _again(config, reload, estate)
        master = Master(config, again, estate, files.log, sides, state)
        status = master.run()
    finally:
        desk.close()
    files.close(failed=status != 0)
    return status


class _Again:
    """A reading for a reload: what the start has made of the configuration is made of it too."""

    def __init__(self, reading: Reading, first: Config, estate: Estate) -> None:
        self.pid, self.fd = reading.pid, reading.fd
        self._reading = reading
        self._first = first
        self._passed = len(estate.listeners) > len(first.listeners)

    def finish(self, data: bytes, end: str) -> Config:
        config = _with_master(self._reading.finish(data, end))
        return with_sockets(as_before(config, self._first), self._passed)


def _again(first: Config, reload: Callable[[], Reading], estate: Estate) -> Callable[[], Reading]:
    """Begins to read the configuration for a reload."""
    return lambda: _Again(reload(), first, estate)


def _remark(config: Config, log: Log, manager: Manager | None) -> None:
    """What the operator should know of who started the server."""
    first = os.getpid() == 1
    if (config.daemonize or config.daemonize2) and (first or manager is not None):
        who = "process 1" if first else "a service that reports to systemd"
        log.warning(f"daemonize: ignored for {who}; the log stays on stderr")
    if config.door != "compatible" or config.die_on_term or not config.master:
        return
    if first:
        log.warning(
            "as process 1, SIGTERM stops the server at once; set die-on-term = true to say so"
        )
    elif manager is not None or "INVOCATION_ID" in os.environ:
        log.warning(
            "SIGTERM, by which systemd stops a service, reloads this one until it is killed; set "
            "die-on-term = true, or KillSignal=SIGINT in the unit"
        )


def _become_at_once(config: Config) -> None:
    identity = privileges.find(
        config.immediate_uid,
        config.immediate_gid,
        config.place_of("immediate-uid"),
        config.place_of("immediate-gid"),
    )
    if os.geteuid() == 0:
        privileges.drop(identity)
    elif not identity.is_current:
        Log().warning(
            "immediate-uid and immediate-gid: only root can change them, and this is user "
            f"{os.geteuid()}"
        )


def _show_end_of_log(name: str, start: int) -> None:
    """The last words of a server that failed in the background, for the shell that started it."""
    with suppress(OSError), open(name, "rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(start, file.tell() - _LAST_WORDS))
        sys.stderr.write(file.read(_LAST_WORDS).decode("utf-8", "backslashreplace"))


def _run_script(config: Config) -> int:
    """Run what the configuration asks for in place of serving."""
    from quaich.worker import script

    log = Log()
    startup.drop_privileges(config, log)
    python = startup.interpreter(config)
    if python is None:
        return script.execute(config, log)
    file = os.memfd_create("quaich-config", 0)
    os.write(file, config.to_json().encode())
    launch.execute("quaich.worker.script", file, python)
    return 1


def _with_master(config: Config) -> Config:
    """The configuration with a master, where the application needs another interpreter than this.

    Without that need, and where the interpreter cannot be told, it is returned as it is.
    """
    if config.master or config.processes > 1:
        return config
    try:
        python = startup.interpreter(config)
    except LoadError:
        return config
    if python is None:
        return config
    text = f"the application is run by {python}, under a master; SIGTERM stops it"
    note = diagnose("QX002", text, config.place_of("virtualenv"), "virtualenv")
    # The other note says what is not so any more.
    notes = [each for each in config.notes if each.code != "QX001"]
    return replace(config, master=True, die_on_term=True, notes=(*notes, note))


def _serve_alone(config: Config, files: Files, manager: Manager | None, detached: Detached) -> int:
    """The one worker of a server without a master, in this process."""
    # A master never serves, and does without these in its memory.
    from quaich.worker import strays, tls, warm
    from quaich.worker.process import Stage, open_doors, run_worker

    log = files.log
    if manager is not None and manager.watchdog:
        log.warning("WatchdogSec= needs a master, which gives the signs of life; set master = true")
    sender = notify.Sender(manager.address) if manager is not None else None

    def tell(view: View) -> None:
        if sender is not None:
            alone(sender, view)

    def ready() -> None:
        hooks.accepting(config, 1, False, log)
        log.info(f"worker=1 pid={os.getpid()} ready generation=1")
        tell(View(1, 1))
        detached.told()

    resources.claim(config)
    contexts = tls.contexts(files.listeners)
    startup.drop_privileges(config, log)
    for name in _NEED_MASTER:
        if getattr(config, name.replace("-", "_")):
            place = config.place_of(name)
            log.warning(
                f"{place}{': ' if place else ''}{name}: only a master can replace a worker; "
                "without effect (set master = true)"
            )
    hooks.run(config, "as-user", log)
    strays.watch([each.fd for each in files.listeners])
    apps = startup.load(config, config.need_app, log)
    resources.settle(config, 1)
    hooks.run(config, "post-fork", log)
    warm.set_up(warm.find_hooks(config))
    warm.warm_up(config, apps, log)
    warm.try_out(config, apps, log)
    stage = Stage(
        config=config,
        apps=apps,
        doors=open_doors(config, files.listeners, contexts),
        scoreboard=Scoreboard.create(1, config.threads),
        lifeline=None,
        lounge=None,
        log=log,
    )
    status = run_worker(
        stage=stage,
        slot=1,
        seat=0,
        generation=1,
        on_ready=ready,
        on_abandon=lambda: files.close(failed=False),
        on_spent=lambda cause: None,
        on_shown=lambda: None,
    )
    tell(View(1, 1, ending=True))
    at_exit(config, log)
    return status
