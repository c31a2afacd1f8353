# The types with which Cython compiles plan.py; the source is that file alone.

cimport cython

from ollamux.routing.ask cimport Ask
from ollamux.routing.score cimport Terms
from ollamux.routing.standing cimport Field, Standing
from ollamux.routing.strategies.base cimport Strategy
from ollamux.routing.walking cimport freed, latency, walk

cdef long _OUT, _READY
cdef double _LOADS, _LONGEST, _SLOW


cdef class Candidate(Terms):
    cdef public Standing standing
    cdef public long tier
    cdef public double primary, latency_ms, watts

    cdef _take_down(self, Standing standing, Ask ask)


cdef class Plan:
    cdef public Field field
    cdef public Ask ask
    cdef public Strategy strategy
    cdef public double now
    cdef public Standing chosen
    cdef public list first
    cdef public long needs, waiting, tier
    cdef public double primary, latency_ms, watts
    cdef list _all
    cdef Candidate _best
    cdef tuple _left_out

    @cython.locals(chosen=Standing)
    cdef choose(self, list first)
    @cython.locals(standing=Standing)
    cpdef bint goes(self, double waited, bint first_round=*) except -1
    @cython.locals(standing=Standing, own=double, rate=double, first=double, worth=double)
    cdef double _patience(self) except -1


cdef class Planner:
    cdef public object fleet
    cdef public dict strategies
    cdef public Strategy default
    cdef public bint by_prefix

    @cython.locals(strategy=Strategy, needs=long, kept=long, first=list, found=Plan)
    cpdef Plan plan(self, Field field, Ask ask, double now, long waiting=*)
    cpdef took(self, Plan plan, Candidate candidate, double now)


@cython.locals(scale=long)
cpdef long rough(double number) except -1
