cimport cython
from quaich.log.request cimport Answered, RequestLog, escape
from quaich.stats.scoreboard cimport Slot
from quaich.sys.clock cimport micros
from quaich.wire.http1 cimport Head
from quaich.wire.reply cimport ReplyHead
from quaich.worker.connection cimport Connection
from quaich.wsgi.call cimport Exchange


cdef class Recorder:
    cdef readonly Slot slot
    cdef readonly object log
    cdef readonly object lines
    cdef readonly object selection
    cdef readonly bint all
    cdef readonly tuple needs
    cdef readonly bint open
    cdef readonly bint forwarded

    @cython.locals(head=Head, environ=dict, fields=int, size=Py_ssize_t, r=Answered)
    cpdef begin(self, Connection conn)
    @cython.locals(head=ReplyHead, r=Answered)
    cpdef finish(self, Connection conn, Exchange exchange)


@cython.locals(head=Head, environ=dict)
cpdef str describe(Connection conn)
