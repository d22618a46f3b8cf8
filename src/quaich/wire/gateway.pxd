cimport cython
from quaich.wire.http1 cimport Field, Head, read_length, same


@cython.locals(field=Field, meaning=int)
cpdef keep(
    Head head, dict environ, bytes data, Py_ssize_t name_start, Py_ssize_t name_end,
    Py_ssize_t start, Py_ssize_t end,
)

@cython.locals(
    p="const unsigned char*", size=Py_ssize_t, place="size_t", field=Field, found=Field, name=bytes,
)
cdef Field _field(bytes data, Py_ssize_t start, Py_ssize_t end)

cdef list _recent

cpdef complete(Head head, dict environ)

cpdef str text(dict environ, str key)

cpdef find_path(dict environ)
