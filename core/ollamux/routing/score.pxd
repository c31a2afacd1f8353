# The types with which Cython compiles score.py; the source is that file alone.

cimport cython

from ollamux.routing.ask cimport Ask
from ollamux.routing.standing cimport Standing
from ollamux.routing.station cimport Station

cdef double _PRIORITY, _PACE, _JOULE, _DOLLAR, _IN, _OUT

cpdef double dollars(Standing standing, Ask ask) except? -1
@cython.locals(station=Station)
cpdef double score(Standing standing, Ask ask) except? -1


cdef class Terms:
    cdef public double priority, preference, waiting, pace, power, price, heat, trust, score

    @cython.locals(station=Station)
    cpdef fill(self, Standing standing, Ask ask)
