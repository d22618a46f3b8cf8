cimport cython
from quaich.log.request cimport Answered
from quaich.wire.fastcgi cimport Responder
from quaich.wire.http1 cimport Head
from quaich.wsgi.call cimport Exchange

cpdef enum:
    HEAD = 0
    BODY = 1
    REPLY = 2
    LINGER = 3


cdef class Door:
    cdef readonly object acceptor
    cdef readonly int fd
    cdef readonly str name
    cdef readonly str protocol
    cdef readonly bint http
    cdef readonly bint auto
    cdef readonly bint cgi
    cdef readonly bint fastcgi
    cdef readonly Py_ssize_t head_limit
    cdef public object opening
    cdef readonly dict environ
    cdef readonly Py_ssize_t size
    cdef public bint old


cdef class Region:
    cdef public int fd
    cdef public long long offset
    cdef public long long count
    cdef public bint framed


@cython.freelist(64)
cdef class Connection:
    cdef open(self, int fd, Door door, str address, str port, object writer)
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
    cdef public bint hung
    cdef public bint opened
    cdef public bint suspended
    cdef public Head head
    cdef public dict environ
    cdef public object decoder
    cdef public Py_ssize_t unread
    cdef public long long missing
    cdef public list body
    cdef public long long body_size
    cdef public double body_began
    cdef public double heard
    cdef public object spool
    cdef public object out
    cdef public Py_ssize_t out_offset
    cdef public Py_ssize_t out_size
    cdef public Py_ssize_t queued
    cdef public Exchange exchange
    cdef public object result
    cdef public object iterator
    cdef public object context
    cdef public int home
    cdef public unsigned long long began
    cdef public unsigned long long app_ended
    cdef public Answered record
    cdef public str how
    cdef public bint unserved
    cdef public object layer
    cdef public object filter
    cdef public dict variables
    cdef public Responder fastcgi
    cdef public bint broken
    cdef public bint guarded

    cpdef meet(self, str address, str port)
