# The types with which Cython compiles histogram.py; the source is that file alone.

cimport cython


cdef class Histogram:
    cdef public tuple bounds
    cdef public list counts
    cdef public double total

    @cython.locals(bound=double, index=Py_ssize_t)
    cpdef add(self, double value)
