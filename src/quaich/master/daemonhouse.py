"""Performs what ``daemons`` decides: starts, signals and looks at the programs of attach-daemon.

A daemon runs as the configured user (its own ``uid`` and ``gid`` count where the master is root),
in a session of its own, and is killed by the kernel with the master, unless it is a smart one.  A
command that a shell must stay for has a watchman in front, since the kernel kills only the shell.
They end after the workers: requests that are being answered may need them.
"""

import contextlib
import os
import select
import signal
import stat
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from quaich.config import daemons as texts
from quaich.config.daemons import Daemon
from quaich.config.effective import Config
from quaich.master import daemons, errand
from quaich.master.fleet import Phase
from quaich.master.side import BaseSide
from quaich.master.vocabulary import Asked, Meaning
from quaich.master.watch import changed, stamp
from quaich.patterns import pattern
from quaich.stats.figures import Daemon as Figure
from quaich.sys import process
from quaich.sys.process import describe_end
from quaich.values import replace

_INTERVAL = 1.0
_SOON = 0.1
# Seconds to end in when the server is to stop at once.
_LITTLE_MERCY = 5.0
# What a watchman does not take for itself.
_TELLING = tuple(
    signal.Signals[f"SIG{name}"]
    for name in ("HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "ALRM", "WINCH")
)
# Between the words of these a shell has something to do once the program has ended.
_COMPOUND = pattern(r"[;&|(){}\n]|^\s*(\w+=|if |for |while |until |case |cd )")


def wanted(config: Config) -> tuple[Daemon, ...]:
    """The daemons of a configuration."""
    return (
        *map(texts.plain, config.attach_daemon),
        *map(texts.control, config.attach_control_daemon),
        *map(texts.smart, config.smart_attach_daemon),
        *map(texts.smart2, config.smart_attach_daemon2),
        *map(texts.pairs, config.attach_daemon2),
    )


class DaemonHouse(BaseSide):
    """The side of the master that keeps daemons; they start when the first generation serves."""

    name = "daemons"

    def __init__(self) -> None:
        self._daemons = daemons.Daemons(1.0)
        self._generation = 0
        self._config: Config | None = None
        self._turned = 0.0
        self._stamps: dict[str, int | None] = {}
        self._looked = 0.0
        # Nobody writes: it ends with the master.
        self._end, self._held = os.pipe()

    def figures(self) -> tuple[Figure, ...]:
        """The daemons, for the statistics."""
        return tuple(
            Figure(each.spec.command, each.pid, max(0, each.starts - 1))
            for each in self._daemons.kept.values()
            if each.wanted
        )

    def resume(self, state: Any) -> None:
        """Go on with the daemons there are."""
        self._generation = state["generation"]
        self._daemons = daemons.Daemons.from_data(1.0, state["daemons"])
        os.close(self._end)
        os.close(self._held)
        self._end, self._held = state["pipe"]

    def carry(self) -> tuple[Any, list[int]]:
        """The daemons, and the pipe that their watchmen look at."""
        pipe = [self._end, self._held]
        data = self._daemons.to_data()
        return {"generation": self._generation, "daemons": data, "pipe": pipe}, pipe

    def due(self) -> float | None:
        """The next start, look or end."""
        plan = self.house.plan
        if plan.phase is Phase.SERVING and plan.current != self._generation:
            return self._turned
        times = [self._daemons.deadline()]
        if any(each.state is daemons.State.STOPPING for each in self._daemons.kept.values()):
            # One that was adopted has another parent, and its end is told by nobody.
            times.append(self._turned + _SOON)
        if any(each.spec.touch for each in self._daemons.kept.values()):
            times.append(self._looked + _INTERVAL)
        return min((each for each in times if each is not None), default=None)

    def turn(self, now: float) -> None:
        """See what the plan has come to, then do what is due."""
        plan = self.house.plan
        self._turned = now
        if plan.phase is Phase.STOPPING:
            self._daemons.mercy = min(self._daemons.mercy, _LITTLE_MERCY)
        config = self.house.config(plan.current)
        if plan.phase is not Phase.SERVING or config is None:
            return
        self._config = config
        self._daemons.mercy = float(config.reload_mercy)
        if plan.current != self._generation:
            reloaded, self._generation = self._generation > 0, plan.current
            self._do(self._daemons.want(wanted(config), reloaded, now))
        if now >= self._looked + _INTERVAL:
            self._looked = now
            self._look_at_touched(config, now)
        self._reap()
        self._do(self._daemons.tick(now))

    def died(self, pid: int, how: str) -> bool:
        """A daemon may have ended."""
        actions = self._daemons.died(pid, how, time.monotonic())
        if actions is None:
            return False
        self._do(actions)
        return True

    def close(self) -> None:
        """Stop what is to be stopped, and wait for it."""
        self._do(self._daemons.stop(time.monotonic()))
        while not self._daemons.idle():
            self._reap()
            now = time.monotonic()
            self._do(self._daemons.tick(now))
            if not self._daemons.idle():
                time.sleep(0.01)
        os.close(self._held)
        os.close(self._end)

    def _reap(self) -> None:
        for kept in list(self._daemons.kept.values()):
            if kept.state is not daemons.State.STOPPING:
                continue
            try:
                pid, status = os.waitpid(kept.pid, os.WNOHANG)
            except ChildProcessError:
                # One that was adopted has another parent.
                pid, status = (0, 0) if _alive(kept.pid) else (kept.pid, 0)
            if pid:
                self._do(self._daemons.died(pid, describe_end(status), time.monotonic()) or [])

    def _do(self, actions: Sequence[daemons.Action]) -> None:
        for action in actions:
            now = time.monotonic()
            match action:
                case daemons.Say(level, text):
                    getattr(self.house.log, level)(text)
                case daemons.Send(pid, number):
                    with contextlib.suppress(OSError):
                        _send(pid, number)
                case daemons.Look(key):
                    found = self._pid_of(self._daemons.kept[key].spec)
                    self._do(self._daemons.found(key, found, now))
                case daemons.Launch(key):
                    self._launch(key, now)
                case daemons.EndServer(why):
                    self.house.log.error(f"the server stops: {why}")
                    self.house.tell(Asked(Meaning.STOP))

    def _launch(self, key: int, now: float) -> None:
        assert self._config is not None
        spec = self._daemons.kept[key].spec
        config = self._config
        if spec.uid or spec.gid:
            config = replace(config, uid=spec.uid or config.uid, gid=spec.gid or config.gid)
        smart = bool(spec.pidfile)
        if smart or not _COMPOUND.search(spec.command):
            job = partial(_become, spec.command, smart)
        else:
            job = partial(_watchman, spec.command, self._end)
        try:
            pid = errand.start(
                config,
                job,
                self.house.log,
                chdir=spec.chdir or None,
                stdin=spec.stdin or config.daemons_honour_stdin,
                outlives=smart or job.func is _watchman,
            )
        except OSError as error:
            self._do(self._daemons.failed(key, (error.strerror or str(error)).lower(), now))
            return
        self._do(self._daemons.started(key, pid, now))
        if smart and not spec.daemonizes:
            self._write_pidfile(self._path(spec), pid)

    def _path(self, spec: Daemon) -> str:
        return os.path.join(spec.chdir or (self._config and self._config.chdir) or "", spec.pidfile)

    def _write_pidfile(self, path: str, pid: int) -> None:
        if not _replaceable(path):
            self.house.log.error(f"{path}: what is there is not a file; the pid is not written")
            return
        try:
            # Beside it, then in its place: never a link to somewhere else, never half of it.
            new = f"{path}.{pid}"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            fd = os.open(new, flags, 0o644)
            try:
                os.write(fd, b"%d\n" % pid)
            finally:
                os.close(fd)
            os.rename(new, path)
        except OSError as error:
            self.house.log.error(f"{path}: {(error.strerror or str(error)).lower()}")

    def _pid_of(self, spec: Daemon) -> int:
        """The process that the pid file names, 0 unless it runs and can be this daemon."""
        pid, author = _pid_in(self._path(spec))
        if pid <= 1 or not _alive(pid):
            return 0
        # A pid that was used again, or a file that a user wrote to have another's process killed.
        ours = [each.pid for g in self.house.plan.generations.values() for each in g.processes()]
        owner = _owner(pid)
        if pid == os.getpid() or pid in ours or author not in (0, owner):
            self.house.log.warning(f"{spec.pidfile} names pid={pid}, which is not this daemon")
            return 0
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                shown = file.read().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            return 0
        if not daemons.belongs(spec.command, shown):
            self.house.log.warning(f"{spec.pidfile} names pid={pid}, another program: {shown[:80]}")
            return 0
        return pid

    def _look_at_touched(self, config: Config, now: float) -> None:
        before, self._stamps = self._stamps, {}
        for key, kept in list(self._daemons.kept.items()):
            for path in kept.spec.touch:
                self._stamps[path] = stamp(os.path.join(config.chdir or "", path))
                if path in before and changed(before[path], self._stamps[path]):
                    self._do(self._daemons.touched(key, now))


def _replaceable(path: str) -> bool:
    """Whether a path may be renamed over: /dev/null may not."""
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return True
    return stat.S_ISREG(mode) or stat.S_ISLNK(mode)


def _pid_in(path: str) -> tuple[int, int]:
    """The pid in a regular file, and whose file that is; 0 where there is none.

    It may lie where the application can put what it likes: a FIFO would be waited for.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return 0, 0
    try:
        info = os.fstat(fd)
        return int(os.read(fd, 32)) if stat.S_ISREG(info.st_mode) else 0, info.st_uid
    except (OSError, ValueError):
        return 0, 0
    finally:
        os.close(fd)


def _owner(pid: int) -> int:
    """The real user of a process; of its directory in /proc root may be the owner."""
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            return next(int(line.split()[1]) for line in file if line.startswith(b"Uid:"))
    except (OSError, StopIteration):
        return -1


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] != b"Z"
    except (OSError, IndexError):
        return False


def _send(pid: int, number: int) -> None:
    """Signal the group where the process leads one, else the process."""
    if os.getpgid(pid) == pid:
        os.killpg(pid, number)
    else:
        os.kill(pid, number)


def _become(command: str, shell: bool) -> None:
    text = command if shell and _COMPOUND.search(command) else f"exec {command}"
    os.execv("/bin/sh", ["/bin/sh", "-c", text])


def _watchman(command: str, end: int) -> None:
    """Wait for a shell and whatever it leaves behind; end them when the master has ended."""
    # Above all the lifeline of the master, which nobody else may hold.
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd > 2 and fd != end:
            with contextlib.suppress(OSError):
                os.close(fd)
    process.adopt_orphans()
    # Signals are meant for the others of this group.
    for number in _TELLING:
        signal.signal(number, signal.SIG_IGN)
    told, teller = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(teller, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    shell = os.fork()
    if shell == 0:
        signal.set_wakeup_fd(-1)
        for number in (*_TELLING, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        os.execv("/bin/sh", ["/bin/sh", "-c", command])
    poller = select.poll()
    poller.register(end, select.POLLIN)
    poller.register(told, select.POLLIN)
    code = 0
    while True:
        if any(fd == end for fd, _ in poller.poll()):
            os.killpg(0, signal.SIGKILL)
        os.read(told, 4096)
        try:
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == shell:
                    code = os.waitstatus_to_exitcode(ended[1])
        except ChildProcessError:
            # As a shell says it.
            os._exit(code if code >= 0 else 128 - code)
