# The types with which Cython compiles searching.py; the source is that file alone.

cimport cython

from ollamux.backends cimport Backend
from ollamux.exchange.counting cimport CountingState
from ollamux.exchange.deciding cimport asked, decided, planned
from ollamux.exchange.machines cimport Machines
from ollamux.exchange.prospect cimport Prospect
from ollamux.exchange.sharing cimport begun, ended
from ollamux.exchange.trying cimport Tries
from ollamux.formats.asking cimport Incoming, Served, served_as
from ollamux.formats.base cimport Calling, Dialect
from ollamux.formats.outgoing cimport Outgoing
from ollamux.routing.catalog cimport Offer
from ollamux.routing.plan cimport Plan
from ollamux.routing.standing cimport Standing
from ollamux.usage cimport Usage

cdef double _BYTES, _SHORT, _SOME


cdef class SearchState(CountingState):
    cdef tuple _visible(self, tuple offers)
    cdef tuple _chosen(self, Incoming incoming)
    @cython.locals(incoming=Incoming, backend=Backend, house=Machines, plan=Plan, found=list, tokens=double)
    cdef list _ordered(self, tuple offers, double now)
    cdef list _narrowed(self, list pairs)
    cdef list _all_of(self, plan)
    cdef bint _can_resume(self, Offer offer, Backend backend) except -1
    cdef _look_further(self, Tries tries, double now)
    cdef list _following(self, double now)
    cdef Served _seen_as(self, Offer offer)
    @cython.locals(called=Calling)
    cdef bint _same_format(self, Offer offer, Backend backend) except -1
    cdef Calling _calling(self, Offer offer, Backend backend)
    @cython.locals(called=Calling, dialect=Dialect)
    cdef long _parts(self, Incoming incoming, Offer offer, Backend backend) except -1
    @cython.locals(body=bytes, size=double)
    cdef double _estimated(self, Incoming incoming, Offer offer) except? -1
    @cython.locals(tries=Tries)
    cdef _decide(self, double now, failure)
    cdef _given_up(self, found, double now)
    cdef _foresee(self)
    cdef _waits_no_more(self)
    cdef _wishes(self)
    @cython.locals(plan=Plan, standing=Standing)
    cdef _took(self, Offer offer)
    cdef double _patience(self, double now) except? -1
    cdef _tell_limits(self, long status, headers, double now)
    cdef _kept(self, Backend backend, Incoming incoming, Outgoing outgoing, double now)
    cdef _keep_no_more(self, Backend backend, Incoming incoming, double now)
    cdef str _upstream_of_offer(self)
    @cython.locals(backend=Backend, incoming=Incoming, tokens=longlong, tries=Tries, usage=Usage, used=double)
    cdef _let_go(self, double now)


cdef Served _served(Incoming incoming, Offer offer)
