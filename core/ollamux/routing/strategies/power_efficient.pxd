# The types with which Cython compiles power_efficient.py; the source is that file alone.

from ollamux.routing.ask cimport Ask
from ollamux.routing.standing cimport Field, Standing
from ollamux.routing.strategies.base cimport Strategy


cdef class PowerEfficient(Strategy):
    cpdef double primary(self, Standing standing, Ask ask) except? -1
