from quaich.wire.http1 cimport Head, read_length


cpdef keep(Head head, dict environ, str key, bytes data, Py_ssize_t start, Py_ssize_t end)

cpdef complete(Head head, dict environ)

cpdef str text(dict environ, str key)

cpdef find_path(dict environ)
