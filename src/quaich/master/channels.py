"""The sockets to zygotes and their workers: what they say becomes events of the plan.

A channel belongs to one zygote and is shared by the workers that were forked from it; it outlives
the zygote, and is read until the last of them has ended.  The kernel says who speaks, and who
speaks for another is not heard.  The speaker runs code of the application, and the master may be
root: a process that it names is taken for a new one of its own only where the application could
have sent it a signal itself.
"""

import fcntl
import os
import signal
import socket
import struct
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial

from quaich.master import vocabulary as facts
from quaich.master.policy import policy_of
from quaich.master.refork import Reforks
from quaich.master.side import House
from quaich.stats.appmetrics import LONGEST
from quaich.values import dataclass
from quaich.worker import messages

_CREDENTIALS = struct.Struct("=3i")
_FILE = struct.Struct("=i")
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_WRITE
# Packets read from one channel at a time: a worker that floods it does not hold up the others.
_BATCH = 64


@dataclass(frozen=True)
class Channel:
    """The master's end of the socket to a zygote."""

    generation: int
    zygote: int
    socket: socket.socket


class Channels:
    """All of them; a generation sends by the newest of its own.

    ``learn`` is told the files that an application was loaded from, ``handed`` what a worker (its
    pid, its slot) hands over of its application's metrics.
    """

    def __init__(
        self,
        house: House,
        learn: Callable[[Iterable[str]], None],
        handed: Callable[[int, int, bytes], None],
    ) -> None:
        self._house = house
        self._learn = learn
        self._handed = handed
        self._reforks = Reforks()
        self._all: list[Channel] = []

    def __iter__(self) -> Iterator[Channel]:
        return iter(self._all)

    def add(self, channel: Channel) -> None:
        """Read from a channel from now on."""
        self._all.append(channel)
        self._house.watch(channel.socket.fileno(), partial(self._read, channel))

    def send(self, generation: int, message: messages.Message) -> None:
        """Tell the zygote of a generation; OSError where it does not listen."""
        channel = self._newest(generation)
        if channel is None:
            raise OSError("it has closed its end")
        channel.socket.send(messages.encode(message), socket.MSG_NOSIGNAL)

    def refork(self, generation: int, parent: int, count: int, scoreboard: int) -> None:
        """Ask the zygote of ``parent`` for that of a generation; OSError where it does not listen.

        The plan is told what comes of it.
        """
        channel = self._newest(parent)
        if channel is None:
            raise OSError("it is not there")
        self._reforks.ask(generation, count, channel.zygote, channel.socket, scoreboard)

    def buried(self, pids: Collection[int]) -> None:
        """These processes have ended; whoever they were to fork will not come."""
        for generation in self._reforks.orphaned(pids):
            self._reforks.drop(generation)
            reason = "the zygote died that was to be forked"
            self._house.tell(facts.StartFailed(generation, reason))

    def _newest(self, generation: int) -> Channel | None:
        mine = (each for each in reversed(self._all) if each.generation == generation)
        return next(mine, None)

    def read_all(self) -> None:
        """Hear what everybody has said by now."""
        for channel in list(self._all):
            self._read(channel)

    def forget(self, generation: int) -> None:
        """Nobody of a generation is left."""
        self._reforks.drop(generation)
        for channel in [each for each in self._all if each.generation == generation]:
            self._close(channel)

    def _has(self, generation: int, slot: int) -> bool:
        board = self._house.scoreboard(generation)
        return board is not None and 1 <= slot <= board.workers

    def _reforked(self, generation: int, pid: int, parent: int, uid: int) -> None:
        ours = self._reforks.born(generation, parent)
        config = self._house.config(generation)
        if ours is not None and config is not None and _is_child(pid, uid):
            self.add(Channel(generation, pid, ours))
            self._house.tell(facts.ZygoteStarted(generation, pid, policy_of(config)))
        elif ours is not None:
            ours.close()
            self._house.tell(facts.StartFailed(generation, "the forked zygote ended at once"))
        elif _is_child(pid, uid) and not self._house.plan.knows(pid):
            os.kill(pid, signal.SIGKILL)

    def _close(self, channel: Channel) -> None:
        self._all.remove(channel)
        self._house.unwatch(channel.socket.fileno())
        channel.socket.close()

    def _read(self, channel: Channel) -> None:
        space = socket.CMSG_SPACE(_CREDENTIALS.size) + socket.CMSG_SPACE(_FILE.size)
        for _ in range(_BATCH):
            try:
                packet, ancillary, _, _ = channel.socket.recvmsg(
                    messages.LIMIT, space, socket.MSG_CMSG_CLOEXEC
                )
            except BlockingIOError:
                return
            except OSError:
                packet, ancillary = b"", []
            if not packet and not ancillary:
                self._close(channel)
                return
            files = [
                fd
                for level, kind, data in ancillary
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
                for (fd,) in _FILE.iter_unpack(data[: len(data) // _FILE.size * _FILE.size])
            ]
            try:
                for level, kind, data in ancillary:
                    if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
                        sender, uid, _ = _CREDENTIALS.unpack(data)
                        self._hear(channel, packet, sender, uid, files)
            finally:
                for fd in files:
                    os.close(fd)

    def _hear(
        self, channel: Channel, packet: bytes, sender: int, uid: int, files: list[int]
    ) -> None:
        try:
            message = messages.decode(packet)
        except ValueError as error:
            self._house.log.warning(f"pid={sender} sent what is {error}")
            return
        tell = self._house.tell
        number = channel.generation
        match message:
            case messages.Ready(slot):
                tell(facts.Ready(number, slot, sender))
            case messages.NotReady(slot, reason, status):
                tell(facts.WorkerFailed(number, slot, sender, reason, status))
            case messages.Spent(slot, cause):
                tell(facts.Breach(number, slot, sender, facts.Verdict.RECYCLE, cause))
            case messages.Shown(slot):
                tell(facts.Shown(number, slot, sender))
            case messages.Metrics(slot) if self._has(number, slot) and files:
                data = _contents(files[0])
                if data:
                    self._handed(sender, slot, data)
            case messages.Metrics():
                pass  # of nobody's, or without what it is about
            case messages.Modules(paths):
                config = self._house.config(number)
                if config is not None and config.py_auto_reload:
                    self._learn(paths)
            case _ if sender != channel.zygote:
                self._house.log.warning(f"pid={sender} spoke for a zygote; ignored")
            case messages.Loaded():
                tell(facts.Loaded(number, sender))
            case messages.LoadFailed(reason, status):
                tell(facts.LoadFailed(number, sender, reason, status))
            case messages.Forked(slot, _) | messages.ForkFailed(slot, _) if not self._has(
                number, slot
            ):
                self._house.log.warning(f"pid={sender} spoke of worker={slot}; there is none")
            case messages.Forked(slot, pid) if _is_child(pid, uid):
                tell(facts.Forked(number, slot, pid))
            case messages.Forked(slot, _):
                tell(facts.ForkFailed(number, slot, "it ended at once"))
            case messages.ForkFailed(slot, reason):
                tell(facts.ForkFailed(number, slot, reason))
            case messages.Reforked(successor, pid):
                self._reforked(successor, pid, sender, uid)
            case messages.ReforkFailed(successor, reason) if self._reforks.drop(successor):
                tell(facts.StartFailed(successor, f"the zygote was not forked: {reason}"))
            case messages.ReforkFailed():
                pass  # nobody waits for it any more
            case messages.Fork() | messages.Refork():
                pass  # ours to say; nobody obeys it here


def _is_child(pid: int, uid: int) -> bool:
    """Whether a process is a child of ours, of this user, that was not waited for yet."""
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except (OSError, OverflowError):
        return False
    return uid == 0 or os.geteuid() != 0 or _user_of(pid) == uid


def _contents(fd: int) -> bytes:
    """What is in a file that a worker has sent; nothing where that is too long.

    Only of memory, and sealed: another file may be one that nobody gives an answer for, or that is
    cut off while it is read.
    """
    try:
        if fcntl.fcntl(fd, fcntl.F_GET_SEALS) & _SEALS != _SEALS:
            return b""
        size = os.fstat(fd).st_size
        return os.pread(fd, size, 0) if size <= LONGEST else b""
    except OSError:
        return b""


def _user_of(pid: int) -> int | None:
    # Not the owner of the directory in /proc: that is root for who has changed its user.
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            line = next(each for each in file if each.startswith(b"Uid:"))
    except (OSError, StopIteration):
        return None
    return int(line.split()[1])
