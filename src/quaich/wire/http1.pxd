cimport cython
from quaich.wire.target cimport authority, check_host, decode_path


cdef class Head:
    cdef public long long content_length
    cdef public long long stated
    cdef public bint chunked
    cdef public bint keep_alive
    cdef public bint expect_continue
    cdef public bint is_head
    cdef public bint absolute
    cdef public int minor
    cdef public int fields
    cdef public Py_ssize_t size
    cdef public int dropped
    cdef public bint dynamic
    cdef public str method
    cdef public str uri
    cdef public str protocol


@cython.locals(begin=Py_ssize_t, at=Py_ssize_t, n=Py_ssize_t, i=Py_ssize_t, p="const unsigned char*")
cpdef Py_ssize_t find_end(bytes data, Py_ssize_t start, Py_ssize_t seen) except? -3

@cython.locals(n=Py_ssize_t, lines=int)
cpdef Py_ssize_t skip_empty_lines(bytes data, Py_ssize_t start) except? -3

cpdef check_line(bytes data, Py_ssize_t start, Py_ssize_t end)

@cython.locals(
    head=Head, p="const unsigned char*", t="const unsigned char*", v="const unsigned char*",
    i=Py_ssize_t, j=Py_ssize_t, name_start=Py_ssize_t, value_start=Py_ssize_t, c=int,
    connection=int, fields=int, size=Py_ssize_t, meaning=int,
    name=bytes, entry=tuple, key=str, value=str, known=dict, host=str,
)
cpdef Head parse_head(bytes data, Py_ssize_t start, Py_ssize_t end, dict environ)

@cython.locals(
    p="const unsigned char*", t="const unsigned char*", g="const unsigned char*",
    i=Py_ssize_t, target_start=Py_ssize_t, target_end=Py_ssize_t, query=Py_ssize_t,
    path_start=Py_ssize_t, path_end=Py_ssize_t, plain=bint, c=int, major=int, minor=int,
    method=str, uri=str, path=str, protocol=str, string=str,
)
cdef Py_ssize_t _request_line(bytes data, Py_ssize_t start, Py_ssize_t end, Head head, dict environ) except? -3

@cython.locals(p="const unsigned char*", number="long long", i=Py_ssize_t, c=int)
cpdef long long read_length(bytes data, Py_ssize_t start, Py_ssize_t end) except? -3
