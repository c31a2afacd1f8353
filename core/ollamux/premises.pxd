# The types with which Cython compiles premises.py; the source is that file alone.

from ollamux.exchange.machines cimport Machines


cdef class Premises(Machines):
    cdef public object config, automatic, fleet, machine, pictures
    cdef public object circle, part
    cdef public dict workers
    cdef public bint hurry
    cdef object _probing, _unloading
    cdef str _instance
    cdef dict _fallbacks, _states
    cdef set _stale
    cdef list _ready

    cpdef bint has_ready(self) except -1
