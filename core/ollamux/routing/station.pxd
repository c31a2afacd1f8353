# The types with which Cython compiles station.py; the source is that file alone.

cimport cython


cdef class Station:
    cdef public str id, provider, region, excluded_by, trouble
    cdef public long number, provider_number, region_number, condition, apart, running, slots, queued, tier
    cdef public bint local, callable, blocked, full
    cdef public double weight, watts, heat, burden, busy_ms, queue_ms, excluded_until, guess_first_ms, guess_token_ms
    cdef public list standings
    cdef public object source
    cdef public long seen

    @cython.locals(running=long)
    cpdef crowd(self)
