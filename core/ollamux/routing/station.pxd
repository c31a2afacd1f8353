# The types with which Cython compiles station.py; the source is that file alone.

cimport cython

cdef long _DEGRADED, _OUT
cdef double _DEGRADED_COSTS, _CROWD, _BUSY_MS


cdef class Station:
    # What a decision reads comes first, so that it lies side by side in memory.
    cdef public long tier
    cdef public double queue_ms, burden, watts
    cdef public bint blocked, full
    cdef public long taken, queued, slots, region_number, provider_number, number
    cdef public str id, provider, region, excluded_by, trouble
    cdef public long condition, admitted, running
    cdef public bint local, callable
    cdef public double weight, heat, busy_ms, excluded_until, guess_first_ms, guess_token_ms
    cdef public bytes behind, label
    cdef public list standings
    cdef public object source

    cpdef admits(self, long admitted)
    @cython.locals(running=long, busy=double)
    cpdef crowd(self)
