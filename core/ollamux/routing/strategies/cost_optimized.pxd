# The types with which Cython compiles cost_optimized.py; the source is that file alone.

from ollamux.routing.ask cimport Ask
from ollamux.routing.score cimport dollars
from ollamux.routing.standing cimport Field, Standing
from ollamux.routing.strategies.base cimport Strategy

cdef double _UNKNOWN


cdef class CostOptimized(Strategy):
    cpdef double primary(self, Standing standing, Ask ask) except? -1
