cimport cython


cdef class ReplyHead:
    cdef public bytes lines
    cdef public int status
    cdef public int count
    cdef public long long length
    cdef public bint has_date
    cdef public bint has_server
    cdef public bint close
    cdef public list removed


@cython.locals(head=ReplyHead, parts=list, meaning=int, code=int, lines=bytes)
cpdef ReplyHead check_head(object status, object headers)

cdef int _status_code(object status) except -1
cdef int _learn(object name) except -1
cdef long long _length(object value) except -1

@cython.locals(text=bytes)
cpdef bytes content_length(long long size)

cpdef bint has_no_body(int status, bint is_head)
