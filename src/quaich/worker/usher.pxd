cimport cython
from quaich.worker.connection cimport BODY, HEAD, REPLY, Connection
from quaich.worker.keeper cimport Keeper


cdef class Usher(Keeper):
    cdef readonly double idle_timeout
    cdef double resume_at
    cdef int scarce_from
    cdef double scarce_until
    cdef int above
    cdef int reserve
    cdef double starved_logged

    @cython.locals(pause=double)
    cdef bint _starved(self, object error, bint again) except -1
    @cython.locals(pause=double, lower=int)
    cdef int _spare(self, int fd) except -1
    cdef _rest(self, double pause)
    @cython.locals(conns=list, silent=list, conn=Connection)
    cdef double _make_room(self, str why) except? -1.0
    @cython.locals(pause=double)
    cdef _sweep(self, double now)
    cdef bint _is_scarce(self) except -1


cdef bint _goes_on(Connection conn) except -1
