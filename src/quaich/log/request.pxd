cimport cython


cdef class Answered:
    cdef readonly str address
    cdef readonly str user
    cdef readonly str method
    cdef readonly str uri
    cdef readonly str protocol
    cdef public long long fields
    cdef public long long size
    cdef public tuple values
    cdef public dict names
    cdef public int status
    cdef public long long sent
    cdef public int headers
    cdef public Py_ssize_t headers_size
    cdef public long long micros
    cdef public long long app_micros
    cdef public double began
    cdef public str how
    cdef public int core
    cdef public long long count
    cdef public long long total
    cdef public bint has_app
    cdef public bint failed


cdef class RequestLog:
    cdef object _pid
    cdef bint _in_micros
    cdef object _memory
    cdef long long _second
    cdef str _date

    @cython.locals(r=Answered, second="long long", text=str)
    cpdef bytes line(self, Answered r)


cpdef str escape(str text)
cpdef str escape_quoted(str text)
