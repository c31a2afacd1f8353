# The types with which Cython compiles histogram.py; the source is that file alone.

cdef class Histogram:
    cdef public tuple bounds
    cdef public list counts
    cdef public double total

    cpdef add(self, double value)
