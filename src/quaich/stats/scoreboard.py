"""The scoreboard: what workers report about themselves, in memory shared with the master.

One file in memory (a memfd, so that it survives exec), cut into 64-bit cells: a slot for each
worker, and in it a lane for each thread.  Each cell has one writer, so there are no locks; a reader
may see one cell newer than its neighbour, which counters and clocks can bear.

A worker has two slots, its seats: one that is replaced while it still runs leaves the other seat to
its successor.  Behind the cells each lane has a short note of what it runs.  A note is bounded, and
who writes it escapes it: printable ASCII is all that a client's request can bring in here.  Behind
the notes each lane has a shelf, for lines of the log that are not written yet: what a process that
dies has left there (HELD octets), the master writes.

Behind all that are the metrics that a format of the request log names, of the master's to write.

Two cells are written by the master: HEIRS in the header, whether a worker that leaves may leave its
clients to others; and WAKE in a slot, which request (by its beginning) a SIGWINCH is about, which
the worker empties like a letter box.

All clocks are CLOCK_MONOTONIC in microseconds; 0 means never, or not now.

How long requests take is counted only where somebody asks for statistics: ``took`` adds a request
to one of the BUCKETS of its worker (``BOUNDS`` are their upper ends), to the sum TOOK, and to
AVERAGE, which uWSGI's consumers know as avg_rt: half of it is the last request.
"""

import fcntl
import mmap
import os
from array import array
from collections.abc import Iterable

try:
    import cython
except ImportError:
    from quaich.sys import cy as cython

HEIRS = 3
SHOWN = 4
MAGIC = 0x6863696175710006
SEATS = 2

if not cython.compiled:
    HEADER = 5

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
    BEFORE = 10
    WAKE = 11
    AVERAGE = 12
    TOOK = 13
    LOST = 14
    BUCKETS = 15
    # Behind the buckets, which are one more than their bounds.
    SLOT = 30

    LANE_REQUESTS = 0
    LANE_SINCE = 1
    LANE_DEADLINE = 2
    LANE_READ_ERRORS = 3
    LANE_WRITE_ERRORS = 4
    LANE_HELD = 5
    LANE = 6

    SHELF = 8192
    """Octets of a shelf: about forty lines."""

BOUNDS = (
    *(1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000),
    *(1000000, 2500000, 5000000, 10000000, 30000000),
)
"""Microseconds: a request belongs to the first bucket whose bound it does not pass, or the last."""

NOTE = 256
"""Octets of a note: its length, then that many characters."""

_BOUNDS = array("Q", BOUNDS)
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


class Slot:
    """One worker's cells: the worker writes, the master reads.

    ``other`` is where the cells of the worker's other seat begin; ``notes`` and ``shelves`` are
    those of its lanes.
    """

    def __init__(
        self,
        cells: memoryview,
        base: int,
        other: int,
        threads: int,
        notes: memoryview,
        shelves: memoryview,
    ) -> None:
        self.cells = cells
        self.base = base
        self.other = other
        self.threads = threads
        self.notes = notes
        self.shelves = shelves
        self.bounds = memoryview(_BOUNDS)
        self.last = len(BOUNDS)

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

    def took(self, micros: int) -> None:
        """A request took this long, from its last octet to the end of the application's work."""
        place = 0
        while place < self.last and micros > self.bounds[place]:
            place += 1
        self.cells[self.base + BUCKETS + place] += 1
        self.cells[self.base + TOOK] += micros
        self.cells[self.base + AVERAGE] = (self.cells[self.base + AVERAGE] + micros) // 2

    def fault(self, thread: int, field: int) -> None:
        """Count a client that a thread could not read from, or write to, to the end."""
        self.cells[self.base + SLOT + thread * LANE + field] += 1

    def lane(self, thread: int, field: int) -> int:
        """The value of a thread's cell (LANE_REQUESTS, LANE_SINCE, ...)."""
        value: int = self.cells[self.base + SLOT + thread * LANE + field]
        return value

    def note(self, thread: int, text: str) -> None:
        """Say what a thread takes up; ``text`` is printable ASCII, and cut where it is too long."""
        data = text.encode("ascii", "replace")
        size = min(len(data), NOTE - 1)
        start = thread * NOTE
        if cython.compiled:
            for place in range(size):
                self.notes[start + 1 + place] = data[place]
        else:
            self.notes[start + 1 : start + 1 + size] = data[:size]
        self.notes[start] = size

    def noted(self, thread: int) -> str:
        """The note of a thread.  It is a worker's word: printable, and no more than that."""
        start = thread * NOTE
        data = bytes(self.notes[start + 1 : start + 1 + self.notes[start]])
        return "".join(chr(octet) if 32 <= octet < 127 else "?" for octet in data)

    def shelve(self, thread: int, line: bytes) -> bool:
        """Put a line of the log on the shelf of a thread; False where there is no room."""
        place = self.base + SLOT + thread * LANE + LANE_HELD
        used = self.cells[place]
        size = len(line)
        if used + size > SHELF:
            return False
        start = thread * SHELF + used
        if cython.compiled:
            c_copy(self.shelves, start, line, size)  # type: ignore[name-defined]
        else:
            self.shelves[start : start + size] = line
        self.cells[place] = used + size
        return True

    def shelved(self, thread: int) -> bytes:
        """What is on the shelf of a thread."""
        start = thread * SHELF
        used = min(self.lane(thread, LANE_HELD), SHELF)
        return bytes(self.shelves[start : start + used])

    def unshelve(self, thread: int) -> None:
        """Empty the shelf of a thread."""
        self.cells[self.base + SLOT + thread * LANE + LANE_HELD] = 0

    def left(self) -> bytes:
        """What a process that puts nothing there any more has on its shelves; they are emptied."""
        found = b"".join([self.shelved(thread) for thread in range(self.threads)])
        for thread in range(self.threads):
            self.unshelve(thread)
        return found

    def requests(self) -> int:
        """What the worker has answered, in both of its seats."""
        count: int = self.cells[self.base + REQUESTS] + self.cells[self.other + REQUESTS]
        return count

    def total(self, field: int) -> int:
        """The sum of a cell over all workers, in both of their seats."""
        stride = SLOT + self.threads * LANE
        end = len(self.cells)
        place = HEADER + field
        found = 0
        while place < end:
            found += self.cells[place]
            place += stride
        return found

    def served(self) -> int:
        """What the process in this seat has answered."""
        count: int = self.cells[self.base + REQUESTS] - self.cells[self.base + BEFORE]
        return count

    def clear(self, pid: int, generation: int, now: int) -> None:
        """A new process moves in: everything starts again but the totals, which never go back."""
        for thread in range(self.threads):
            self.cells[self.base + SLOT + thread * LANE + LANE_SINCE] = 0
            self.cells[self.base + SLOT + thread * LANE + LANE_DEADLINE] = 0
            self.unshelve(thread)
        if self.cells[self.other + STARTED] > self.get(STARTED):
            # The mean of a worker goes on with the next process, which may have the other seat.
            self.set(AVERAGE, self.cells[self.other + AVERAGE])
        self.set(BEFORE, self.get(REQUESTS))
        self.set(PID, pid)
        self.set(GENERATION, generation)
        self.set(STARTED, now)
        self.set(PARKED, 0)
        self.set(ACCEPTING, 0)
        self.set(WAKE, 0)


