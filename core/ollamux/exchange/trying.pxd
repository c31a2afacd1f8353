# The types with which Cython compiles trying.py; the source is that file alone.

cimport cython

from ollamux.backends cimport Backend
from ollamux.resilience.admission cimport Admission
from ollamux.resilience.circuits cimport Pass
from ollamux.resilience.guards cimport Guards
from ollamux.resilience.quota cimport Quota
from ollamux.routing.catalog cimport Offer
from ollamux.routing.fleet cimport Fleet
from ollamux.routing.standing cimport Standing


cdef tuple _FEW


cdef class Tries:
    cdef Guards _guards
    cdef Admission _admission
    cdef Backend _backend
    cdef Pass _pass
    cdef Quota _quota, _resting
    cdef Offer _offer
    cdef Fleet _fleet
    cdef Standing _standing
    cdef public Standing likely
    cdef double _began, _first
    cdef list _counts, _full
    cdef set _shut
    cdef dict _ranks
    cdef public dict parts
    cdef long _left, _position
    cdef bint _answered, _failed, _force, _loading
    cdef public list candidates, wanted
    cdef public tuple choices
    cdef public long before, calls, urgency
    cdef public str client
    cdef public double after, tokens

    cdef prepare(self, Guards guards, Admission admission, list candidates, Fleet fleet)
    @cython.locals(guards=Guards, admission=Admission, backend=Backend, offer=Offer, quota=Quota, found=Pass, standing=Standing)
    cpdef bint take(self, long position, who, double now) except -1
    cpdef answered(self, double now, double waited)
    cpdef part(self)
    cpdef rest_no_more(self, bint served=*)
    cpdef failed(self, outcome, double now)
    cdef double _wait(self, Quota quota, Backend backend, double now) except? -1
    @cython.locals(backend=Backend, standing=Standing)
    cpdef end(self, double now, double used, long tokens=*)


cdef tuple _in_order(long number)
