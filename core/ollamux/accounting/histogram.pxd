# The types with which Cython compiles histogram.py; the source is that file alone.

cimport cython


cdef class Histogram:
    cdef public tuple bounds
    cdef public double total
    cdef double _bounds[18]
    cdef long long _counts[18]
    cdef Py_ssize_t _last

    @cython.locals(index=Py_ssize_t)
    cpdef add(self, double value)
