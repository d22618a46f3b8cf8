cimport cython
from quaich.sys.io cimport Poller, close_fd, receive, send
from quaich.worker.connection cimport BODY, HEAD, LINGER, REPLY, Connection
from quaich.worker.gate cimport Gate
from quaich.worker.intake cimport drop_spool
from quaich.worker.record cimport Shelf


cdef class Lane:
    cdef readonly int index
    cdef readonly object backlog
    cdef public int suspended
    cdef public Poller poller
    cdef public Connection conn
    cdef public int suspects
    cdef public double look_at
    cdef public Shelf shelf


cdef class Keeper(Gate):
    cdef readonly double http_timeout
    cdef readonly double gateway_timeout
    cdef readonly list lanes
    cdef readonly double now
    cdef readonly bint doors_shut
    cdef readonly long long dropped
    cdef int shown

    @cython.locals(found=Connection)
    cdef bint _claim(self, Connection conn) except -1
    cdef _put_back(self, Connection conn)
    @cython.locals(fd=int, watched=bint)
    cdef _park(self, Connection conn, bint writing)
    cdef _suspend(self, Connection conn, Lane lane)
    cdef _unsuspend(self, Connection conn)
    cdef double _stall(self, Connection conn) except? -1.0
    @cython.locals(conn=Connection)
    cdef _hand_over(self, double now)
    @cython.locals(waits=Py_ssize_t, earned=double)
    cdef _watch_reading(self, Connection conn)
    @cython.locals(conn=Connection, due=double)
    cdef _sweep(self, double now)
    cdef _expire(self, Connection conn)
    cdef _show(self)
    cdef int _refuse(self, Connection conn, object error) except? -2
    cdef _linger(self, Connection conn)
    cdef _part(self, Connection conn)
    cdef _say_farewell(self, Connection conn)
    cdef _close(self, Connection conn)
    cdef _drop(self, Connection conn)
    cdef _unread(self, Connection conn)
    cdef _reset(self, Connection conn)
