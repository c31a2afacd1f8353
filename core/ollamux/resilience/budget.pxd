# The types with which Cython compiles budget.py; the source is that file alone.

cdef class RetryBudget:
    cdef double _level, _most, _trickles
    cdef object _at
    cdef public double share

    cpdef paid(self)
