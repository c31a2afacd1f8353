# The types with which Cython compiles deadlines.py; the source is that file alone.

cimport cython

cdef double inf


cdef class Sleeper:
    cdef public double seen_at, wake_at
    cdef public long slot

    cpdef wake(self, double now)


cdef class Deadlines:
    cdef object _loop, _timer
    cdef dict _slots
    cdef long _next
    cdef double _due, _tick
    cdef int _looks

    @cython.locals(slot=long, found=set, now=double)
    cpdef set(self, Sleeper sleeper, double when)
    cpdef rest(self, Sleeper sleeper)
    @cython.locals(found=set)
    cpdef drop(self, Sleeper sleeper)
    cdef _wind(self, double now)
    cdef _look_at(self, Sleeper sleeper, double now)
