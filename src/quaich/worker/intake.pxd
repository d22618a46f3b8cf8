cimport cython
from quaich.wire.fastcgi cimport Responder
from quaich.wire.gateway cimport find_path
from quaich.wire.http1 cimport (
    Head, check_line, check_method, find_end, parse_again, parse_head, skip_empty_lines,
)
from quaich.wire.scgi cimport netstring_size, parse_request
from quaich.wire.uwsgi cimport packet_size, parse_packet
from quaich.worker.connection cimport BODY, HEAD, REPLY, Connection, Door

cpdef enum:
    MORE = 0
    READY = 1
    CONTINUE = 2
    TEMPLATES = 64
    LONGEST_TEMPLATE = 4096


cdef class Template:
    cdef readonly Door door
    cdef readonly bytes octets
    cdef readonly bytes fields
    cdef public Head head
    cdef public dict environ
    cdef public bint forwarded
    cdef public str address
    cdef public str port


cdef class Intake:
    cdef readonly list templates
    cdef readonly Py_ssize_t head_limit
    cdef readonly long long body_limit
    cdef readonly long long memory
    cdef readonly object spools
    cdef readonly object trust

    @cython.locals(used=Py_ssize_t)
    cpdef int feed(self, Connection conn, bytes data) except -1

    @cython.locals(
        buffer=bytes, door=Door, size=Py_ssize_t, start=Py_ssize_t, end=Py_ssize_t, head=Head,
        environ=dict, used=Py_ssize_t, rest=bytes, limit="long long",
    )
    cpdef int next(self, Connection conn) except -1

    cdef _variables(self, Connection conn, dict environ)
    cdef _forwarded(self, Connection conn, dict environ)
    @cython.locals(buffer=bytes, responder=Responder, size=Py_ssize_t)
    cdef Head _cgi(self, Connection conn, dict environ)
    @cython.locals(limit="long long")
    cdef bint _streams(self, Responder responder, Head head) except -1
    @cython.locals(template=Template, like=Head, head=Head, environ=dict, at=Py_ssize_t, end=Py_ssize_t)
    cdef bint _known(self, Connection conn, bytes buffer) except -1
    @cython.locals(environ=dict, head=Head, forwarded=bint, again=bint, place=int, template=Template, fields=bytes)
    cdef _read(self, Connection conn, bytes buffer, Py_ssize_t start, Py_ssize_t end)
    @cython.locals(buffer=bytes, limit=Py_ssize_t, too_long=bint, line=Py_ssize_t)
    cdef _incomplete(self, Connection conn, Py_ssize_t start, Py_ssize_t end)
    @cython.locals(size=Py_ssize_t, end="long long")
    cdef Py_ssize_t _gather(self, Connection conn, bytes data, Py_ssize_t start) except? -3
    @cython.locals(length="long long")
    cdef _keep(self, Connection conn, bytes piece)
    @cython.locals(environ=dict, body=list)
    cdef int _complete(self, Connection conn) except -1
    cdef int _aborted(self, Connection conn) except -1


cpdef drop_spool(Connection conn)
cpdef start_over(Connection conn)
