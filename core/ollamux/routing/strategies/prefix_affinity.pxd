# The types with which Cython compiles prefix_affinity.py; the source is that file alone.

cimport cython

from ollamux.routing.ask cimport Ask
from ollamux.routing.standing cimport Field, Standing
from ollamux.routing.station cimport Station
from ollamux.routing.strategies.base cimport Strategy

cdef double _BOUND


cdef class PrefixAffinity(Strategy):
    cdef object _prefixes
    cdef Standing _holder

    @cython.locals(standing=Standing, station=Station, holder=long, running=long, here=long, bounded=bint)
    cpdef prepare(self, Field field, Ask ask)
    cpdef double primary(self, Standing standing, Ask ask) except? -1
    cpdef took(self, Field field, Standing standing, Ask ask)
