cdef extern from "Python.h":
    void PyOS_BeforeFork()
    void PyOS_AfterFork_Parent()
    void PyOS_AfterFork_Child()

cdef extern from "errno.h":
    int c_errno "errno"
    int EINTR, ECHILD

cdef extern from "fcntl.h":
    int O_CLOEXEC

cdef extern from "unistd.h":
    int pipe2(int *fds, int flags) nogil
    int c_fork_ "fork"() nogil
    int close(int fd) nogil
    ssize_t read(int fd, void *buffer, size_t size) nogil
    ssize_t write(int fd, const void *buffer, size_t size) nogil
    void _exit(int status) nogil

cdef extern from "dlfcn.h":
    void *RTLD_DEFAULT
    void *dlsym(void *handle, const char *name) nogil

ctypedef int (*Trimmer)(size_t pad) nogil

cdef extern from "sys/wait.h":
    int waitpid(int pid, int *status, int options) nogil

cdef extern from "sys/prctl.h":
    int c_prctl_ "prctl"(int operation, unsigned long a, unsigned long b, unsigned long c, unsigned long d) nogil


cdef inline int c_prctl(int operation, unsigned long a, unsigned long b, unsigned long c, unsigned long d):
    return c_errno if c_prctl_(operation, a, b, c, d) != 0 else 0


cdef inline void c_release_memory() noexcept:
    # Looked for by name: not every C library has it.
    cdef Trimmer trim = <Trimmer> dlsym(RTLD_DEFAULT, "malloc_trim")
    if trim != NULL:
        trim(0)


cdef inline int c_fork_away(int count, list pids):
    cdef int fds[2]
    cdef int between, child, index, failure
    cdef ssize_t size
    if pipe2(fds, O_CLOEXEC) < 0:
        failure = c_errno
        for index in range(count):
            pids.append(-failure)
        return -1
    PyOS_BeforeFork()
    between = c_fork_()
    if between == 0:
        # Nothing of Python runs in this one.
        for index in range(count):
            child = c_fork_()
            if child == 0:
                close(fds[0])
                close(fds[1])
                PyOS_AfterFork_Child()
                return index
            if child < 0:
                child = -c_errno
            write(fds[1], &child, sizeof(child))
        _exit(0)
    # One that is killed in between tells nothing more.
    failure = c_errno if between < 0 else ECHILD
    PyOS_AfterFork_Parent()
    close(fds[1])
    for index in range(count):
        size = 0
        if between > 0:
            with nogil:
                size = read(fds[0], &child, sizeof(child))
                while size < 0 and c_errno == EINTR:
                    size = read(fds[0], &child, sizeof(child))
        pids.append(child if size == sizeof(child) else -failure)
    close(fds[0])
    if between > 0:
        with nogil:
            # Where the application ignores SIGCHLD the call fails, after it has waited.
            while waitpid(between, NULL, 0) < 0 and c_errno == EINTR:
                pass
    return -1
