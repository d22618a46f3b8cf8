cimport cython

cpdef enum:
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
    SLOT = 12
    LANE_REQUESTS = 0
    LANE_SINCE = 1
    LANE_DEADLINE = 2
    LANE = 4


cdef class Slot:
    cdef unsigned long long[::1] cells
    cdef readonly Py_ssize_t base
    cdef readonly Py_ssize_t other
    cdef readonly int threads
    cdef readonly object notes
    cpdef begin(self, int thread, unsigned long long now)
    @cython.locals(lane=Py_ssize_t, since="unsigned long long")
    cpdef pause(self, int thread, unsigned long long now)
    @cython.locals(lane=Py_ssize_t, since="unsigned long long")
    cpdef end(self, int thread, unsigned long long now, unsigned long long sent)
