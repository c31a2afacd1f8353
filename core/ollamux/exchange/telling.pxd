# The types with which Cython compiles telling.py; the source is that file alone.

cimport cython

from ollamux.routing.catalog cimport Offer
from ollamux.routing.plan cimport Candidate, Plan, rough
from ollamux.routing.standing cimport Standing
from ollamux.routing.strategies.base cimport Strategy


cdef class Told:
    cdef tuple _first, _last
    cdef Strategy _strategy
    cdef bint _leaning
    cdef long _tier
    cdef double _primary, _watts
    cdef dict _kinds
    cdef str _kind, _others
    cdef readonly tuple pairs

    cdef bint holds(self, Plan plan, tuple first)
    @cython.locals(found=tuple)
    cdef tuple headers(self, str kind, str others)


cpdef str why(Plan plan, Offer offer)
@cython.locals(standing=Standing, latency=long, found=Told)
cpdef tuple told(Plan plan, Offer offer, tuple first, str kind=*)
@cython.locals(seen=Candidate)
cdef tuple _rarely_told(Plan plan, Offer offer)
cdef tuple _headers(Standing standing, str reason, long latency, double watts)
cdef tuple _typed(str kind, tuple headers)
