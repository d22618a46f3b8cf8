"""The zygote: loads the application once, then only forks workers when the master asks.

It is a freshly executed interpreter, so that a reload gets new code, or for the first generation a
fork of the master that is like one; it executes nothing of the application before privileges are
dropped.  Workers are forked twice: the process in between
ends at once, and the kernel re-parents the worker to the master, which is what waits for it and
what it dies with.  A worker runs only after the master has been told of it: a worker that nobody
knows cannot exist.

    zygote        fork ─ tell master (Forked) ─ wait for the child ─ open the gate
    in between         └ fork ─ exit
    worker                    └ wait at the gate ─ set up ─ try out ─ serve

The zygote of a later generation can be forked in the same way (``Refork``): it takes over what was
loaded, answers some requests, and from then on is a zygote like any other.

With lazy-apps the zygote loads nothing, and each worker loads the application for itself.

The zygote ends when the master does: by the kernel's signal while it loads, and by the end of the
lifeline after, when it also removes the files that the master can no longer remove.
"""

import atexit
import contextlib
import gc
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn

from quaich.errors import QuaichError
from quaich.log.server import Log, log_of
from quaich.net.listen import remove_file
from quaich.stats.scoreboard import Scoreboard
from quaich.sys import family, process
from quaich.values import replace
from quaich.worker import (
    hooks,
    inherited,
    logswitch,
    messages,
    naming,
    output,
    resources,
    startup,
    warm,
)
from quaich.worker.bootstrap import Bootstrap, OtherVersion
from quaich.worker.connection import Door
from quaich.worker.process import open_doors, run_worker
from quaich.worker.sources import Reporter
from quaich.wsgi import loader

_GO = b"!"
_DYING = 1.0
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
    os._exit(Zygote(bootstrap, log_of(bootstrap.config, bootstrap.courier)).run())


