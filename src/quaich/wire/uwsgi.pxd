cimport cython
from quaich.wire.gateway cimport complete, keep
from quaich.wire.http1 cimport Head


cpdef Py_ssize_t packet_size(bytes data, Py_ssize_t start) except? -3

@cython.locals(
    p="const unsigned char*", head=Head, i=Py_ssize_t,
    key_length=Py_ssize_t, key_start=Py_ssize_t, value_length=Py_ssize_t, value_start=Py_ssize_t,
)
cpdef Head parse_packet(bytes data, Py_ssize_t start, Py_ssize_t end, dict environ)
