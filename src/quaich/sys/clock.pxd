cdef extern from "time.h":
    struct timespec:
        long tv_sec
        long tv_nsec
    int CLOCK_MONOTONIC
    int clock_gettime(int clock, timespec *now) nogil


cdef inline unsigned long long c_micros() noexcept:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return <unsigned long long> now.tv_sec * 1000000 + now.tv_nsec // 1000


cpdef unsigned long long micros() except? 0
