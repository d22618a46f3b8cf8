from quaich.wire.http1 cimport Head
from quaich.wsgi.call cimport Exchange


cdef class Door:
    cdef readonly object acceptor
    cdef readonly int fd
    cdef readonly str name
    cdef readonly str protocol
    cdef readonly bint http
    cdef readonly bint auto
    cdef readonly dict environ
    cdef readonly Py_ssize_t size


cdef class Region:
    cdef public int fd
    cdef public long long offset
    cdef public long long count


cdef class Connection:
    cdef public int fd
    cdef public object writer
    cdef public Door door
    cdef public str address
    cdef public str port
    cdef public bint http
    cdef public bint trusted
    cdef public int state
    cdef public bytes buffer
    cdef public Py_ssize_t seen
    cdef public int served
    cdef public double deadline
    cdef public bint watched
    cdef public bint writing
    cdef public bint gone
    cdef public bint suspended
    cdef public Head head
    cdef public dict environ
    cdef public object decoder
    cdef public long long missing
    cdef public list body
    cdef public long long body_size
    cdef public double body_began
    cdef public object spool
    cdef public object out
    cdef public Py_ssize_t out_offset
    cdef public Py_ssize_t out_size
    cdef public Exchange exchange
    cdef public object result
    cdef public object iterator
    cdef public object context
    cdef public int home
    cdef public unsigned long long began
    cdef public unsigned long long app_ended
    cdef public tuple record
    cdef public str how
    cdef public bint unserved
    cdef public bint broken
