cimport cython
from quaich.sys.clock cimport micros
from quaich.sys.io cimport Acceptor, Poller, close_fd, peek, peer_state, receive, send
from quaich.wire.fastcgi cimport Responder
from quaich.wire.http1 cimport Head
from quaich.worker.answer cimport ABORT, FLUSH, NEXT, SUSPEND, Answerer
from quaich.worker.connection cimport BODY, HEAD, LINGER, REPLY, Connection, Door
from quaich.worker.gate cimport Gate
from quaich.worker.intake cimport CONTINUE, MORE, READY, Intake, drop_spool
from quaich.worker.outbox cimport flush
from quaich.worker.record cimport describe

cpdef enum:
    READ = 16384
    READ_BODY = 262144
    PIPELINED = 16
    LATE = 10000
    NEWCOMERS = 16
    IDLE = 1000


cdef class Lane:
    cdef readonly int index
    cdef readonly object backlog
    cdef public int suspended
    cdef public Poller poller
    cdef public Connection conn
    cdef public int suspects
    cdef public double look_at


cdef class Engine(Gate):
    cdef readonly Intake intake
    cdef readonly double http_timeout
    cdef readonly double gateway_timeout
    cdef readonly double idle_timeout
    cdef object on_signal
    cdef readonly list lanes
    cdef readonly unsigned long long clock
    cdef readonly double now
    cdef int turns
    cdef double resume_at
    cdef readonly bint doors_shut
    cdef double starved_logged
    cdef readonly long long dropped
    cdef int shown
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
    @cython.locals(ready=list, timeout=int)
    cdef list _wait(self, Lane lane)
    cdef _other(self, int fd, Lane lane)
    @cython.locals(conn=Connection)
    cdef _turn(self, Lane lane)
    @cython.locals(conn=Connection, another=Connection, more=int)
    cdef _accept(self, Door door, Lane lane)
    cdef _look(self, Connection conn, Lane lane)
    @cython.locals(state=int, sent=Py_ssize_t)
    cdef bint _vanished(self, Connection conn) except -1
    @cython.locals(conn=Connection, accepted=tuple, address=str, fd=int, acceptor=Acceptor)
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
    cdef bint _is_old(self, Connection conn) except -1
    @cython.locals(data=bytes, step=int)
    cdef _event(self, Connection conn, Lane lane)
    cdef bytes _receive(self, Connection conn)
    @cython.locals(missing="long long", peeked=Py_ssize_t, step=int, head=Head, data=bytes)
    cdef bint _sparing(self, Connection conn, Lane lane) except -1
    cdef _filtered(self, Connection conn, bytes data)
    cdef bint _say(self, Connection conn, object reader) except -1
    cdef int _feed(self, Connection conn, bytes data) except? -2
    cdef int _next(self, Connection conn) except? -2
    @cython.locals(responder=Responder, data=bytes, taken=bint)
    cdef int _speak(self, Connection conn, int step) except? -2
    cdef _body_deadline(self, Connection conn)
    @cython.locals(turns=int, outcome=int, context=object)
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
    cdef _part(self, Connection conn)
    cdef _say_farewell(self, Connection conn)
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
