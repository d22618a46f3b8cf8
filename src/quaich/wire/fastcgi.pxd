cimport cython
from quaich.wire.gateway cimport complete, keep
from quaich.wire.http1 cimport Head


cdef class Responder:
    cdef readonly Py_ssize_t head_limit
    cdef readonly int request
    cdef int before
    cdef readonly bint keep
    cdef readonly bint ready
    cdef readonly bint done
    cdef readonly bint aborted
    cdef readonly bint over
    cdef readonly bint ended
    cdef public bytes say
    cdef public bytes held
    cdef list params
    cdef Py_ssize_t size
    cdef int records
    cdef long long expected
    cdef long long limit
    cdef long long received
    cdef Py_ssize_t left
    cdef Py_ssize_t skip
    cdef set refused

    cpdef reset(self)
    @cython.locals(held=Py_ssize_t)
    cpdef Py_ssize_t feed(self, bytes data, Py_ssize_t start, list pieces) except? -3
    @cython.locals(
        p="const unsigned char*", n=Py_ssize_t, i=Py_ssize_t, size=Py_ssize_t, kind=int,
        number=int, length=Py_ssize_t, padding=int,
    )
    cdef Py_ssize_t _read(self, bytes data, Py_ssize_t start, list pieces) except? -3
    cdef bint _is_last(self, bytes header) except -1
    cdef int _count(self) except -1
    cdef bint _is_ignored(self, int kind, int number) except -1
    cdef int _control(self, int kind, int number, bytes content) except -1
    @cython.locals(role=int)
    cdef int _begin(self, int number, bytes content) except -1
    cdef int _refuse(self, int number, int status) except -1
    @cython.locals(head=Head, params=list)
    cpdef Head variables(self, dict environ)
    cpdef int expect(self, long long length, long long limit) except -1
    cdef int _more_body(self, Py_ssize_t length) except -1
    cdef int _end_of_body(self) except -1
    @cython.locals(n=Py_ssize_t, i=Py_ssize_t, piece=bytes, parts=list)
    cpdef bytes encode(self, bytes data)
    cpdef bytes frame(self, Py_ssize_t size)
    cpdef bytes end(self)
    cpdef bytes last(self, bytes page)
    cpdef bytes farewell(self)


cdef bytes _header(int kind, int number, Py_ssize_t length)
cdef bytes _end_request(int number, int status)

@cython.locals(n=Py_ssize_t, i=Py_ssize_t, start=Py_ssize_t, middle=Py_ssize_t)
cdef int _pairs(bytes data, Head head, dict environ) except -1

@cython.locals(p="const unsigned char*", i=Py_ssize_t, name="long long", value="long long")
cdef tuple _pair(bytes data, Py_ssize_t start, Py_ssize_t end)
