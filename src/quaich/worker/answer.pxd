cimport cython
from quaich.stats.scoreboard cimport Slot
from quaich.sys.clock cimport micros
from quaich.sys.io cimport peer_state
from quaich.wire.http1 cimport Head
from quaich.wire.reply cimport UNTIL_CLOSE
from quaich.worker.connection cimport Connection, Region
from quaich.worker.intake cimport start_over
from quaich.worker.outbox cimport flush, push, push_both, push_end, put_region, vanished
from quaich.worker.record cimport Recorder, describe
from quaich.wsgi.call cimport Exchange, Stamp

cpdef enum:
    NEXT = 0
    FLUSH = 1
    SUSPEND = 2
    CLOSE = 3
    ABORT = 4
    SLOW = 100000


cdef class Answerer:
    cdef public object choose
    cdef public object application
    cdef public object dynamic
    cdef public Slot slot
    cdef public object log
    cdef public object failures
    cdef public Recorder recorder
    cdef public double http_timeout
    cdef public double gateway_timeout
    cdef public int threads
    cdef public list idents
    cdef public bint noting
    cdef public int most
    cdef public bint timing
    cdef public Stamp stamp
    cdef public long long stamp_second
    cdef public bint closing
    cdef public bint failing
    cdef public bint astray
    cdef public object on_exception
    cdef public object routes
    cdef public long long left
    cdef public object on_spent

    @cython.locals(head=Head, environ=dict, second="long long", exchange=Exchange)
    cpdef int answer(self, Connection conn, int thread, object context) except -1
    @cython.locals(exchange=Exchange, environ=dict, application=object, kind=object)
    cpdef int call(self, Connection conn) except -1
    cpdef int resume(self, Connection conn) except -1
    @cython.locals(
        exchange=Exchange, iterator=object, head=bytes,
        last="unsigned long long", now="unsigned long long",
    )
    cpdef int iterate(self, Connection conn) except -1
    @cython.locals(gone=bint, state=int)
    cdef bint _left(self, Connection conn, Exchange exchange, bint probing) except -1
    @cython.locals(body=bytes, head=bytes)
    cdef _whole(self, Connection conn, Exchange exchange, object result)
    cdef bint _file(self, Connection conn, Exchange exchange, object wrapper) except -1
    cpdef write_through(self, Connection conn, bytes data)
    cdef _guard_end(self, Connection conn)
    @cython.locals(exchange=Exchange)
    cpdef int app_done(self, Connection conn) except -1
    @cython.locals(exchange=Exchange)
    cpdef int complete(self, Connection conn, bint at_home) except -1
    @cython.locals(exchange=Exchange)
    cpdef abandon(self, Connection conn)
    @cython.locals(environ=dict)
    cdef _route(self, Connection conn, object routes)
    cdef _close_result(self, Connection conn)
    @cython.locals(first=bint, outcome=int)
    cdef int _failed(self, Connection conn, object error) except -1
    cdef int _report_failure(self, Connection conn, object error) except -1
    cdef int _no_application(self, Connection conn) except -1
