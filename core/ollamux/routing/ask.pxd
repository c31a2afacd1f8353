# The types with which Cython compiles ask.py; the source is that file alone.

cimport cython

from ollamux.routing.standing cimport Standing
from ollamux.routing.station cimport Station

cdef long _NEEDS, _TARGET, _PROVIDER, _REGIONS, _REGION, _MEDIA, _POWER, _LATENCY, _DEADLINE
cdef long _CALLABLE, _EXCLUDED, _LOAD


cdef class Ask:
    cdef public long needs, format, target, provider, region, media
    cdef public double latency, power, price, tokens_in, extra, tokens_out, max_watts, max_latency_ms, deadline_ms
    cdef public bint leaning, plain, strict
    cdef public object strategy, wishes
    cdef public tuple prefix
    cdef bint _limited
    cdef double _soonest

    @cython.locals(found=Ask)
    cpdef Ask sized(self, double tokens_in)
    @cython.locals(station=Station, first=double)
    cpdef long filtered(self, Standing standing, long needs) except -1
