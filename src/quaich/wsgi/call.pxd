cimport cython
from quaich.wire.reply cimport ReplyHead, check_head, content_length, has_no_body


cdef class Stamp:
    cdef public bytes server
    cdef public bytes date


cdef class Exchange:
    cdef public object sink
    cdef public bint http
    cdef public int minor
    cdef public bint close
    cdef public bint is_head
    cdef public Stamp stamp
    cdef public ReplyHead head
    cdef public bint opened
    cdef public bint begun
    cdef public bint over
    cdef public int framing
    cdef public long long left
    cdef public Py_ssize_t head_size
    cdef public long long sent
    cdef public str complaint
    cdef public bytes line
    cdef public bint delimited

    @cython.locals(head=ReplyHead, extra=bytes, out=bytes)
    cpdef bytes begin(self, long long size)
    cpdef bytes part(self, bytes data)
    @cython.locals(size=Py_ssize_t, framing=int)
    cpdef bytes framed(self, bytes data)
    @cython.locals(out=bytes)
    cpdef bytes finish(self)
    cpdef check_promise(self)
