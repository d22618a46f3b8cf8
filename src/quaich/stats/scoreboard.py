"""The scoreboard: what workers report about themselves, in memory shared with the master.

One file in memory (a memfd, so that it survives exec), cut into 64-bit cells: a slot for each
worker, and in it a lane for each thread.  Each cell has one writer, so there are no locks; a reader
may see one cell newer than its neighbour, which counters and clocks can bear.  It holds numbers
only: nothing a client sent is ever written here.

All clocks are CLOCK_MONOTONIC in microseconds; 0 means never, or not now.
"""

import mmap
import os

HEADER = 4
MAGIC = 0x6863696175710001

PID = 0
GENERATION = 1
STARTED = 2
REQUESTS = 3
EXCEPTIONS = 4
SENT = 5
RUNNING = 6
ACCEPTING = 7
PARKED = 8
DROPPED = 9
SLOT = 12

LANE_REQUESTS = 0
LANE_SINCE = 1
LANE_DEADLINE = 2
LANE = 4


class Slot:
    """One worker's cells: the worker writes, the master reads."""

    def __init__(self, cells: memoryview, base: int, threads: int) -> None:
        self.cells = cells
        self.base = base
        self.threads = threads

    def get(self, field: int) -> int:
        """The value of a cell (PID, REQUESTS, ...)."""
        value: int = self.cells[self.base + field]
        return value

    def set(self, field: int, value: int) -> None:
        """Write a cell."""
        self.cells[self.base + field] = value

    def add(self, field: int, value: int) -> None:
        """Add to a cell; only its one writer may."""
        self.cells[self.base + field] += value

    def begin(self, thread: int, now: int) -> None:
        """A thread takes up a request."""
        self.cells[self.base + SLOT + thread * LANE + LANE_SINCE] = now

    def end(self, thread: int, now: int, sent: int) -> None:
        """A thread has answered: the counters of its lane and its worker move on."""
        lane = self.base + SLOT + thread * LANE
        since = self.cells[lane + LANE_SINCE]
        self.cells[lane + LANE_SINCE] = 0
        self.cells[lane + LANE_REQUESTS] += 1
        self.cells[self.base + REQUESTS] += 1
        self.cells[self.base + SENT] += sent
        if since and now > since:
            self.cells[self.base + RUNNING] += now - since

    def pause(self, thread: int, now: int) -> None:
        """A thread puts its request aside until the client has read more."""
        lane = self.base + SLOT + thread * LANE
        since = self.cells[lane + LANE_SINCE]
        self.cells[lane + LANE_SINCE] = 0
        if since and now > since:
            self.cells[self.base + RUNNING] += now - since

    def lane(self, thread: int, field: int) -> int:
        """The value of a thread's cell (LANE_REQUESTS, LANE_SINCE, ...)."""
        value: int = self.cells[self.base + SLOT + thread * LANE + field]
        return value

    def clear(self, pid: int, generation: int, now: int) -> None:
        """A new process moves in: everything starts again but the totals, which never go back."""
        for thread in range(self.threads):
            self.cells[self.base + SLOT + thread * LANE + LANE_SINCE] = 0
            self.cells[self.base + SLOT + thread * LANE + LANE_DEADLINE] = 0
        self.set(PID, pid)
        self.set(GENERATION, generation)
        self.set(STARTED, now)
        self.set(PARKED, 0)
        self.set(ACCEPTING, 0)


class Scoreboard:
    """All slots; ``fd`` is what another process attaches to."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._memory = mmap.mmap(fd, os.fstat(fd).st_size)
        self._cells = memoryview(self._memory).cast("Q")
        if self._cells[0] != MAGIC:
            raise ValueError("this memory is not a scoreboard of this version")
        self.workers: int = self._cells[1]
        self.threads: int = self._cells[2]

    @classmethod
    def create(cls, workers: int, threads: int) -> "Scoreboard":
        """A new, empty scoreboard for ``workers`` slots of ``threads`` lanes."""
        fd = os.memfd_create("quaich-scoreboard", os.MFD_CLOEXEC)
        os.ftruncate(fd, 8 * (HEADER + workers * (SLOT + threads * LANE)))
        head = memoryview(bytearray(8 * HEADER)).cast("Q")
        head[0] = MAGIC
        head[1] = workers
        head[2] = threads
        os.pwrite(fd, bytes(head), 0)
        return cls(fd)

    @classmethod
    def attach(cls, fd: int) -> "Scoreboard":
        """The scoreboard behind a descriptor; raises ValueError when it is another file."""
        return cls(fd)

    def slot(self, number: int) -> Slot:
        """The cells of worker ``number``, counted from 1."""
        if not 1 <= number <= self.workers:
            raise IndexError(f"worker {number} of {self.workers}")
        base = HEADER + (number - 1) * (SLOT + self.threads * LANE)
        return Slot(self._cells, base, self.threads)

    def total(self, field: int) -> int:
        """The sum of a cell over all workers."""
        return sum(self.slot(number).get(field) for number in range(1, self.workers + 1))
