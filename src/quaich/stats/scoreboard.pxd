cimport cython
from cpython.bytes cimport PyBytes_AS_STRING
from libc.string cimport memcpy

cpdef enum:
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
    SLOT = 30
    LANE_REQUESTS = 0
    LANE_SINCE = 1
    LANE_DEADLINE = 2
    LANE_READ_ERRORS = 3
    LANE_WRITE_ERRORS = 4
    LANE_HELD = 5
    LANE = 6
    SHELF = 8192


cdef inline int c_copy(
    unsigned char[::1] shelves, Py_ssize_t start, bytes line, Py_ssize_t size
) except -1:
    if start < 0 or start + size > shelves.shape[0]:
        raise IndexError("a shelf has an end")
    if size:
        memcpy(&shelves[start], PyBytes_AS_STRING(line), size)
    return 0


cdef class Slot:
    cdef unsigned long long[::1] cells
    cdef readonly Py_ssize_t base
    cdef readonly Py_ssize_t other
    cdef readonly int threads
    cdef unsigned char[::1] notes
    cdef unsigned char[::1] shelves
    cdef unsigned long long[::1] bounds
    cdef Py_ssize_t last
    cpdef begin(self, int thread, unsigned long long now)
    @cython.locals(lane=Py_ssize_t, since="unsigned long long")
    cpdef pause(self, int thread, unsigned long long now)
    @cython.locals(lane=Py_ssize_t, since="unsigned long long")
    cpdef end(self, int thread, unsigned long long now, unsigned long long sent)
    @cython.locals(place=Py_ssize_t)
    cpdef took(self, unsigned long long micros)
    @cython.locals(
        stride=Py_ssize_t, end=Py_ssize_t, place=Py_ssize_t, found="unsigned long long"
    )
    cpdef unsigned long long total(self, int field) except? 0xFFFFFFFFFFFFFFFF
    cpdef fault(self, int thread, int field)
    @cython.locals(data=bytes, size=Py_ssize_t, start=Py_ssize_t, place=Py_ssize_t)
    cpdef note(self, int thread, str text)
    @cython.locals(place=Py_ssize_t, used="unsigned long long", size=Py_ssize_t, start=Py_ssize_t)
    cpdef bint shelve(self, int thread, bytes line) except -1
    cpdef unshelve(self, int thread)
