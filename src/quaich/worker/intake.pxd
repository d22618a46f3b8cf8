cimport cython
from quaich.wire.fastcgi cimport Responder
from quaich.wire.gateway cimport find_path
from quaich.wire.http1 cimport Head, check_line, find_end, parse_head, skip_empty_lines
from quaich.wire.scgi cimport netstring_size, parse_request
from quaich.wire.uwsgi cimport packet_size, parse_packet
from quaich.worker.connection cimport Connection, Door


cdef class Intake:
    cdef readonly Py_ssize_t head_limit
    cdef readonly long long body_limit
    cdef readonly long long memory
    cdef readonly object trust

    @cython.locals(used=Py_ssize_t)
    cpdef int feed(self, Connection conn, bytes data) except -1

    @cython.locals(
        buffer=bytes, door=Door, size=Py_ssize_t, start=Py_ssize_t, end=Py_ssize_t, head=Head,
        environ=dict, used=Py_ssize_t, rest=bytes, limit="long long",
    )
    cpdef int next(self, Connection conn) except -1

    cdef _complete_environ(self, Connection conn, dict environ)
    cdef _forwarded(self, Connection conn, dict environ)
    @cython.locals(buffer=bytes, responder=Responder, size=Py_ssize_t)
    cdef Head _cgi(self, Connection conn, dict environ)
    @cython.locals(limit="long long")
    cdef bint _streams(self, Responder responder, Head head) except -1
    @cython.locals(buffer=bytes, limit=Py_ssize_t, too_long=bint, line=Py_ssize_t)
    cdef _incomplete(self, Connection conn, Py_ssize_t start, Py_ssize_t end)
    @cython.locals(size=Py_ssize_t, end="long long")
    cdef Py_ssize_t _gather(self, Connection conn, bytes data, Py_ssize_t start) except? -3
    cdef _keep(self, Connection conn, bytes piece)
    @cython.locals(environ=dict, body=list)
    cdef int _complete(self, Connection conn) except -1
    cdef int _aborted(self, Connection conn) except -1


cpdef drop_spool(Connection conn)
cpdef start_over(Connection conn)
