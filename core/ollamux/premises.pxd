# The types with which Cython compiles premises.py; the source is that file alone.

from ollamux.accounting.ledger cimport Ledger
from ollamux.clock cimport Clock
from ollamux.resilience.admission cimport Admission


cdef class Premises:
    cdef public Clock clock
    cdef public Admission admission
    cdef public Ledger ledger
    cdef public object config, planner, automatic, catalog, feed, fleet, machine, guards, keep_alive, pictures
    cdef public object circle, part
    cdef public dict workers
    cdef public long answer_limit
    cdef public double queue_timeout
    cdef public bint balances, fail_over, hurry, resumes
    cdef object _probing, _unloading
    cdef str _instance
    cdef dict _backends, _fallbacks, _states
    cdef set _stale
    cdef list _ready

    cpdef bint has_ready(self) except -1
    cpdef backend(self, str id_)
