cimport cython
from quaich.stats.scoreboard cimport Slot
from quaich.sys.clock cimport micros
from quaich.wire.http1 cimport Head
from quaich.worker.connection cimport Connection
from quaich.wsgi.call cimport Exchange


cdef class Recorder:
    cdef readonly Slot slot
    cdef readonly object scoreboard
    cdef readonly object log
    cdef readonly object lines
    cdef readonly bint log_all
    cdef readonly bint log_4xx
    cdef readonly bint log_5xx

    @cython.locals(head=Head, environ=dict, fields=int, size=Py_ssize_t)
    cpdef begin(self, Connection conn)
    @cython.locals(status=int)
    cpdef finish(self, Connection conn, Exchange exchange)


@cython.locals(head=Head, environ=dict)
cpdef str describe(Connection conn)
