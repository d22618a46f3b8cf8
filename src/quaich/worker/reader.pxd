cimport cython
from quaich.sys.io cimport receive, receive_into, send
from quaich.wire.fastcgi cimport Responder
from quaich.worker.connection cimport BODY, HEAD, Connection
from quaich.worker.intake cimport Intake
from quaich.worker.usher cimport Usher

cpdef enum:
    READ = 16384
    READ_BODY = 262144
    READ_LARGE = 524288


cdef class Reader(Usher):
    cdef readonly Intake intake

    cdef bytes _receive(self, Connection conn)
    @cython.locals(most="long long", got=Py_ssize_t)
    cdef bint _fills(self, Connection conn) except -1
    cdef _filtered(self, Connection conn, bytes data)
    cdef bint _say(self, Connection conn, object reader) except -1
    cdef int _feed(self, Connection conn, bytes data) except? -2
    cdef int _next(self, Connection conn) except? -2
    @cython.locals(responder=Responder, data=bytes, taken=bint)
    cdef int _speak(self, Connection conn, int step) except? -2
    cdef _body_deadline(self, Connection conn)
