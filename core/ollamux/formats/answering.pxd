# The types with which Cython compiles answering.py; the source is that file alone.

cimport cython

from ollamux.clock cimport Clock


cdef class RenderContext:
    cdef public str model
    cdef public Clock clock
    cdef public double arrived, dispatched


@cython.locals(made=RenderContext)
cpdef RenderContext context_of(str model, Clock clock, double arrived, double dispatched)
