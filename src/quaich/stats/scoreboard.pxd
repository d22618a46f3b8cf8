cimport cython


cdef class Slot:
    cdef unsigned long long[::1] cells
    cdef readonly Py_ssize_t base
    cdef readonly Py_ssize_t other
    cdef readonly int threads
    cdef unsigned char[::1] notes
    cdef unsigned long long[::1] bounds
    cdef Py_ssize_t last
    cpdef begin(self, int thread, unsigned long long now)
    @cython.locals(lane=Py_ssize_t, since="unsigned long long")
    cpdef pause(self, int thread, unsigned long long now)
    @cython.locals(lane=Py_ssize_t, since="unsigned long long")
    cpdef end(self, int thread, unsigned long long now, unsigned long long sent)
    @cython.locals(place=Py_ssize_t)
    cpdef took(self, unsigned long long micros)
    cpdef fault(self, int thread, int field)
    @cython.locals(data=bytes, size=Py_ssize_t, start=Py_ssize_t, place=Py_ssize_t)
    cpdef note(self, int thread, str text)
