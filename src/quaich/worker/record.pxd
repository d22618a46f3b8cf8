cimport cython
from quaich.log.request cimport Answered, RequestLog, escape
from quaich.stats.scoreboard cimport Slot
from quaich.sys.clock cimport micros
from quaich.wire.http1 cimport Head
from quaich.wire.reply cimport ReplyHead
from quaich.worker.connection cimport Connection
from quaich.wsgi.call cimport Exchange


cpdef enum:
    OLDEST = 100000
    LONG = 10000
    QUICK = 1000


cdef class Shelf:
    cdef readonly Slot slot
    cdef readonly int thread
    cdef readonly object log
    cdef readonly bint full
    cdef unsigned long long since

    cpdef put(self, bytes line, unsigned long long now)
    cpdef clear(self)


cdef class Recorder:
    cdef readonly Slot slot
    cdef readonly object log
    cdef readonly object lines
    cdef readonly RequestLog plain
    cdef readonly object selection
    cdef readonly bint all
    cdef readonly tuple needs
    cdef readonly bint open
    cdef readonly bint forwarded
    cdef readonly list shelves
    cdef int slow
    cdef unsigned long long second
    cdef double offset

    @cython.locals(
        head=Head, environ=dict, fields=int, size=Py_ssize_t, r=Answered, second="unsigned long long"
    )
    cpdef begin(self, Connection conn)
    @cython.locals(
        head=ReplyHead, r=Answered, now="unsigned long long", line=bytes, slow=int, shelf=Shelf
    )
    cpdef finish(self, Connection conn, Exchange exchange, bint at_home)


@cython.locals(head=Head, environ=dict)
cpdef str describe(Connection conn)
