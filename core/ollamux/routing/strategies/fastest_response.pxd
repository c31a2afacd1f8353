# The types with which Cython compiles fastest_response.py; the source is that file alone.

cimport cython

from ollamux.routing.ask cimport Ask
from ollamux.routing.standing cimport Standing
from ollamux.routing.station cimport Station
from ollamux.routing.strategies.base cimport Strategy


cdef class FastestResponse(Strategy):
    @cython.locals(station=Station, first=double)
    cpdef double primary(self, Standing standing, Ask ask) except? -1
