# The types with which Cython compiles deadlines.py; the source is that file alone.

cdef class Deadlines:
    cdef object _loop, _timer
    cdef dict _slots
    cdef long _next

    cpdef set(self, sleeper, double when)
    cpdef drop(self, sleeper)
    cdef _look_at(self, sleeper, double now)
