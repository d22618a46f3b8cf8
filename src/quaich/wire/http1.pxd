cimport cython

cpdef enum:
    MAX_FIELDS = 256
    MAX_METHOD = 32
    MAX_EMPTY_LINES = 4

from quaich.wire.target cimport authority, check_host, decode_path


cdef extern from "string.h":
    void *memchr(const void *where, int what, size_t size) nogil
    int memcmp(const void *a, const void *b, size_t size) nogil


cdef inline bint same(const unsigned char *at, const unsigned char *name, Py_ssize_t size) noexcept:
    return memcmp(at, name, size) == 0


cdef inline Py_ssize_t c_find_empty_line(const unsigned char *p, Py_ssize_t begin, Py_ssize_t n) noexcept:
    # What find() does, without boxing its arguments; a head has few line ends to look at.
    cdef Py_ssize_t i = begin + 3
    cdef const unsigned char *at
    while i < n:
        at = <const unsigned char *> memchr(p + i, 10, n - i)
        if at is NULL:
            return -1
        i = at - p
        if p[i - 1] == 13 and p[i - 2] == 10 and p[i - 3] == 13:
            return i - 3
        i += 1
    return -1


cdef class Field:
    cdef readonly bytes name
    cdef readonly int meaning
    cdef readonly str key


@cython.freelist(64)
cdef class Head:
    cdef public long long content_length
    cdef public long long stated
    cdef public bint chunked
    cdef public bint keep_alive
    cdef public bint expect_continue
    cdef public bint is_head
    cdef public bint absolute
    cdef public int minor
    cdef public int fields
    cdef public Py_ssize_t size
    cdef public Py_ssize_t fields_size
    cdef public int dropped
    cdef public bint dynamic
    cdef public str method
    cdef public str uri
    cdef public str protocol


@cython.locals(begin=Py_ssize_t, at=Py_ssize_t, n=Py_ssize_t, i=Py_ssize_t, p="const unsigned char*")
cpdef Py_ssize_t find_end(bytes data, Py_ssize_t start, Py_ssize_t seen) except? -3

@cython.locals(n=Py_ssize_t, lines=int)
cpdef Py_ssize_t skip_empty_lines(bytes data, Py_ssize_t start) except? -3

cpdef check_line(bytes data, Py_ssize_t start, Py_ssize_t end)

@cython.locals(last=Py_ssize_t)
cpdef check_method(bytes data, Py_ssize_t start, Py_ssize_t end)

@cython.locals(
    head=Head, p="const unsigned char*", t="const unsigned char*", v="const unsigned char*",
    i=Py_ssize_t, j=Py_ssize_t, name_start=Py_ssize_t, value_start=Py_ssize_t, c=int,
    connection=int, fields=int, size=Py_ssize_t, meaning=int, foreign=bint, expectation=bint,
    field=Field, key=str, value=str, host=str,
)
cpdef Head parse_head(bytes data, Py_ssize_t start, Py_ssize_t end, dict environ)

@cython.locals(head=Head)
cpdef Head parse_again(bytes data, Py_ssize_t end, dict environ, Head like)

@cython.locals(
    p="const unsigned char*", size=Py_ssize_t, place="size_t", field=Field, found=Field, name=bytes,
)
cdef Field _field(bytes data, Py_ssize_t start, Py_ssize_t end)

cdef list _recent

@cython.locals(
    p="const unsigned char*", t="const unsigned char*", g="const unsigned char*",
    i=Py_ssize_t, target_start=Py_ssize_t, target_end=Py_ssize_t, query=Py_ssize_t,
    path_start=Py_ssize_t, path_end=Py_ssize_t, plain=bint, c=int, major=int, minor=int,
    method=str, uri=str, path=str, protocol=str, string=str,
)
cdef Py_ssize_t _request_line(bytes data, Py_ssize_t start, Py_ssize_t end, Head head, dict environ) except? -3

@cython.locals(p="const unsigned char*", number="long long", i=Py_ssize_t, c=int)
cpdef long long read_length(bytes data, Py_ssize_t start, Py_ssize_t end) except? -3
