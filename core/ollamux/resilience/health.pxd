# The types with which Cython compiles health.py; the source is that file alone.

cdef class Health:
    cdef long _failures, _successes, _healthy_after, _unhealthy_after
    cdef double _slow_after, _trouble
    cdef str _kind
    cdef public bint answered
    cdef set _stale
    cdef public str backend, reason, state
    cdef public double response_time
    cdef public object history

    cpdef good(self, double now=*, double took=*)
    cdef _note(self, before, double now)
