cimport cython
from quaich.wire.http1 cimport Field, Head, read_length, same


cpdef Py_ssize_t packet_size(bytes data, Py_ssize_t start) except? -3

@cython.locals(
    p="const unsigned char*", head=Head, i=Py_ssize_t, fields=int, field=Field, meaning=int,
    key_length=Py_ssize_t, key_start=Py_ssize_t, value_length=Py_ssize_t, value_start=Py_ssize_t,
    length="long long",
)
cpdef Head parse_packet(bytes data, Py_ssize_t start, Py_ssize_t end, dict environ)

@cython.locals(
    p="const unsigned char*", size=Py_ssize_t, place="size_t", field=Field, found=Field, name=bytes,
)
cdef Field _field(bytes data, Py_ssize_t start, Py_ssize_t end)

cdef list _recent

cdef str _text(dict environ, str key)
