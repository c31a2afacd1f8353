# The types with which Cython compiles base.py; the source is that file alone.

from ollamux.routing.ask cimport Ask
from ollamux.routing.score cimport score
from ollamux.routing.standing cimport Field, Standing


cdef class Strategy:
    cpdef prepare(self, Field field, Ask ask)
    cpdef double primary(self, Standing standing, Ask ask) except? -1
    cpdef double rate(self, Standing standing, Ask ask) except? -1
    cpdef took(self, Field field, Standing standing, Ask ask)
