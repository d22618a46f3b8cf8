"""Keeps the courier: starts it before anything is logged, again when it dies, and ends it last.

What lines are left in belongs to the master, so none is lost when a courier dies: the next one
finds them.  While there is none they wait, and what does not fit is dropped and counted.
"""

import contextlib
import mmap
import os
import signal
import socket
import time
from collections.abc import Callable
from typing import Any, NoReturn

from quaich.config.effective import Config
from quaich.errors import QuaichError
from quaich.log import rotation
from quaich.log.courier.plan import carries_requests, carries_server, plan
from quaich.log.file import Target
from quaich.log.server import Log, log_of
from quaich.master.side import BaseSide, House
from quaich.master.touches import Touches
from quaich.master.vocabulary import Action, Meaning, Perform, StartZygote
from quaich.sys import privileges, process
from quaich.worker import startup
from quaich.worker.logswitch import SIGNAL

END = 5.0
"""Seconds for it to end in, two more than it takes when its sinks are slow."""

_PIPE = 1048576
_SETTLED = 10.0
_CELLS = 4096
_RINGS = 32
_PACKET = 32768


def wanted(config: Config) -> bool:
    """Whether a configuration needs a courier."""
    return carries_requests(config)


class CourierHouse(BaseSide):
    """The side that keeps it.

    ``target`` makes a log file of a name, ``otherwise`` is the file that the log would be in
    without loggers.
    """

    name = "courier"

    def __init__(
        self, config: Config, target: Callable[[str], Target], otherwise: Target | None
    ) -> None:
        self._server = config
        self._target = target
        self._otherwise = otherwise
        self._pid = 0
        self._started = 0.0
        self._failures = 0
        self._due: float | None = None
        self._touches = Touches()
        self._inlet = (-1, -1)
        self._pipe = (-1, -1)
        self._origin = -1
        self._counters = -1
        self._bell = (-1, -1)
        self.on_alarm: Callable[[str, str], None] = lambda name, message: None

    @property
    def mailbox(self) -> int:
        """Where lines are left."""
        return self._inlet[1]

    def open(self) -> Log:
        """Prepare everything, start it, and log through it from here on; the log."""
        config = self._server
        self._check()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _PIPE)
        theirs.setblocking(False)
        self._inlet = ours.detach(), theirs.detach()
        self._pipe = os.pipe2(os.O_CLOEXEC)
        with contextlib.suppress(OSError):
            _grow(self._pipe[1])
        self._origin = os.dup(2)
        self._counters = os.memfd_create("quaich-couriers", os.MFD_CLOEXEC)
        os.ftruncate(self._counters, _CELLS)
        if config.log_alarm:
            heard, rung = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            heard.setblocking(False)
            rung.setblocking(False)
            self._bell = heard.detach(), rung.detach()
        self._start()
        if carries_server(config):
            for fd in (1, 2):
                os.dup2(self._pipe[1], fd)
        return log_of(config, self.mailbox)

    def _check(self) -> None:
        """Refuse at the start what cannot work: a file that cannot be opened, above all."""
        from quaich.log.courier.begin import Setting, queues

        setting = Setting(-1, -1, -1, -1, 2, self._otherwise, self._target, time.time)
        try:
            for queue in queues(self._server, plan(self._server), setting):
                queue.outlet.open()
                queue.outlet.close()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise QuaichError(
                f"logger: {error.filename or 'it'} cannot be opened: {reason}"
            ) from None
        except QuaichError as error:
            raise QuaichError(f"logger: {error}") from None

    def resume(self, state: Any) -> None:
        """Go on with the courier there is."""
        self._pid = state["pid"]
        self._inlet = tuple(state["inlet"])
        self._pipe = tuple(state["pipe"])
        self._origin = state["origin"]
        self._counters = state["counters"]
        self._bell = tuple(state["bell"])
        self._started = time.monotonic()
        for fd in self._descriptors():
            os.set_inheritable(fd, False)

    def carry(self) -> tuple[Any, list[int]]:
        """The courier, and what leads to it."""
        state = {
            "pid": self._pid,
            "inlet": self._inlet,
            "pipe": self._pipe,
            "origin": self._origin,
            "counters": self._counters,
            "bell": self._bell,
        }
        return state, self._descriptors()

    def _descriptors(self) -> list[int]:
        found = [*self._inlet, *self._pipe, *self._bell, self._origin, self._counters]
        return [fd for fd in found if fd >= 0]

    def attach(self, house: House) -> None:
        """Hear of alarms from here on."""
        super().attach(house)
        if self._bell[0] >= 0:
            house.watch(self._bell[0], self._hear)

    def _hear(self) -> None:
        for _ in range(_RINGS):
            try:
                packet = os.read(self._bell[0], _PACKET)
            except BlockingIOError:
                return
            name, _, message = packet.decode("utf-8", "backslashreplace").partition("\0")
            self.on_alarm(name, message)

    def counters(self) -> dict[str, tuple[int, int]]:
        """The lines sent and dropped, by sink."""
        with mmap.mmap(self._counters, 0, prot=mmap.PROT_READ) as memory:
            cells = memoryview(memory).cast("Q")
            names = [*(sink.shown for sink in plan(self._server).sinks), "otherwise"]
            found = {
                name: (cells[2 * index], cells[2 * index + 1]) for index, name in enumerate(names)
            }
            cells.release()
        return found

    def due(self) -> float | None:
        """The next try to start it, and the next look at files."""
        config = self._current()
        look = self._touches.due(config) if config is not None else None
        return min((each for each in (self._due, look) if each is not None), default=None)

    def turn(self, now: float) -> None:
        """Start it again, if that is due."""
        if self._due is not None and now >= self._due:
            self._due = None
            self._start()
            self.house.log.info(f"courier pid={self._pid} started again")
            self._tell_workers()
        config = self._current()
        if config is not None:
            reopen, rotate = self._touches.look(config, now)
            if reopen or rotate:
                self._signal(signal.SIGUSR1 if rotate else signal.SIGHUP)

    def heed(self, action: Action, now: float) -> bool:
        """Logs are to be opened again."""
        match action:
            case StartZygote(_, True):
                config = self._current()
                if config is not None and config.log_reopen:
                    self._signal(signal.SIGHUP)
            case Perform(Meaning.REOPEN | Meaning.ROTATE as meaning, ticket):
                self._signal(signal.SIGHUP if meaning is Meaning.REOPEN else signal.SIGUSR1)
                if carries_server(self._server):
                    self.house.answer(ticket, True, f"{meaning.value}: done")
                    return True
        return False

    def died(self, pid: int, how: str) -> bool:
        """It has died; another is started, the sooner the longer this one lived."""
        if pid != self._pid:
            return False
        now = time.monotonic()
        self._failures = 0 if now - self._started > _SETTLED else self._failures + 1
        self._pid = 0
        self._due = now + (rotation.pause(self._failures - 1) if self._failures else 0.0)
        self.house.log.error(f"courier pid={pid} died {how}")
        return True

    def end(self) -> None:
        """The last lines are written: give back stdout and stderr, and have it finish."""
        for fd in (1, 2):
            if carries_server(self._server):
                os.dup2(self._origin, fd)
        for fd in (self._inlet[1], self._pipe[1]):
            os.close(fd)
        self._finish()
        for fd in (self._inlet[0], self._pipe[0], *self._bell, self._origin, self._counters):
            if fd >= 0:
                os.close(fd)

    def _finish(self) -> None:
        if not self._pid:
            return
        self._signal(signal.SIGTERM)
        until = time.monotonic() + END
        while time.monotonic() < until:
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(self._pid, os.WNOHANG)[0] == 0:
                    time.sleep(0.005)
                    continue
            self._pid = 0
            return
        self._signal(signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)
        self._pid = 0

    def _current(self) -> Config | None:
        return self.house.config(self.house.plan.current)

    def _signal(self, number: signal.Signals) -> None:
        if self._pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, number)

    def _tell_workers(self) -> None:
        """Their pipes are to be lent to the new one."""
        if not self._server.log_worker_output:
            return
        for generation in self.house.plan.generations.values():
            for each in generation.processes():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(each.pid, SIGNAL)

    def _start(self) -> None:
        self._started = time.monotonic()
        master = os.getpid()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            pid = os.fork()
            if pid == 0:
                self._live(master)
            self._pid = pid
        except OSError:
            self._failures += 1
            self._due = self._started + rotation.pause(self._failures)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _live(self, master: int) -> NoReturn:
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            os.setsid()
            process.reset_handlers()
            for fd in (1, 2):
                os.dup2(self._origin, fd)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            # A master does without this in its memory.
            from quaich.log.courier import begin

            kept = {0, 1, 2, self._inlet[0], self._pipe[0], self._bell[1]}
            kept |= {self._origin, self._counters}
            kept |= {int(sink.argument) for sink in plan(self._server).sinks if sink.type == "fd"}
            begin.keep_only(kept)
            if process.die_with_parent(master, signal.SIGTERM):
                setting = begin.Setting(
                    self._inlet[0],
                    self._pipe[0],
                    self._bell[1],
                    self._counters,
                    self._origin,
                    self._otherwise,
                    self._target,
                    time.time,
                )
                begin.begin(self._server, setting, lambda: self._become(master))
                status = 0
        except BaseException as error:
            Log().error(f"courier: {type(error).__name__}: {error}")
        finally:
            os._exit(status)

    def _become(self, master: int) -> None:
        identity = startup.identity(self._server)
        if os.geteuid() == 0 and identity.uid is not None:
            privileges.drop(identity)
            # The change of user has made the kernel forget.
            process.die_with_parent(master, signal.SIGTERM)


def _grow(pipe: int) -> None:
    import fcntl

    fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE)
