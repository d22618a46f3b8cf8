cimport cython
from quaich.sys.clock cimport micros
from quaich.sys.io cimport Acceptor, Poller, peek, peer_state, receive, send
from quaich.wire.http1 cimport Head
from quaich.worker.answer cimport ABORT, FLUSH, NEXT, SUSPEND
from quaich.worker.connection cimport BODY, HEAD, LINGER, REPLY, Connection, Door
from quaich.worker.intake cimport CONTINUE, MORE, READY
from quaich.worker.keeper cimport Lane
from quaich.worker.outbox cimport flush, vanished
from quaich.worker.reader cimport READ, READ_BODY, Reader
from quaich.worker.record cimport Shelf, describe

cpdef enum:
    PIPELINED = 16
    LATE = 10000
    NEWCOMERS = 16
    IDLE = 1000


cdef class Engine(Reader):
    cdef object on_signal
    cdef readonly unsigned long long clock
    cdef int turns
    cdef object clean

    cpdef run(self, Lane lane)
    @cython.locals(
        table=dict, ready=list, now=double, planned=double, fd=int, hung=bint, conn=Connection,
        before="unsigned long long",
    )
    cdef _run(self, Lane lane)
    @cython.locals(fd=int)
    cdef bint _unusual(self, Lane lane) except -1
    cdef _guarded(self, Connection conn, Lane lane)
    cdef int _longest(self, Lane lane) except -2
    @cython.locals(ready=list, timeout=int, poller=Poller, shelf=Shelf)
    cdef list _wait(self, Lane lane)
    cdef _other(self, int fd, Lane lane)
    @cython.locals(conn=Connection)
    cdef _turn(self, Lane lane)
    @cython.locals(conn=Connection, another=Connection, more=int)
    cdef _accept(self, Door door, Lane lane)
    cdef _look(self, Connection conn, Lane lane)
    @cython.locals(conn=Connection, accepted=tuple, address=str, fd=int, acceptor=Acceptor,
        again=bint,
    )
    cdef Connection _accepted(self, Door door)
    @cython.locals(conn=Connection, door=Door)
    cdef _shut_doors(self)
    cdef bint _adopt(self, Lane lane) except -1
    @cython.locals(data=bytes, step=int)
    cdef _event(self, Connection conn, Lane lane)
    @cython.locals(missing="long long", peeked=Py_ssize_t, step=int, head=Head, data=bytes)
    cdef bint _sparing(self, Connection conn, Lane lane) except -1
    @cython.locals(turns=int, outcome=int, context=object)
    cdef _go(self, Connection conn, Lane lane, int step)
    cdef _forget(self, Connection conn)
    @cython.locals(waited=Py_ssize_t, outcome=int)
    cdef _continue_reply(self, Connection conn, Lane lane)
    cdef _outcome_or_next(self, Connection conn, Lane lane, int outcome)
    cdef _outcome(self, Connection conn, Lane lane, int outcome)
    @cython.locals(now=double)
    cdef bint _left(self, Lane lane) except -1
