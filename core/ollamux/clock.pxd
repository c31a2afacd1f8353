# The types with which Cython compiles clock.py; the source is that file alone.

cimport cython


cdef class Clock:
    cdef public double base
    cdef public object began
    cdef object _zone
    cdef str _zone_text, _text
    cdef long long _second

    @cython.locals(since=double, second=longlong, micros=longlong)
    cpdef str stamp(self, double now)
