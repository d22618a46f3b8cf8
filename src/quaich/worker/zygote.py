"""The zygote: loads the application once, then only forks workers when the master asks.

It is a freshly executed interpreter, so that a reload gets new code, or for the first generation a
fork of the master that is like one; it executes nothing of the application before privileges are
dropped.  Workers are forked twice: the process in between
ends at once, and the kernel re-parents the worker to the master, which is what waits for it and
what it dies with.  A worker runs only after the master has been told of it: a worker that nobody
knows cannot exist.

    zygote        fork ─ wait for the child ─ tell master (Forked) ─ open the gate
    in between         └ fork ─ exit
    worker                    └ wait at the gate ─ set up ─ try out ─ serve

The zygote of a later generation can be forked in the same way (``Refork``): it takes over what was
loaded, answers some requests, and from then on is a zygote like any other.

With lazy-apps the zygote loads nothing, and each worker loads the application for itself.

What is in memory when a worker is forked is there once for all, until one process writes to it; and
the interpreter writes to every object that it touches.  So all that can be is made or decided
before, and workers that are asked for at once are forked at once: what the zygote does next, it
does for itself.

The zygote ends when the master does: by the kernel's signal while it loads, and by the end of the
lifeline after, when it also removes the files that the master can no longer remove.
"""

import atexit
import contextlib
import errno
import gc
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from quaich.errors import QuaichError
from quaich.log.server import Log, log_of
from quaich.net.listen import remove_file
from quaich.stats.scoreboard import Scoreboard
from quaich.sys import family, process
from quaich.values import dataclass, replace
from quaich.worker import (
    appmetrics,
    hooks,
    inherited,
    logswitch,
    messages,
    naming,
    output,
    resources,
    startup,
    strays,
    tls,
    warm,
)
from quaich.worker.bootstrap import Bootstrap, OtherVersion
from quaich.worker.connection import Door
from quaich.worker.process import Stage, open_doors, run_worker
from quaich.worker.sources import Reporter
from quaich.wsgi import loader

_GO = b"!"
_DYING = 1.0
_LONG = 1.0
"""Seconds of loading, from which on a look for the garbage of it takes no time in comparison."""
_UNHEARD = (signal.SIGHUP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)


def _ignore(number: int, frame: object) -> None:
    """A handler, because what a process ignores the programs that it starts ignore as well."""


def main() -> NoReturn:
    """The zygote's process: ``sys.argv[1]`` is the descriptor of its bootstrap."""
    with os.fdopen(int(sys.argv[1]), "rb") as file:
        file.seek(0)
        try:
            bootstrap = Bootstrap.from_json(file.read().decode())
        except OtherVersion as error:
            packet = messages.encode(messages.LoadFailed(str(error), 1))
            socket.socket(fileno=error.channel).send(packet, socket.MSG_NOSIGNAL)
            os._exit(1)
    # No process that the application starts may inherit a listening socket or hold the lifeline.
    for fd in bootstrap.descriptors():
        os.set_inheritable(fd, False)
    begin(bootstrap)


