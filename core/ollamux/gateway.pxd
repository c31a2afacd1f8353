# The types with which Cython compiles gateway.py; the source is that file alone.

from ollamux.clock cimport Clock
from ollamux.gate cimport Gate
from ollamux.routes cimport Router


cdef class Gateway:
    cdef public Clock clock
    cdef Gate _gate
    cdef Router _router
    cdef public object config, admission, planner, automatic, catalog, ledger, feed, fleet, machine, guards, keep_alive, pictures
    cdef public long answer_limit
    cdef public double queue_timeout
    cdef public bint balances, fail_over, hurry, resumes
    cdef bint _careful, _hedges
    cdef object _limits
    cdef object _management, _lists, _responses, _probing, _status, _unloading
    cdef str _instance
    cdef public object circle
    cdef public dict workers
    cdef object _part
    cdef dict _servings, _backends, _fallbacks, _states
    cdef list _ready
    cdef set _apart

    cpdef open(self, request, double now, serving=*)
    cpdef backend(self, str id_)
    cdef _serve(self, target, request, str path, double now, str query)
