cdef extern from "Python.h":
    void PyOS_BeforeFork()
    void PyOS_AfterFork_Parent()
    void PyOS_AfterFork_Child()

cdef extern from "errno.h":
    int c_errno "errno"
    int EINTR, ECHILD, ENOMEM

cdef extern from "stdlib.h":
    void *malloc(size_t size) nogil
    void free(void *memory) nogil

cdef extern from "unistd.h":
    int c_fork_ "fork"() nogil
    int c_vfork "vfork"() nogil
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
    cdef int *born = <int *> malloc(count * sizeof(int))
    cdef int between, child, index, failure
    if born == NULL:
        for index in range(count):
            pids.append(-ENOMEM)
        return -1
    for index in range(count):
        # One that is killed in between tells nothing more.
        born[index] = -ECHILD
    PyOS_BeforeFork()
    # The one in between needs no memory of its own: this process waits, and reads what it wrote.
    between = c_vfork()
    if between == 0:
        # Nothing of Python runs in this one.
        for index in range(count):
            child = c_fork_()
            if child == 0:
                PyOS_AfterFork_Child()
                return index
            born[index] = child if child > 0 else -c_errno
        _exit(0)
    failure = c_errno
    PyOS_AfterFork_Parent()
    for index in range(count):
        pids.append(born[index] if between > 0 else -failure)
    free(born)
    if between > 0:
        with nogil:
            # Where the application ignores SIGCHLD the call fails, after it has waited.
            while waitpid(between, NULL, 0) < 0 and c_errno == EINTR:
                pass
    return -1
