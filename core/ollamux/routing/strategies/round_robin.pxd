# The types with which Cython compiles round_robin.py; the source is that file alone.

cimport cython

from ollamux.routing.ask cimport Ask
from ollamux.routing.standing cimport Field, Standing
from ollamux.routing.strategies.base cimport Strategy


cdef class RoundRobin(Strategy):
    cpdef double primary(self, Standing standing, Ask ask) except? -1
    cpdef double rate(self, Standing standing, Ask ask) except? -1
    @cython.locals(step=double, turn=double)
    cpdef took(self, Field field, Standing standing, Ask ask)
