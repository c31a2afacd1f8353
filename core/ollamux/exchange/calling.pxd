# The types with which Cython compiles calling.py; the source is that file alone.

cimport cython

from ollamux.backends cimport Backend
from ollamux.exchange.deciding cimport best_few
from ollamux.exchange.machines cimport Machines
from ollamux.exchange.sending cimport SendState
from ollamux.exchange.trying cimport Tries
from ollamux.formats.asking cimport Incoming
from ollamux.formats.base cimport Calling, Dialect
from ollamux.formats.outgoing cimport Outgoing
from ollamux.resilience.admission cimport Admission
from ollamux.resilience.guards cimport Guards
from ollamux.routing.catalog cimport Offer
from ollamux.routing.plan cimport Plan

cdef double inf


cdef class CallState(SendState):
    @cython.locals(incoming=Incoming, backend=Backend, house=Machines, offer=Offer, guards=Guards, offers=tuple, alone=Backend, tries=Tries)
    cdef _look_up(self, double now, bint last)
    @cython.locals(incoming=Incoming, backend=Backend, tries=Tries, position=long, offer=Offer, plan=Plan, choosy=bint)
    cdef _dispatch(self, double now)
    @cython.locals(tries=Tries, admission=Admission)
    cdef _queue(self, bint anew, double now)
    cdef _go_on(self, double now)
    @cython.locals(tries=Tries)
    cdef _next(self, error, double now, failure=*)
    @cython.locals(incoming=Incoming, outgoing=Outgoing, called=Calling)
    cdef _make_call(self, Offer offer, Backend backend, double now)
    @cython.locals(incoming=Incoming)
    cdef _call(self, Offer offer, Backend backend, double now)
    @cython.locals(incoming=Incoming, outgoing=Outgoing, called=Calling, dialect=Dialect)
    cdef tuple _translate(self, double now)
    @cython.locals(outgoing=Outgoing, called=Calling, dialect=Dialect)
    cdef tuple _next_part(self, double now)
    cdef _forget_attempt(self)
    cdef _picture_head(self, status, headers, double now)
    cdef _picture_end(self, double now)
    cdef tuple _no_picture(self, error, double now)
    cdef _answer_here(self, Incoming incoming, Offer offer, double now)
    cdef _answer_itself(self, Offer offer, Backend backend, double now)
    cdef _play(self, double now)
