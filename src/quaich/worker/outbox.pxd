cimport cython
from quaich.sys.io cimport peer_state, send, send_both
from quaich.wire.fastcgi cimport Responder
from quaich.worker.connection cimport Connection, Region
from quaich.wsgi.call cimport Exchange


cpdef push(Connection conn, bytes data)
@cython.locals(size=Py_ssize_t, sent=Py_ssize_t)
cdef _put(Connection conn, bytes data)
@cython.locals(responder=Responder, exchange=Exchange)
cdef bytes _encoded(Connection conn, bytes data)
@cython.locals(responder=Responder, exchange=Exchange)
cpdef push_end(Connection conn)
@cython.locals(sent=Py_ssize_t)
cpdef push_both(Connection conn, bytes head, bytes body)
@cython.locals(state=int)
cpdef bint vanished(Connection conn) except -1
@cython.locals(sent=Py_ssize_t)
cpdef bint flush(Connection conn) except -1
@cython.locals(responder=Responder, size="long long", first=Region)
cdef _frame(Connection conn, Region region)
cdef bint _send_region(Connection conn, Region region) except -1
cpdef put_region(Connection conn, Region region)