class Zygote:
    """One generation's loaded application, and the forking of its workers."""

    def __init__(self, bootstrap: Bootstrap, log: Log) -> None:
        self._bootstrap = bootstrap
        self._config = bootstrap.config
        self._log = log
        self._channel = socket.socket(fileno=bootstrap.channel)
        self._apps = loader.Apps(None)
        self._doors: Sequence[Door] = ()
        self._hooks: list[tuple[str, warm.Hook]] = []
        self._ours = inherited.descriptors()
        self._sources = Reporter(self._config.py_auto_reload_ignore, self._tell_sources)
        self._pid = os.getpid()
        # The slots that had a worker: the next one there replaces it.
        self._forked: set[int] = set()

    def run(self) -> int:
        """Load, report, fork on request until the master is gone; the exit status."""
        master = self._bootstrap.master
        try:
            if not process.die_with_parent(master):
                return 1
            resources.claim(self._config)
            startup.drop_privileges(self._config, self._log)
            # The change of user has made the kernel forget.
            if not process.die_with_parent(master):
                return 1
            hooks.run(self._config, "as-user", self._log)
            if self._config.lazy_apps:
                self._config = loader.prepare(self._config)
            else:
                self._load(prepared=False)
                warm.warm_up(self._config, self._apps, self._log)
            if self._bootstrap.generation > 1:
                # The master did it at its start, and has no time now.
                hooks.run(self._config, "master-start", self._log)
        except QuaichError as error:
            self._report_failure(error)
            self._send(messages.LoadFailed(str(error), error.status))
            return error.status
        return self._wait_for_work()

    def _load(self, prepared: bool) -> None:
        need_app = self._bootstrap.need_app
        if prepared:
            self._apps = startup.load_prepared(self._config, need_app, self._log)
        else:
            self._apps = startup.load(self._config, need_app, self._log)
        self._hooks = warm.find_hooks(self._config)

    def _wait_for_work(self) -> int:
        """As a zygote that has what it needs: say so, and fork until the master is gone."""
        if self._is_astray():
            return 1
        for level, text in inherited.remarks(inherited.look(self._ours)):
            getattr(self._log, level)(text)
        self._report_sources()
        # Made here what needs not be made in each of the workers: it is in their memory once.
        self._doors = open_doors(self._config, self._bootstrap.listeners)
        self._scoreboard = Scoreboard.attach(self._bootstrap.scoreboard)
        # What lives now lives as long as the workers: no collection may write to (and so copy)
        # these pages.
        gc.collect()
        gc.freeze()
        # Of these a process that only waits has no use; and where the master is killed while this
        # is stopped, the kernel sends a hangup before there is time to clean up.
        for number in _UNHEARD:
            signal.signal(number, _ignore)
        self._send(messages.Loaded())
        process.outlive_parent()
        return self._serve()

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
        while True:
            ready = [fd for fd, _ in poller.poll()]
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
            if isinstance(message, messages.Fork):
                self._fork(message)
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

    def _fork(self, message: messages.Fork) -> None:
        slot = message.slot
        failure = self._bear(
            f"worker={slot}",
            lambda: self._work(slot, message.seat),
            lambda pid: messages.Forked(slot, pid),
        )
        if failure:
            self._send(messages.ForkFailed(slot, failure))
        else:
            self._forked.add(slot)

    def _refork(self, message: messages.Refork, fds: list[int]) -> None:
        number = message.generation
        failure = "its descriptors did not arrive"
        if len(fds) == 2:
            failure = self._bear(
                f"zygote generation={number}",
                lambda: self._succeed(message, *fds),
                lambda pid: messages.Reforked(number, pid),
            )
        if failure:
            self._send(messages.ReforkFailed(number, failure))

    def _bear(
        self, name: str, live: Callable[[], int], announce: Callable[[int], messages.Message]
    ) -> str:
        """Fork a process that is the master's child and wait until the master was told of it.

        It does not live before; what came between is returned.
        """
        gate, opener = os.pipe()
        try:
            child = family.fork_away()
        except OSError as error:
            for fd in (gate, opener):
                os.close(fd)
            return (error.strerror or "").lower()
        if child == 0:
            os.close(opener)
            self._pass(name, live, gate)
        os.close(gate)
        self._send(announce(child))
        try:
            os.write(opener, _GO)
        except BrokenPipeError:
            pass  # it has ended already, and the master hears of that
        os.close(opener)
        return ""

    def _pass(self, name: str, live: Callable[[], int], gate: int) -> NoReturn:
        """In the new process: wait at the gate, then live."""
        self._pid = os.getpid()
        for number in _UNHEARD:
            signal.signal(number, signal.SIG_DFL)
        status = 1
        try:
            if os.read(gate, 1) == _GO and process.die_with_parent(self._bootstrap.master):
                os.close(gate)
                status = live()
                sys.stdout.flush()
                sys.stderr.flush()
        except hooks.HookError as error:
            self._log.error(f"{name} {error}")
        except BaseException as error:
            # Nothing may climb back into the zygote's frames.
            self._log.error(f"{name} failed: {type(error).__name__}: {error}")
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
        return self._wait_for_work()

    def _work(self, slot: int, seat: int) -> int:
        naming.show(self._config, naming.worker(slot))
        self._log = self._log.of_worker(slot)
        lend = None
        if self._config.log_worker_output and self._bootstrap.courier is not None:
            lend = output.capture(self._log)
        try:
            resources.settle(self._config, slot)
            hooks.run(self._config, "post-fork", self._log)
            if self._config.lazy_apps:
                self._load(prepared=True)
            warm.set_up(self._hooks)
            if self._config.lazy_apps:
                warm.warm_up(self._config, self._apps, self._log)
            warm.try_out(self._config, self._apps, self._log)
        except QuaichError as error:
            self._report_failure(error)
            self._log.error(f"worker={slot} pid={os.getpid()} is not ready: {error}")
            self._send(messages.NotReady(slot, str(error), error.status))
            return error.status
        if self._is_astray():
            return 1
        if slot == 1 and self._config.py_auto_reload:
            self._report_sources()
            self._sources.keep_reporting(self._config.py_auto_reload)
        status = run_worker(
            config=self._config,
            apps=self._apps,
            doors=self._doors,
            slot=slot,
            seat=seat,
            generation=self._bootstrap.generation,
            scoreboard=self._scoreboard,
            lifeline=self._bootstrap.lifeline,
            lounge=self._bootstrap.lounge,
            board=self._bootstrap.board,
            lend=lend,
            on_ready=lambda: self._accepting(slot),
            on_abandon=lambda: None,
            on_spent=lambda cause: self._send(messages.Spent(slot, cause)),
            log=self._log,
        )
        # The application may have asked to be told of the end of its process.
        if not self._config.skip_atexit:
            atexit._run_exitfuncs()
        return status

    def _accepting(self, slot: int) -> None:
        hooks.accepting(self._config, slot, slot in self._forked, self._log)
        self._send(messages.Ready(slot))
