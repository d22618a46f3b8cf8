cimport cython
from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from cpython.ref cimport Py_XDECREF
from libc.string cimport memcpy, memset
from cpython.exc cimport PyErr_CheckSignals, PyErr_SetFromErrno

cdef extern from "Python.h":
    PyObject *c_new_bytes "PyBytes_FromStringAndSize"(const char *start, Py_ssize_t size)
    char *c_start_of "PyBytes_AS_STRING"(PyObject *octets)
    int _PyBytes_Resize(PyObject **octets, Py_ssize_t size)

cdef extern from "errno.h":
    int errno
    int EAGAIN, EINTR, ECONNABORTED

cdef extern from "sys/socket.h":
    ctypedef unsigned int socklen_t
    struct sockaddr:
        unsigned short sa_family
    int AF_INET, AF_INET6, MSG_DONTWAIT, MSG_PEEK, MSG_NOSIGNAL, SOCK_NONBLOCK, SOCK_CLOEXEC
    ssize_t recv(int fd, void *buffer, size_t size, int flags) nogil
    ssize_t c_send_ "send"(int fd, const void *buffer, size_t size, int flags) nogil
    int accept4(int fd, sockaddr *address, socklen_t *size, int flags) nogil

cdef extern from "unistd.h":
    int c_close_ "close"(int fd) nogil

cdef extern from "sys/uio.h":
    struct iovec:
        void *iov_base
        size_t iov_len

cdef extern from "sys/socket.h":
    struct msghdr:
        iovec *msg_iov
        size_t msg_iovlen
    ssize_t sendmsg(int fd, const msghdr *message, int flags) nogil

cdef extern from "netinet/in.h":
    struct in_addr:
        unsigned int s_addr
    struct in6_addr:
        unsigned char s6_addr[16]
    struct sockaddr_in:
        unsigned short sin_port
        in_addr sin_addr
    struct sockaddr_in6:
        unsigned short sin6_port
        in6_addr sin6_addr
    struct sockaddr_storage:
        unsigned short ss_family
    unsigned short ntohs(unsigned short port) nogil

cdef extern from "poll.h":
    struct pollfd:
        int fd
        short events
        short revents
    int POLLRDHUP, POLLHUP, POLLERR, POLLNVAL
    int c_poll "poll"(pollfd *fds, unsigned long count, int timeout) nogil

cdef extern from "arpa/inet.h":
    const char *inet_ntop(int family, const void *source, char *text, socklen_t size) nogil

cdef extern from "sys/epoll.h":
    ctypedef union epoll_data:
        int fd
    struct epoll_event:
        unsigned int events
        epoll_data data
    unsigned int EPOLLRDHUP
    int epoll_wait(int epfd, epoll_event *events, int most, int timeout) nogil
    int epoll_ctl(int epfd, int operation, int fd, epoll_event *event) nogil


cdef inline object c_receive(int fd, Py_ssize_t size, int flags):
    # Small reads keep the interpreter lock: the call cannot block, and releasing costs more.
    cdef char small[16384]
    cdef ssize_t n
    cdef PyObject *big
    cdef object octets
    cdef char *target
    if size <= 16384:
        n = recv(fd, small, size, MSG_DONTWAIT | flags)
        if n >= 0:
            return PyBytes_FromStringAndSize(small, n)
    else:
        big = c_new_bytes(NULL, size)
        if big == NULL:
            raise MemoryError
        target = c_start_of(big)
        with nogil:
            n = recv(fd, target, size, MSG_DONTWAIT | flags)
        if n > 0:
            # Nobody else has it yet, so it can be shortened where it is.
            if n != size and _PyBytes_Resize(&big, n) < 0:
                raise MemoryError
            octets = <object> big
            Py_XDECREF(big)
            return octets
        if n < 0 and errno != EAGAIN and errno != EINTR:
            try:
                PyErr_SetFromErrno(OSError)
            finally:
                Py_XDECREF(big)
        Py_XDECREF(big)
        return b"" if n == 0 else None
    if errno == EAGAIN or errno == EINTR:
        return None
    PyErr_SetFromErrno(OSError)


cdef inline Py_ssize_t c_receive_into(int fd, object memory, Py_ssize_t offset, Py_ssize_t size) except -2:
    cdef Py_buffer view
    cdef ssize_t n
    PyObject_GetBuffer(memory, &view, PyBUF_WRITABLE)
    if offset < 0 or size < 0 or size > view.len - offset:
        PyBuffer_Release(&view)
        raise ValueError(f"{size} octets at {offset} are not in it")
    with nogil:
        n = recv(fd, <char *> view.buf + offset, size, MSG_DONTWAIT)
    if n < 0 and errno != EAGAIN and errno != EINTR:
        try:
            PyErr_SetFromErrno(OSError)
        finally:
            PyBuffer_Release(&view)
    PyBuffer_Release(&view)
    return n


cdef inline Py_ssize_t c_send(int fd, bytes data, Py_ssize_t offset) except -2:
    cdef const char *start = PyBytes_AS_STRING(data) + offset
    cdef Py_ssize_t size = len(data) - offset
    cdef ssize_t n
    if size <= 16384:
        n = c_send_(fd, start, size, MSG_DONTWAIT | MSG_NOSIGNAL)
    else:
        with nogil:
            n = c_send_(fd, start, size, MSG_DONTWAIT | MSG_NOSIGNAL)
    if n >= 0:
        return n
    if errno == EAGAIN or errno == EINTR:
        return -1
    PyErr_SetFromErrno(OSError)
    return -2


