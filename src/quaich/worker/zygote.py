"""The zygote: loads the application once, then only forks workers when the master asks.

It is a freshly executed interpreter, so that a reload gets new code, and it executes nothing of
the application before privileges are dropped.  Workers are forked twice: the process in between
ends at once, and the kernel re-parents the worker to the master, which is what waits for it and
what it dies with.  A worker runs only after the master has been told of it: a worker that nobody
knows cannot exist.

    zygote        fork ─ tell master (Forked) ─ wait for the child ─ open the gate
    in between         └ fork ─ exit
    worker                    └ wait at the gate ─ serve

The zygote ends when the master does: by the kernel's signal while it loads, and by the end of the
lifeline after, when it also removes the files that the master can no longer remove.
"""

import atexit
import gc
import json
import os
import select
import signal
import socket
import struct
import sys
import traceback
from dataclasses import asdict, dataclass
from typing import NoReturn

from quaich.config.effective import Config
from quaich.errors import QuaichError
from quaich.log.server import Log
from quaich.net.listen import BoundListener, remove_file
from quaich.stats.scoreboard import Scoreboard
from quaich.sys import process
from quaich.worker import hooks, messages, naming, startup
from quaich.worker.process import run_worker
from quaich.wsgi import loader

_GO = b"!"
_PID = struct.Struct("=q")


@dataclass(frozen=True)
class Bootstrap:
    """All that a zygote is given; it arrives as JSON in an inherited file.

    ``need_app`` is true where the generation is worthless without an application, and ``leftovers``
    are the files (path, device, inode) to remove should the master be killed.
    """

    config: Config
    generation: int
    master: int
    listeners: tuple[BoundListener, ...]
    scoreboard: int
    channel: int
    lifeline: int
    need_app: bool
    leftovers: tuple[tuple[str, int, int], ...]

    def descriptors(self) -> list[int]:
        """Every descriptor the zygote must inherit."""
        return [
            self.scoreboard,
            self.channel,
            self.lifeline,
            *(each.fd for each in self.listeners),
        ]

    def to_json(self) -> str:
        """The text for ``from_json``."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        values["config"] = self.config.to_json()
        values["listeners"] = [asdict(each) for each in self.listeners]
        return json.dumps(values)

    @classmethod
    def from_json(cls, text: str) -> "Bootstrap":
        """What ``to_json`` wrote."""
        values = json.loads(text)
        values["config"] = Config.from_json(values["config"])
        listeners = values["listeners"]
        for each in listeners:
            each["inode"] = tuple(each["inode"]) if each["inode"] else None
        values["listeners"] = tuple(BoundListener(**each) for each in listeners)
        values["leftovers"] = tuple((path, dev, ino) for path, dev, ino in values["leftovers"])
        return cls(**values)


def main() -> NoReturn:
    """The zygote's process: ``sys.argv[1]`` is the descriptor of its bootstrap."""
    with os.fdopen(int(sys.argv[1]), "rb") as file:
        file.seek(0)
        bootstrap = Bootstrap.from_json(file.read().decode())
    # No process that the application starts may inherit a listening socket or hold the lifeline.
    for fd in bootstrap.descriptors():
        os.set_inheritable(fd, False)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    naming.show(bootstrap.config, naming.ZYGOTE)
    os._exit(Zygote(bootstrap, Log()).run())


