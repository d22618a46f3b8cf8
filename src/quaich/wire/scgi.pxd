cimport cython
from quaich.wire.gateway cimport complete, keep
from quaich.wire.http1 cimport Head, read_length


@cython.locals(p="const unsigned char*", n=Py_ssize_t, i=Py_ssize_t, size=Py_ssize_t, c=int)
cpdef Py_ssize_t netstring_size(bytes data, Py_ssize_t start) except? -3

@cython.locals(
    head=Head, i=Py_ssize_t, last=Py_ssize_t, key_end=Py_ssize_t, value_end=Py_ssize_t,
    length=bytes, announced="long long",
)
cpdef Head parse_request(bytes data, Py_ssize_t start, Py_ssize_t end, dict environ)
