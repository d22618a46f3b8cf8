cimport cython

cpdef enum:
    NO_BODY = 0
    SIZED = 1
    CHUNKED = 2
    UNTIL_CLOSE = 3



from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.string cimport memcpy


cdef inline bytes c_chunk(bytes data):
    cdef Py_ssize_t size = len(data), left = size, digits = 1
    cdef bytes out
    cdef char *to
    cdef const char *figures = "0123456789abcdef"
    while left > 15:
        left >>= 4
        digits += 1
    out = PyBytes_FromStringAndSize(NULL, digits + 2 + size + 2)
    to = PyBytes_AS_STRING(out)
    left = size
    while digits > 0:
        digits -= 1
        to[digits] = figures[left & 15]
        left >>= 4
    to += len(out) - size - 4
    memcpy(to, b"\r\n", 2)
    memcpy(to + 2, PyBytes_AS_STRING(data), size)
    memcpy(to + 2 + size, b"\r\n", 2)
    return out


cpdef bytes chunk(bytes data)


cdef class Start:
    cdef readonly bytes octets
    cdef readonly bytes date
    cdef readonly int added
    cdef readonly long long size


cdef class ReplyHead:
    cdef public list items
    cdef public Start start
    cdef public bytes lines
    cdef public int status
    cdef public int count
    cdef public long long length
    cdef public bint has_date
    cdef public bint has_server
    cdef public bint close
    cdef public list removed


@cython.locals(head=ReplyHead, known=ReplyHead)
cpdef ReplyHead check_head(object status, object headers)

@cython.locals(count=Py_ssize_t, i=Py_ssize_t, known=tuple)
cdef bint _same(list items, list headers) except -1

@cython.locals(head=ReplyHead, parts=list, meaning=int, code=int, lines=bytes, plain=bint, items=list)
cdef ReplyHead _check(object status, object headers)

cdef int _status_code(object status) except -1
cdef int _learn(object name) except -1
cdef long long _length(object value) except -1

@cython.locals(text=bytes)
cpdef bytes content_length(long long size)

cpdef bint has_no_body(int status, bint is_head)
