# The types with which Cython compiles sending.py; the source is that file alone.

cimport cython

from ollamux.answer cimport Answer
from ollamux.backends cimport Backend
from ollamux.contract cimport Call
from ollamux.exchange.ending cimport EndState
from ollamux.formats.asking cimport Incoming
from ollamux.formats.base cimport Calling
from ollamux.formats.outgoing cimport Outgoing
from ollamux.routing.catalog cimport Offer
from ollamux.usage cimport Usage


cdef class SendState(EndState):
    cdef _defaults(self, Offer offer)
    @cython.locals(backend=Backend, call=Call, incoming=Incoming)
    cdef tuple _send(self, Outgoing outgoing, double now)
    cdef tuple _fetch(self, double now)
    cdef bint _streams(self, headers) except -1
    @cython.locals(incoming=Incoming, called=Calling)
    cdef _make_converter(self)
    @cython.locals(incoming=Incoming, called=Calling)
    cdef _witnessed(self, converter)
    @cython.locals(answer=Answer)
    cdef bytes _render_whole(self, Calling called, neutral, bytes body, double now)
    @cython.locals(called=Calling)
    cdef _finished(self, str reason, str native)
    cdef bytes _render_parts(self, fan, double now)


cpdef Usage used_by(found)