class Zygote:
    """One generation's loaded application, and the forking of its workers."""

    def __init__(self, bootstrap: Bootstrap, log: Log) -> None:
        self._bootstrap = bootstrap
        self._config = bootstrap.config
        self._log = log
        self._channel = socket.socket(fileno=bootstrap.channel)
        self._apps = loader.Apps(None)
        # The slots that had a worker: the next one there replaces it.
        self._forked: set[int] = set()

    def run(self) -> int:
        """Load, report, fork on request until the master is gone; the exit status."""
        master = self._bootstrap.master
        try:
            if not process.die_with_parent(master):
                return 1
            startup.drop_privileges(self._config, self._log)
            # The change of user has made the kernel forget.
            if not process.die_with_parent(master):
                return 1
            hooks.run(self._config, "as-user", self._log)
            self._apps = startup.load(self._config, self._bootstrap.need_app, self._log)
            if self._bootstrap.generation > 1:
                # The master did it at its start, and has no time now.
                hooks.run(self._config, "master-start", self._log)
        except QuaichError as error:
            detail = getattr(error, "detail", "")
            if detail:
                self._log.block(detail)
            self._send(messages.LoadFailed(str(error), error.status))
            return error.status
        # What lives now lives as long as the workers: no collection may write to (and so copy)
        # these pages.
        gc.collect()
        gc.freeze()
        self._send(messages.Loaded())
        process.outlive_parent()
        return self._serve()

    def _send(self, message: messages.Message) -> None:
        try:
            self._channel.send(messages.encode(message), socket.MSG_NOSIGNAL)
        except OSError:
            pass  # the master is gone, and the lifeline will say so

    def _serve(self) -> int:
        poller = select.poll()
        poller.register(self._channel, select.POLLIN)
        poller.register(self._bootstrap.lifeline, select.POLLIN)
        while True:
            ready = [fd for fd, _ in poller.poll()]
            packet = (
                b"" if self._bootstrap.lifeline in ready else self._channel.recv(messages.LIMIT)
            )
            if not packet:
                for path, device, inode in self._bootstrap.leftovers:
                    remove_file(path, (device, inode))
                return 0
            message = messages.decode(packet)
            if isinstance(message, messages.Fork):
                self._fork(message.slot, message.seat)

    def _fork(self, slot: int, seat: int) -> None:
        gate, opener = os.pipe()
        report, reporter = os.pipe()
        try:
            between = os.fork()
        except OSError as error:
            self._send(messages.ForkFailed(slot, (error.strerror or "").lower()))
            for fd in (gate, opener, report, reporter):
                os.close(fd)
            return
        if between == 0:
            os.close(opener)
            os.close(report)
            self._split(slot, seat, gate, reporter)
        os.close(gate)
        os.close(reporter)
        told = os.read(report, _PID.size)
        os.close(report)
        try:
            os.waitpid(between, 0)
        except ChildProcessError:
            pass  # the application ignores SIGCHLD: the call still waited
        if len(told) == _PID.size:
            self._send(messages.Forked(slot, _PID.unpack(told)[0]))
            os.write(opener, _GO)
            self._forked.add(slot)
        else:
            self._send(messages.ForkFailed(slot, "the second fork failed"))
        os.close(opener)

    def _split(self, slot: int, seat: int, gate: int, reporter: int) -> NoReturn:
        """In the process in between: fork the worker and end."""
        try:
            worker = os.fork()
            if worker:
                os.write(reporter, _PID.pack(worker))
                os._exit(0)
        except OSError:
            os._exit(1)
        os.close(reporter)
        status = 1
        try:
            if os.read(gate, 1) == _GO and process.die_with_parent(self._bootstrap.master):
                os.close(gate)
                status = self._work(slot, seat)
                # The application may have asked to be told of the end of its process.
                atexit._run_exitfuncs()
                sys.stdout.flush()
                sys.stderr.flush()
        except hooks.HookError as error:
            self._log.error(f"worker={slot} {error}")
        except BaseException as error:
            # Nothing may climb back into the zygote's frames.
            self._log.error(f"worker={slot} failed: {type(error).__name__}: {error}")
            self._log.block("".join(traceback.format_exception(error)))
        finally:
            os._exit(status)

    def _work(self, slot: int, seat: int) -> int:
        naming.show(self._config, naming.worker(slot))
        hooks.run(self._config, "post-fork", self._log)
        return run_worker(
            config=self._config,
            apps=self._apps,
            listeners=self._bootstrap.listeners,
            slot=slot,
            seat=seat,
            generation=self._bootstrap.generation,
            scoreboard=Scoreboard.attach(self._bootstrap.scoreboard),
            lifeline=self._bootstrap.lifeline,
            on_ready=lambda: self._accepting(slot),
            on_abandon=lambda: None,
            log=self._log,
        )

    def _accepting(self, slot: int) -> None:
        hooks.accepting(self._config, slot, slot in self._forked, self._log)
        self._send(messages.Ready(slot))
