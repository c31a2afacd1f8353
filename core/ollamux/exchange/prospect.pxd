# The types with which Cython compiles prospect.py; the source is that file alone.

from ollamux.exchange.machines cimport Machines
from ollamux.routing.ask cimport Ask
from ollamux.routing.plan cimport Plan


cdef class Prospect:
    cdef Machines _house
    cdef Ask _ask
    cdef str _name
    cdef tuple _offers
    cdef double _arrived
    cdef bint _stuck
    cdef public Plan plan
    cdef public str group
    cdef public double alarm
    cdef public tuple wanted

    cpdef waits(self)
    cpdef str goes(self, double now, bint first_round)
    cdef bint _plan_anew(self, double now) except -1
