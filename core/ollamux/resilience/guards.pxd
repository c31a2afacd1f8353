# The types with which Cython compiles guards.py; the source is that file alone.

from ollamux.resilience.budget cimport RetryBudget
from ollamux.resilience.circuits cimport Circuits


cdef class Guards:
    cdef public Circuits circuits
    cdef public RetryBudget budget
    cdef public dict policies, quotas
    cdef public object policy, hedging, told
    cdef public bint limited
    cdef object _seed, _drawn
