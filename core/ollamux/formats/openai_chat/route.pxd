# The types with which Cython compiles route.py; the source is that file alone.

cdef class Route:
    cdef public str model
    cdef public bint stream, tools, pictures
    cdef public long choices, usage
    cdef public object extensions
