# The types with which Cython compiles breaker.py; the source is that file alone.

cimport cython

cdef long _BUCKETS


cdef class Breaker:
    cdef object _settings
    cdef set _opened_ones
    cdef long[10] _calls, _failed
    cdef long _bucket, _epoch, _successes, _total_calls, _total_failed, _trials
    cdef double _credit, _in_window, _trial_at
    cdef public str backend, model, state
    cdef public double changed
    cdef public long failures
    cdef public bint closed, silent

    cpdef bint asks(self, double now) except -1
    cpdef long begin(self, double now) except -1
    cpdef good(self, long ticket, double now)
    cpdef dropped(self, long ticket)
    @cython.locals(bucket=long, place=long, passed=long)
    cdef _count(self, double now, long calls, long failed)
    cdef _forget(self)
