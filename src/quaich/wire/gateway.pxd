cimport cython
from quaich.wire.http1 cimport Head, read_length, same


cdef class Value:
    cdef readonly bytes raw
    cdef readonly str text


cdef class Variable:
    cdef readonly bytes name
    cdef readonly int meaning
    cdef readonly str key
    cdef readonly bint lasting
    cdef public Value last


@cython.locals(variable=Variable, meaning=int)
cpdef keep(
    Head head, dict environ, bytes data, Py_ssize_t name_start, Py_ssize_t name_end,
    Py_ssize_t start, Py_ssize_t end,
)

@cython.locals(
    p="const unsigned char*", size=Py_ssize_t, last=Value, raw=bytes, decoded=str,
)
cdef str _text(Variable variable, bytes data, Py_ssize_t start, Py_ssize_t end)

@cython.locals(
    p="const unsigned char*", size=Py_ssize_t, place="size_t", variable=Variable, found=Variable,
    name=bytes,
)
cdef Variable _variable(bytes data, Py_ssize_t start, Py_ssize_t end)

cdef list _recent

cpdef complete(Head head, dict environ)

cpdef str text(dict environ, str key)

cpdef find_path(dict environ)
