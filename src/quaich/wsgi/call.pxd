cimport cython

cdef enum:
    _LENGTH = 1
    _CODING = 2
    _STAMP = 4
    _CLOSE = 8
    _KEEP = 16
    _CGI = 32

from quaich.wire.reply cimport CHUNKED, NO_BODY, SIZED, UNTIL_CLOSE, ReplyHead, Start, check_head, chunk, content_length, has_no_body


cdef class Stamp:
    cdef public bytes server
    cdef public bytes date


@cython.freelist(16)
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
    cdef public long long switches
    cdef public long long sent
    cdef public str complaint
    cdef public bint cgi
    cdef public bint delimited
    cdef public bint probed

    cdef open(self, object sink, bint http, int minor, bint keep_alive, bint is_head, Stamp stamp)
    @cython.locals(head=ReplyHead, added=int, date=bytes, start=Start)
    cpdef bytes begin(self, long long size)
    @cython.locals(out=bytes)
    cdef bytes _start(self, ReplyHead head, int added, long long size)
    cpdef bytes part(self, bytes data)
    @cython.locals(size=Py_ssize_t, framing=int)
    cpdef bytes framed(self, bytes data)
    @cython.locals(out=bytes)
    cpdef bytes finish(self)
    cpdef bint can_probe(self) except -1
    cpdef bytes probe(self)
    cpdef check_promise(self)
    cpdef bint whole(self) except -1
    cpdef bint broken(self) except -1