def begin(bootstrap: Bootstrap) -> NoReturn:
    """Be the zygote, in a process that is nothing else."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if bootstrap.board is not None:
        logswitch.follow(bootstrap.board)
    naming.show(bootstrap.config, naming.ZYGOTE)
    strays.watch([each.fd for each in bootstrap.listeners])
    status = Zygote(bootstrap, log_of(bootstrap.config, bootstrap.courier)).run()
    os._exit(status)


@dataclass(frozen=True)
class _Birth:
    """A process to be forked: its name in the log, what it does, what the master is told of it."""

    name: str
    live: Callable[[], int]
    born: Callable[[int], messages.Message]
    failed: Callable[[str], messages.Message]


class Zygote:
    """One generation's loaded application, and the forking of its workers."""

    def __init__(self, bootstrap: Bootstrap, log: Log) -> None:
        self._bootstrap = bootstrap
        self._config = bootstrap.config
        self._log = log
        self._channel = socket.socket(fileno=bootstrap.channel)
        self._apps = loader.Apps(None)
        self._doors: Sequence[Door] = ()
        self._contexts: dict[int, Any] = {}
        self._hooks: list[tuple[str, warm.Hook]] = []
        self._ours = inherited.descriptors()
        self._sources = Reporter(self._config.py_auto_reload_ignore, self._tell_sources)
        self._pid = os.getpid()
        # The slots that had a worker: the next one there replaces it.
        self._forked: set[int] = set()
        self._stages: list[Stage] = []
        self._chores = self._accepting_chores = True
        self._ready: dict[int, bytes] = {}

    def run(self) -> int:
        """Load, report, fork on request until the master is gone; the exit status."""
        master = self._bootstrap.master
        began = time.monotonic()
        try:
            with resources.within_limits(self._config):
                if not self._begin(master):
                    return 1
                self._prepare(tidy=time.monotonic() - began > _LONG)
        except QuaichError as error:
            return self._cannot_serve(error)
        return self._wait_for_work()

    def _cannot_serve(self, error: QuaichError) -> int:
        self._report_failure(error)
        self._send(messages.LoadFailed(str(error), error.status))
        return error.status

    def _begin(self, master: int) -> bool:
        """Load; whether there is a master still, and this is its zygote."""
        if not process.die_with_parent(master):
            return False
        resources.claim(self._config)
        # Keys may be readable for the first user only.
        self._contexts = tls.contexts(self._bootstrap.listeners)
        startup.drop_privileges(self._config, self._log)
        # The change of user has made the kernel forget.
        if not process.die_with_parent(master):
            return False
        hooks.run(self._config, "as-user", self._log)
        if self._config.lazy_apps:
            self._config = loader.prepare(self._config)
        else:
            self._load(prepared=False)
            warm.warm_up(self._config, self._apps, self._log)
        if self._bootstrap.generation > 1:
            # The master did it at its start, and has no time now.
            hooks.run(self._config, "master-start", self._log)
        return not self._is_astray()

    def _load(self, prepared: bool) -> None:
        need_app = self._bootstrap.need_app
        if prepared:
            self._apps = startup.load_prepared(self._config, need_app, self._log)
        else:
            self._apps = startup.load(self._config, need_app, self._log)
        self._hooks = warm.find_hooks(self._config)

    def _prepare(self, tidy: bool) -> None:
        """Make what workers have in common.

        What is garbage by now stays for good, unless it is to be ``tidy``, which takes a moment.
        """
        for level, text in inherited.remarks(inherited.look(self._ours)):
            getattr(self._log, level)(text)
        self._report_sources()
        # Made here what needs not be made in each of the workers: it is in their memory once.
        self._doors = open_doors(self._config, self._bootstrap.listeners, self._contexts)
        self._scoreboard = Scoreboard.attach(self._bootstrap.scoreboard)
        self._decide()
        if tidy:
            gc.collect()

    def _wait_for_work(self) -> int:
        """As a zygote that has what it needs: say so, and fork until the master is gone."""
        # Of these a process that only waits has no use; and where the master is killed while this
        # is stopped, the kernel sends a hangup before there is time to clean up.
        for number in _UNHEARD:
            signal.signal(number, _ignore)
        # What lives now lives as long as the workers: no collection may write to (and so copy)
        # these pages.
        gc.freeze()
        # Who puts a name into the interpreter's cache of attributes lets go of the one that was
        # there, and so writes to it, wherever that is.
        sys._clear_type_cache()
        family.release_memory()
        self._send(messages.Loaded())
        process.outlive_parent()
        try:
            with resources.within_limits(self._config):
                return self._serve()
        except resources.Shortage as error:
            self._log.error(f"zygote pid={os.getpid()}: {error}")
            return error.status

    def _decide(self) -> None:
        """What there is to do in a worker before it serves, and make what needs no worker."""
        config = self._config
        for stage in self._stages:
            stage.disown()
        self._stages = []
        self._ready = {
            slot: messages.encode(messages.Ready(slot))
            for slot in range(1, self._scoreboard.workers + 1)
        }
        self._chores = bool(
            config.lazy_apps
            or naming.name_of(config, naming.ZYGOTE) is not None
            or resources.settles(config)
            or hooks.wanted(config, "post-fork")
            or self._hooks
            or "numpy.random" in sys.modules
            or config.ready_path is not None
            or config.py_auto_reload
        )
        self._accepting_chores = any(hooks.wanted(config, each) for each in hooks.ACCEPTING)
        if not config.lazy_apps and not config.map_socket:
            self._stages.append(self._stage(1))

    def _stage(self, slot: int) -> Stage:
        return Stage(
            config=self._config,
            apps=self._apps,
            doors=self._doors,
            scoreboard=self._scoreboard,
            lifeline=self._bootstrap.lifeline,
            lounge=self._bootstrap.lounge,
            board=self._bootstrap.board,
            log=self._log,
            slot=slot,
        )

    def _is_astray(self) -> bool:
        """Whether this is a process that the application forked while it was loaded or set up.

        It would take what the master says to its parent, and be a worker that nobody knows.
        """
        if os.getpid() == self._pid:
            return False
        self._log.error(
            f"pid={os.getpid()} was forked by the application and came back from it; ended "
            "(such a process has to end itself, by os._exit)"
        )
        return True

    # What the master is told.

    def _send(self, message: messages.Message) -> None:
        try:
            self._channel.send(messages.encode(message), socket.MSG_NOSIGNAL)
        except OSError:
            pass  # the master is gone, and the lifeline will say so

    def _tell_sources(self, paths: Iterable[str]) -> None:
        for message in messages.modules(paths):
            self._send(message)

    def _report_sources(self, error: QuaichError | None = None) -> None:
        if self._config.py_auto_reload:
            failed = [*self._apps.failed, *([error] if error is not None else [])]
            self._sources.report(getattr(each, "detail", "") for each in failed)

    def _report_failure(self, error: QuaichError) -> None:
        detail = getattr(error, "detail", "")
        if detail:
            self._log.block(detail)
        self._report_sources(error)

    # What the master asks.

    def _serve(self) -> int:
        poller = select.poll()
        poller.register(self._channel, select.POLLIN)
        poller.register(self._bootstrap.lifeline, select.POLLIN)
        asked: list[messages.Fork] = []
        several = False
        while True:
            ready = [fd for fd, _ in poller.poll(0 if several else None)]
            if not ready:
                if asked:
                    self._fork(asked)
                asked, several = [], False
                continue
            packet = b""
            fds: list[int] = []
            if self._bootstrap.lifeline not in ready:
                # A master that was killed before it had read everything leaves an error.
                with contextlib.suppress(ConnectionError):
                    packet, fds, _, _ = socket.recv_fds(
                        self._channel, messages.LIMIT, 2, socket.MSG_CMSG_CLOEXEC
                    )
            if not packet:
                self._clean_up()
                return 0
            message = messages.decode(packet)
            if isinstance(message, messages.Fork) and several:
                asked.append(message)
            elif isinstance(message, messages.Fork):
                # The first that is asked for is not kept waiting for the others.
                self._fork([message])
                several = True
            elif isinstance(message, messages.Refork):
                self._refork(message, fds)
            for fd in fds:
                os.close(fd)

    def _clean_up(self) -> None:
        """Remove what the master can no longer remove, if it is the master that is gone."""
        poller = select.poll()
        poller.register(self._bootstrap.lifeline, select.POLLIN)
        # The kernel closes what the dead held one after the other.
        if poller.poll(_DYING * 1000):
            for path, device, inode in self._bootstrap.leftovers:
                remove_file(path, (device, inode))

    def _fork(self, asked: Sequence[messages.Fork]) -> None:
        born = self._bear([self._worker(each.slot, each.seat) for each in asked])
        self._forked.update(asked[index].slot for index in born)

    def _worker(self, slot: int, seat: int) -> _Birth:
        return _Birth(
            f"worker={slot}",
            lambda: self._work(slot, seat),
            lambda pid: messages.Forked(slot, pid),
            lambda reason: messages.ForkFailed(slot, reason),
        )

    def _refork(self, message: messages.Refork, fds: list[int]) -> None:
        number = message.generation
        birth = _Birth(
            f"zygote generation={number}",
            lambda: self._succeed(message, *fds),
            lambda pid: messages.Reforked(number, pid),
            lambda reason: messages.ReforkFailed(number, reason),
        )
        if len(fds) == 2:
            self._bear([birth])
        else:
            self._send(birth.failed("its descriptors did not arrive"))

    def _bear(self, births: Sequence[_Birth]) -> list[int]:
        """Fork processes that are the master's children, and let them live when it was told.

        Which of them were forked is returned.
        """
        outcomes: list[int] = []
        gate, opener = -1, -1
        try:
            gate, opener = os.pipe()
        except OSError as error:
            outcomes = [-(error.errno or errno.EMFILE)] * len(births)
        else:
            index = family.fork_away(len(births), outcomes)
            if index >= 0:
                os.close(opener)
                self._pass(births[index], gate)
        for birth, outcome in zip(births, outcomes, strict=True):
            if outcome > 0:
                self._send(birth.born(outcome))
            else:
                self._send(birth.failed(os.strerror(-outcome).lower()))
        if gate >= 0:
            os.close(gate)
            # Whoever has ended already is past reading, and the master hears of that.
            with contextlib.suppress(BrokenPipeError):
                os.write(opener, _GO * len(births))
            os.close(opener)
        return [index for index, each in enumerate(outcomes) if each > 0]

    def _pass(self, birth: _Birth, gate: int) -> NoReturn:
        """In the new process: wait at the gate, then live."""
        self._pid = os.getpid()
        for number in _UNHEARD:
            process.set_handler(number, signal.SIG_DFL)
        status = 1
        try:
            if os.read(gate, 1) == _GO and process.die_with_parent(self._bootstrap.master):
                os.close(gate)
                status = birth.live()
                sys.stdout.flush()
                sys.stderr.flush()
        except hooks.HookError as error:
            self._log.error(f"{birth.name} {error}")
        except BaseException as error:
            # Nothing may climb back into the zygote's frames.
            self._log.error(f"{birth.name} failed: {type(error).__name__}: {error}")
            self._log.block("".join(traceback.format_exception(error)))
        finally:
            os._exit(status)

    # In what was forked.

    def _succeed(self, message: messages.Refork, channel: int, scoreboard: int) -> int:
        """As the zygote of a later generation: answer requests, then fork its workers."""
        self._channel.close()
        os.close(self._bootstrap.scoreboard)
        self._channel = socket.socket(fileno=channel)
        self._bootstrap = replace(
            self._bootstrap, generation=message.generation, channel=channel, scoreboard=scoreboard
        )
        self._ours = self._ours | inherited.descriptors()
        if not self._config.lazy_apps:
            warm.serve(self._config, self._apps, message.count, self._log)
        if self._is_astray():
            return 1
        try:
            with resources.within_limits(self._config):
                self._prepare(tidy=True)
        except QuaichError as error:
            return self._cannot_serve(error)
        return self._wait_for_work()

    def _work(self, slot: int, seat: int) -> int:
        self._log.belong(slot)
        lend = None
        if self._config.log_worker_output and self._bootstrap.courier is not None:
            lend = output.capture(self._log)
        if self._chores:
            try:
                with resources.within_limits(self._config):
                    self._do_chores(slot)
            except QuaichError as error:
                return self._not_ready(slot, error)
            if self._is_astray():
                return 1
            if slot == 1 and self._config.py_auto_reload:
                self._report_sources()
                self._sources.keep_reporting(self._config.py_auto_reload)
        try:
            with resources.within_limits(self._config):
                status = self._accept(slot, seat, lend)
        except resources.Shortage as error:
            return self._not_ready(slot, error)
        # The application may have asked to be told of the end of its process.
        if not self._config.skip_atexit:
            atexit._run_exitfuncs()
        return status

    def _not_ready(self, slot: int, error: QuaichError) -> int:
        self._report_failure(error)
        self._log.error(f"worker={slot} pid={os.getpid()} is not ready: {error}")
        self._send(messages.NotReady(slot, str(error), error.status))
        return error.status

    def _accept(self, slot: int, seat: int, lend: Callable[[], None] | None) -> int:
        """Serve until told to leave; the exit status."""
        mine = self._scoreboard.slot(slot, seat)
        stage = self._stages[0] if self._stages else self._stage(slot)
        metrics = appmetrics.begin(self._config, slot, self._channel, mine.served, self._log)
        if metrics is not None:
            stage.answerer.routes = metrics.routes
        status = run_worker(
            stage=stage,
            slot=slot,
            seat=seat,
            generation=self._bootstrap.generation,
            lend=lend,
            on_ready=lambda: self._accepting(slot),
            on_abandon=_nothing,
            on_spent=lambda cause: self._send(messages.Spent(slot, cause)),
            on_shown=lambda: self._send(messages.Shown(slot)),
        )
        if metrics is not None:
            metrics.end()
        return status

    def _do_chores(self, slot: int) -> None:
        naming.show(self._config, naming.worker(slot))
        resources.settle(self._config, slot)
        hooks.run(self._config, "post-fork", self._log)
        if self._config.lazy_apps:
            self._load(prepared=True)
        warm.set_up(self._hooks)
        if self._config.lazy_apps:
            warm.warm_up(self._config, self._apps, self._log)
        warm.try_out(self._config, self._apps, self._log)

    def _accepting(self, slot: int) -> None:
        if self._accepting_chores:
            try:
                hooks.accepting(self._config, slot, slot in self._forked, self._log)
            except hooks.HookError as error:
                self._send(messages.NotReady(slot, str(error), error.status))
                raise
        try:
            self._channel.send(self._ready[slot], socket.MSG_NOSIGNAL)
        except OSError:
            pass  # as in _send


def _nothing() -> None:
    pass
