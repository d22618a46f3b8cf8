cimport cython
from quaich.sys.clock cimport micros
from quaich.sys.io cimport Poller, receive, send
from quaich.worker.answer cimport Answerer
from quaich.worker.connection cimport Connection, Door
from quaich.worker.gate cimport Gate
from quaich.worker.intake cimport Intake
from quaich.worker.outbox cimport flush


cdef class Lane:
    cdef readonly int index
    cdef readonly object backlog
    cdef public int suspended
    cdef public Poller poller
    cdef public Connection conn


cdef class Engine(Gate):
    cdef readonly Intake intake
    cdef readonly double http_timeout
    cdef readonly double gateway_timeout
    cdef readonly double idle_timeout
    cdef object on_signal
    cdef readonly list lanes
    cdef readonly double now
    cdef double resume_at
    cdef readonly bint doors_shut
    cdef double starved_logged
    cdef readonly long long dropped
    cdef int shown
    cdef object clean

    @cython.locals(table=dict, ready=list, now=double, planned=double, fd=int, conn=Connection)
    cpdef run(self, Lane lane)
    @cython.locals(fd=int)
    cdef bint _unusual(self, Lane lane) except -1
    cdef _guarded(self, Connection conn, Lane lane)
    @cython.locals(ready=list, timeout=int)
    cdef list _wait(self, Lane lane)
    cdef _other(self, int fd, Lane lane)
    @cython.locals(conn=Connection)
    cdef _turn(self, Lane lane)
    @cython.locals(conn=Connection)
    cdef _accept(self, Door door, Lane lane)
    @cython.locals(conn=Connection)
    cdef Connection _accepted(self, Door door)
    @cython.locals(conn=Connection, door=Door)
    cdef _shut_doors(self)
    cdef bint _adopt(self, Lane lane) except -1
    @cython.locals(found=Connection)
    cdef bint _claim(self, Connection conn) except -1
    @cython.locals(conn=Connection)
    cdef _hand_over(self, double now)
    cdef _put_back(self, Connection conn)
    cdef _starved(self, object error)
    cdef _event(self, Connection conn, Lane lane)
    cdef int _feed(self, Connection conn, bytes data) except? -2
    cdef int _next(self, Connection conn) except? -2
    cdef _body_deadline(self, Connection conn)
    @cython.locals(turns=int, outcome=int)
    cdef _go(self, Connection conn, Lane lane, int step)
    @cython.locals(waited=Py_ssize_t, outcome=int)
    cdef _continue_reply(self, Connection conn, Lane lane)
    cdef _outcome_or_next(self, Connection conn, Lane lane, int outcome)
    cdef _outcome(self, Connection conn, Lane lane, int outcome)
    cdef double _stall(self, Connection conn) except? -1.0
    cdef _suspend(self, Connection conn, Lane lane)
    cdef _unsuspend(self, Connection conn)
    @cython.locals(fd=int, watched=bint)
    cdef _park(self, Connection conn, bint writing)
    cdef int _refuse(self, Connection conn, object error) except? -2
    cdef _linger(self, Connection conn)
    cdef _close(self, Connection conn)
    cdef _drop(self, Connection conn)
    cdef _unread(self, Connection conn)
    cdef _reset(self, Connection conn)
    cdef _show(self)
    @cython.locals(conn=Connection, due=double)
    cdef _sweep(self, double now)
    cdef _expire(self, Connection conn)
    @cython.locals(now=double)
    cdef bint _left(self, Lane lane) except -1
