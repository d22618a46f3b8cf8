cimport cython

cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    unsigned char *PyUnicode_1BYTE_DATA(object text)


cdef inline bint c_is_visible(str text):
    cdef Py_ssize_t place
    cdef unsigned char *data
    if text is None or not PyUnicode_IS_ASCII(text):
        return False
    data = PyUnicode_1BYTE_DATA(text)
    for place in range(PyUnicode_GET_LENGTH(text)):
        if data[place] < 32 or data[place] > 126:
            return False
    return True


@cython.freelist(16)
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
    cdef public long long switches

    cpdef open(self, str address, str user, str method, str uri, str protocol)


cdef class RequestLog:
    cdef object _pid
    cdef bint _in_micros
    cdef object _memory
    cdef long long _second
    cdef str _date

    @cython.locals(r=Answered, second="long long", text=str)
    cpdef bytes line(self, Answered r)


@cython.locals(plain=bint)
cpdef str escape(str text)
cpdef str escape_quoted(str text)
