# The types with which Cython compiles answering.py; the source is that file alone.

from ollamux.clock cimport Clock


cdef class RenderContext:
    cdef public str model
    cdef public Clock clock
    cdef public double arrived, dispatched
