# The types with which Cython compiles capability_based.py; the source is that file alone.

from ollamux.routing.ask cimport Ask
from ollamux.routing.standing cimport Field, Standing
from ollamux.routing.strategies.base cimport Strategy


cdef class CapabilityBased(Strategy):
    cpdef double primary(self, Standing standing, Ask ask) except? -1