cdef inline Py_ssize_t c_send_both(int fd, bytes first, bytes second) except -2:
    # Up to here copying costs less than a vector of two.
    cdef char small[4096]
    cdef Py_ssize_t a = len(first), b = len(second)
    cdef iovec pieces[2]
    cdef msghdr message
    cdef ssize_t n
    if a + b <= 4096:
        memcpy(small, PyBytes_AS_STRING(first), a)
        memcpy(small + a, PyBytes_AS_STRING(second), b)
        n = c_send_(fd, small, a + b, MSG_DONTWAIT | MSG_NOSIGNAL)
    else:
        memset(&message, 0, sizeof(message))
        pieces[0].iov_base = PyBytes_AS_STRING(first)
        pieces[0].iov_len = a
        pieces[1].iov_base = PyBytes_AS_STRING(second)
        pieces[1].iov_len = b
        message.msg_iov = pieces
        message.msg_iovlen = 2
        if a + b <= 16384:
            n = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL)
        else:
            with nogil:
                n = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL)
    if n >= 0:
        return n
    if errno == EAGAIN or errno == EINTR:
        return -1
    PyErr_SetFromErrno(OSError)
    return -2


cdef inline socklen_t c_dotted(const unsigned char *octets, char *text) noexcept:
    # As inet_ntop does, which goes through printf.
    cdef int i, n
    cdef socklen_t at = 0
    for i in range(4):
        n = octets[i]
        if n >= 100:
            text[at] = <char> (48 + n // 100)
            at += 1
        if n >= 10:
            text[at] = <char> (48 + n // 10 % 10)
            at += 1
        text[at] = <char> (48 + n % 10)
        text[at + 1] = 46
        at += 2
    return at - 1


cdef inline int c_peer_state(int fd):
    cdef pollfd one
    one.fd = fd
    one.events = <short> POLLRDHUP
    one.revents = 0
    if c_poll(&one, 1, 0) <= 0:
        return 0
    if one.revents & (POLLHUP | POLLERR | POLLNVAL):
        return 2
    return 1 if one.revents & POLLRDHUP else 0


cdef inline object c_accept(int fd):
    cdef sockaddr_storage address
    cdef socklen_t size = sizeof(address)
    cdef char text[64]
    cdef int connection = accept4(fd, <sockaddr *> &address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC)
    if connection < 0:
        if errno == EAGAIN or errno == EINTR or errno == ECONNABORTED:
            return None
        PyErr_SetFromErrno(OSError)
    if address.ss_family == AF_INET:
        size = c_dotted(<unsigned char *> &(<sockaddr_in *> &address).sin_addr, text)
        return connection, text[:size].decode("ascii"), <int> ntohs((<sockaddr_in *> &address).sin_port)
    if address.ss_family == AF_INET6:
        inet_ntop(AF_INET6, &(<sockaddr_in6 *> &address).sin6_addr, text, 64)
        return connection, text.decode("ascii"), <int> ntohs((<sockaddr_in6 *> &address).sin6_port)
    return connection, "", 0


cdef inline int c_close(int fd) except -1:
    if c_close_(fd) < 0 and errno != EINTR:
        PyErr_SetFromErrno(OSError)
    return 0


cdef inline list c_wait(int epfd, int timeout, int most):
    cdef epoll_event events[64]
    cdef int n, i
    cdef list ready = []
    with nogil:
        n = epoll_wait(epfd, events, most, timeout)
    if n < 0:
        if errno != EINTR:
            PyErr_SetFromErrno(OSError)
    # A handler runs here, for no bytecode may come between this and the next request.
    PyErr_CheckSignals()
    for i in range(n):
        ready.append(~events[i].data.fd if events[i].events & EPOLLRDHUP else events[i].data.fd)
    return ready


cdef inline int c_control(int epfd, int operation, int fd, unsigned int mask) except -1:
    cdef epoll_event event
    event.events = mask
    event.data.fd = fd
    if epoll_ctl(epfd, operation, fd, &event) < 0:
        PyErr_SetFromErrno(OSError)
    return 0


cpdef close_fd(int fd)
cpdef object receive(int fd, Py_ssize_t size)
cpdef Py_ssize_t receive_into(int fd, object memory, Py_ssize_t offset, Py_ssize_t size) except -2
cpdef object peek(int fd, Py_ssize_t size)
cpdef Py_ssize_t send(int fd, bytes data, Py_ssize_t offset) except -2
cpdef Py_ssize_t send_both(int fd, bytes first, bytes second) except -2
cpdef int peer_state(int fd) except -1

cdef class Acceptor:
    cdef readonly int fd
    cdef readonly bint inet
    cdef object _socket
    cpdef object accept(self)

cdef class Poller:
    cdef readonly int fd
    cdef readonly unsigned int one_shot
    cdef readonly int batch
    cdef object _epoll
    cpdef list wait(self, int timeout)
    cpdef add(self, int fd, bint writing)
    cpdef modify(self, int fd, bint writing)
    @cython.locals(mask="unsigned int")
    cdef _control(self, int operation, int fd, bint writing)
