cimport cython

cpdef enum:
    HEADER = 4
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
    BUCKETS = 14
    SLOT = 29
    LANE_REQUESTS = 0
    LANE_SINCE = 1
    LANE_DEADLINE = 2
    LANE_READ_ERRORS = 3
    LANE_WRITE_ERRORS = 4
    LANE = 5


cdef class Slot:
    cdef unsigned long long[::1] cells
    cdef readonly Py_ssize_t base
    cdef readonly Py_ssize_t other
    cdef readonly int threads
    cdef unsigned char[::1] notes
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
