# The types with which Cython compiles fleet.py; the source is that file alone.

cimport cython

from ollamux.routing.ask cimport Ask
from ollamux.routing.catalog cimport Offer
from ollamux.routing.standing cimport Field, Standing


cdef class Fleet:
    cdef public dict stations
    cdef public set stale
    cdef public list out
    cdef object _allowed, _vendors, _formats, _leaning
    cdef double _kwh_price
    cdef dict _providers, _regions, _bits, _configs, _preferred, _standings, _fields, _asks, _loaded

    @cython.locals(first=Offer, found=Field)
    cpdef Field known(self, tuple offers)
    @cython.locals(found=Standing)
    cpdef Standing standing(self, Offer offer)
    @cython.locals(found=Ask, asks=dict)
    cpdef Ask plain(self, needs, str format_, double tokens_in)
