cimport cython


cpdef Py_ssize_t authority(bytes data, Py_ssize_t start, Py_ssize_t end, dict environ) except? -3
cpdef str decode_path(bytes data, Py_ssize_t start, Py_ssize_t end)
@cython.locals(known=str, n=Py_ssize_t, i=Py_ssize_t)
cpdef str check_host(bytes value)