class Scoreboard:
    """All slots; ``fd`` is what another process attaches to."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        whole = os.fstat(fd).st_size
        self._memory = mmap.mmap(fd, whole)
        head = memoryview(self._memory)[: 8 * HEADER].cast("Q")
        if head[0] != MAGIC:
            raise ValueError("this memory is not a scoreboard of this version")
        self.workers: int = head[1]
        self.threads: int = head[2]
        self._count: int = head[SHOWN]
        size = 8 * _cells_of(self.workers, self.threads)
        # The head is a worker's to write, like the rest.
        notes = _notes_of(self.workers, self.threads)
        shelves = _shelves_of(self.workers, self.threads)
        if whole != size + notes + shelves + 8 * self._count:
            raise ValueError("this scoreboard is of another size than it says")
        self._cells = memoryview(self._memory)[:size].cast("Q")
        self._notes = memoryview(self._memory)[size : size + notes]
        end = size + notes + shelves
        self._shelves = memoryview(self._memory)[size + notes : end]
        self._shown = memoryview(self._memory)[end:].cast("q")

    @classmethod
    def create(cls, workers: int, threads: int, shown: int = 0) -> "Scoreboard":
        """A new, empty scoreboard for ``workers`` workers of ``threads`` lanes, that shows so many
        metrics."""
        head = memoryview(bytearray(8 * HEADER)).cast("Q")
        head[0] = MAGIC
        head[1] = workers
        head[2] = threads
        head[SHOWN] = shown
        fd = os.memfd_create("quaich-scoreboard", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            behind = _notes_of(workers, threads) + _shelves_of(workers, threads)
            os.ftruncate(fd, 8 * _cells_of(workers, threads) + behind + 8 * shown)
            os.pwrite(fd, bytes(head), 0)
            # The kernel kills who touches memory that is no longer in the file, and the application
            # has this descriptor too.
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
            return cls(fd)
        except BaseException:
            os.close(fd)
            raise

    @classmethod
    def attach(cls, fd: int) -> "Scoreboard":
        """The scoreboard behind a descriptor; raises ValueError when it is another file."""
        return cls(fd)

    def slot(self, number: int, seat: int = 0) -> Slot:
        """The cells of worker ``number``, counted from 1, in one of its seats."""
        if not 1 <= number <= self.workers or not 0 <= seat < SEATS:
            raise IndexError(f"worker {number} of {self.workers}, seat {seat}")
        place = (number - 1) * SEATS + seat
        notes = self.threads * NOTE
        shelves = self.threads * SHELF
        return Slot(
            self._cells,
            HEADER + place * self._stride,
            HEADER + (place ^ 1) * self._stride,
            self.threads,
            self._notes[place * notes : (place + 1) * notes],
            self._shelves[place * shelves : (place + 1) * shelves],
        )

    def show(self, values: Iterable[int]) -> None:
        """Let workers see the metrics."""
        for place, value in enumerate(values):
            self._shown[place] = value

    def shown(self, place: int) -> int:
        """A metric; 0 where nobody keeps them."""
        return self._shown[place] if place < len(self._shown) else 0

    @property
    def heirs(self) -> bool:
        """Whether other workers stay, or come, to serve the clients of one that leaves."""
        return bool(self._cells[HEIRS])

    @heirs.setter
    def heirs(self, there: bool) -> None:
        self._cells[HEIRS] = there

    @property
    def _stride(self) -> int:
        return SLOT + self.threads * LANE

    def total(self, field: int) -> int:
        """The sum of a cell over all workers."""
        return self.slot(1).total(field)


def _cells_of(workers: int, threads: int) -> int:
    return HEADER + workers * SEATS * (SLOT + threads * LANE)


def _notes_of(workers: int, threads: int) -> int:
    return workers * SEATS * threads * NOTE


def _shelves_of(workers: int, threads: int) -> int:
    return workers * SEATS * threads * SHELF
