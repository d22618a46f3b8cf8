"""Who is let in while descriptors run short, and who has to leave for it.

A connection that gets one of the last descriptors, or that cannot get any, makes room: others are
closed at once, as ``scarcity`` chooses.  Where nobody can be, accepting pauses until somebody can,
so that the last descriptors stay the application's, unless it is the one who uses them up.
"""

import errno
import os
import resource

try:
    import cython
except ImportError:
    from quaich.sys import cy as cython

from quaich.log.server import Log
from quaich.sys.io import asks
from quaich.worker.answer import Answerer
from quaich.worker.connection import Connection, Door
from quaich.worker.handover import Handover
from quaich.worker.keeper import LINGER_SECONDS, Keeper
from quaich.worker.scarcity import LEAST_PAUSE, PAUSE, Timeouts, choose, threshold

if not cython.compiled:
    from quaich.worker.connection import BODY, HEAD, REPLY

SCARCE = "few descriptors are left"


class Usher(Keeper):
    """Watches the descriptors of one worker: those from ``scarce_from`` on are the last few, of
    which there are ``reserve``, and ``above`` is how many of those connections had at the last
    look; ``resume_at`` is when a pause ends, 0 while there is none; ``idle_timeout`` is for the
    time between two requests."""

    def __init__(
        self,
        doors: list[Door],
        handover: Handover | None,
        answerer: Answerer,
        log: Log,
        threads: int,
        http_timeout: float,
        gateway_timeout: float,
    ) -> None:
        super().__init__(doors, handover, answerer, log, threads, http_timeout, gateway_timeout)
        self.idle_timeout = 0.0
        self.resume_at = 0.0
        self.scarce_from = 0
        self.scarce_until = 0.0
        self.above = 0
        self.reserve = 0
        self.starved_logged = -1e9

    def open(self, signals: int) -> None:
        """Make what this process waits in, and see how many descriptors it may have."""
        super().open(signals)
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        limit = limit if 0 < limit < 1 << 30 else 1 << 30
        self.scarce_from = threshold(limit)
        self.reserve = limit - self.scarce_from

    def _starved(self, error: OSError, again: bool) -> bool:
        """Nobody could be accepted; True when it can be tried ``again``, since room was made."""
        if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
            # Another thread may have let go of the socket meanwhile.
            if error.errno != errno.EPERM and not self.doors_shut:
                self.log.error(f"accept failed: {error.strerror}")
            return False
        pause = self._make_room(f"accept failed: {error.strerror}")
        if error.errno != errno.EMFILE:
            # What others use up too is not given back by closing.
            pause = PAUSE
        elif pause == 0.0:
            if not again:
                return True
            # What was given back, some other thread has taken.
            pause = LEAST_PAUSE
        self._rest(pause)
        return False

    def _spare(self, fd: int) -> int:
        """A connection got one of the last descriptors, or one of the last is left after it: the
        one that it is to have instead.

        Without room, others wait meanwhile, unless it is not connections that use them up.
        """
        if self.now < self.scarce_until:
            return fd
        self.above = sum(each >= self.scarce_from for each in list(self.table))
        if fd + self.above < self.scarce_from:
            return fd
        pause = self._make_room(SCARCE)
        if pause:
            self.scarce_until = self.now + pause
            if len(self.table) >= self.reserve:
                self._rest(pause)
            return fd
        try:
            lower = os.dup(fd)
        except OSError:
            return fd
        if lower > fd:
            fd, lower = lower, fd
        os.close(fd)
        return lower

    def _rest(self, pause: float) -> None:
        self.stop_accepting()
        self.resume_at = self.now + pause
        self.next_sweep = min(self.next_sweep, self.resume_at)

    def _make_room(self, why: str) -> float:
        """Close who holds a descriptor for nothing; 0, or the seconds until there may be one."""
        if self.now - self.starved_logged > 10:
            self.starved_logged = self.now
            self.log.error(
                f"{why}; idle connections are closed, and those that are slow, the oldest first "
                "(raise the limit of open files)"
            )
        conns = list(self.table.values())
        for conn in conns:
            if conn.state == REPLY:
                self._watch_reading(conn)
        timeouts = Timeouts(
            self.http_timeout, self.gateway_timeout, self.idle_timeout, LINGER_SECONDS
        )
        chosen, pause = choose(conns, self.now, timeouts)
        silent = [conn for conn in chosen if not _goes_on(conn)]
        if chosen and not silent:
            conns = [conn for conn in conns if not _goes_on(conn)]
            silent, pause = choose(conns, self.now, timeouts)
        for conn in silent:
            if self._claim(conn):
                if conn.state == REPLY:
                    self._reset(conn)
                elif conn.state == HEAD and not conn.buffer:
                    self._part(conn)
                else:
                    self._drop(conn)
        return pause

    def _sweep(self, now: float) -> None:
        """What the keeper does, and the end of a pause."""
        if self.resume_at and self.now >= self.resume_at:
            pause = 0.0
            while pause == 0.0 and len(self.table) >= self.reserve and self._is_scarce():
                pause = self._make_room(SCARCE)
            if pause:
                self._rest(pause)
            else:
                self.resume_at = 0.0
                self.start_accepting()
        # By name, since compiled code finds no such method by super().
        Keeper._sweep(self, now)

    def _is_scarce(self) -> bool:
        """Whether no more than the last few are left; not told where there is no ``/proc``."""
        try:
            return len(os.listdir("/proc/self/fd")) > self.scarce_from
        except OSError as error:
            return error.errno == errno.EMFILE


def _goes_on(conn: Connection) -> bool:
    """Whether more of a request is here, and only this worker has not come to it yet."""
    return (conn.state == HEAD or conn.state == BODY) and asks(conn.fd)
