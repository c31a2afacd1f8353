# The types with which Cython compiles telling.py; the source is that file alone.

cimport cython

from ollamux.routing.catalog cimport Offer
from ollamux.routing.plan cimport Candidate, Plan, rough
from ollamux.routing.standing cimport Standing
from ollamux.routing.strategies.base cimport Strategy

cdef dict _NUMBERS


cdef class Told:
    cdef tuple _first
    cdef Strategy _strategy
    cdef bint _leaning
    cdef long _tier
    cdef double _primary, _watts
    cdef readonly bytes alone, before, beside, between

    cdef bint holds(self, Plan plan, tuple first)


cpdef str why(Plan plan, Offer offer)
@cython.locals(standing=Standing, other=Standing, latency=long, kept=Told, number=bytes, second=bytes, third=bytes, fourth=bytes, best=list, size=Py_ssize_t)
cpdef bytes told(Plan plan, Offer offer, tuple first)
@cython.locals(seen=Candidate)
cdef bytes _rarely_told(Plan plan, Offer offer, tuple first)
cdef bytes _lines(tuple pairs)
