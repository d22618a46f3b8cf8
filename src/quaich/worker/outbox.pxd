cimport cython
from quaich.sys.io cimport send, send_both
from quaich.worker.connection cimport Connection, Region


@cython.locals(size=Py_ssize_t, sent=Py_ssize_t)
cpdef push(Connection conn, bytes data)
@cython.locals(sent=Py_ssize_t)
cpdef push_both(Connection conn, bytes head, bytes body)
@cython.locals(sent=Py_ssize_t)
cpdef bint flush(Connection conn) except -1
cdef bint _send_region(Connection conn, Region region) except -1
cpdef put_region(Connection conn, Region region)
