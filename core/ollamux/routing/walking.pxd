# The types with which Cython compiles walking.py; the source is that file alone.

cimport cython

from ollamux.routing.ask cimport Ask
from ollamux.routing.standing cimport Field, Standing
from ollamux.routing.station cimport Station
from ollamux.routing.strategies.base cimport Strategy

cdef long _KEPT, _LAST, _OUT


cpdef double latency(Standing standing, Ask ask) except? -1
@cython.locals(size=long, place=long, before=long, number=long, tier=long, primary=double, rate=double, strict=bint, careful=bint, standing=Standing, numbers=cython.long[4], tiers=cython.long[4], primaries=cython.double[4], rates=cython.double[4])
cpdef long walk(Field field, Ask ask, Strategy strategy, long needs, list first) except -1
@cython.locals(rate=double, sooner=double, first=double, places=double, standing=Standing, station=Station)
cpdef tuple freed(Field field, Ask ask, Strategy strategy, long needs, double least, double than_ms)
