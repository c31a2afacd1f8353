# The types with which Cython compiles health.py; the source is that file alone.

cdef class Health:
    cdef long _failures, _successes, _healthy_after, _unhealthy_after
    cdef public bint answered
    cdef public str reason, state

    cpdef good(self)
