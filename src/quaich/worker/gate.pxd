cimport cython
from quaich.sys.io cimport Poller
from quaich.worker.answer cimport Answerer
from quaich.worker.connection cimport Connection


cdef class Gate:
    cdef readonly dict doors
    cdef readonly object handover
    cdef readonly int lounge
    cdef readonly Answerer answerer
    cdef readonly object log
    cdef readonly int threads
    cdef readonly int signals
    cdef readonly dict table
    cdef readonly Poller poller
    cdef double next_sweep
    cdef readonly bint halted
    cdef readonly int lifeline
    cdef readonly bint accepting
    cdef readonly bint unusual
    cdef readonly bint leaving
    cdef double leave_began
    cdef readonly bint handing
    cdef readonly bint paused
    cdef double pause_began
    cdef object lock
    cdef int wake
    cdef int bell
    cdef Poller quiet

    cdef list _entrances(self)
    @cython.locals(length=double, conn=Connection)
    cdef _end_pause(self)
