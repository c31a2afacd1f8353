# The types with which Cython compiles least_loaded.py; the source is that file alone.

cimport cython

from ollamux.routing.ask cimport Ask
from ollamux.routing.standing cimport Standing
from ollamux.routing.station cimport Station
from ollamux.routing.strategies.base cimport Strategy

cdef double _ASSUMED_PLACES


cdef class LeastLoaded(Strategy):
    @cython.locals(station=Station, taken=double)
    cpdef double primary(self, Standing standing, Ask ask) except? -1
